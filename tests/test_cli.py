"""The command as typed: what it prints, and what it returns to the shell."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from derivkit.cli import main
from derivkit.cli.models import FileFunction, load_function
from derivkit.program import Program

EXAMPLE = str(Path(__file__).parents[1] / "examples" / "misra1a.py")
CERTIFIED = ["238.94212918", "5.5015643181e-4"]

MODEL = """
import math

import beside

def loss(theta):
    return math.sin(theta[0]) + theta[1] ** 2

def both(theta):
    return [math.sin(theta[0]) + theta[1], theta[0] * theta[1]]

def helped(theta):
    return beside.square(theta[0])

def broken(theta):
    raise KeyError("no such thing")

def alone(theta):
    return 1.0 if theta[0] == 0.5 else math.nan

def loss_gradient(theta):
    return [math.cos(theta[0]), 2 * theta[1]]

def wrong_gradient(theta):
    return [math.cos(theta[0]), theta[1]]

def loss_hessian(theta):
    return [[-math.sin(theta[0]), 0.0], [0.0, 2.0]]

NUMBER = 3
"""


@pytest.fixture
def model(tmp_path):
    (tmp_path / "beside.py").write_text("def square(x):\n    return x * x\n")
    path = tmp_path / "a_users_model.py"
    path.write_text(MODEL)
    return str(path)


def test_the_gradient_of_a_function_in_a_file_is_printed_as_a_table(model, capsys):
    assert main(["gradient", f"{model}:loss", "--at", "0.5", "2.0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["parameter", "value", "error", "step", "calls", "status"]
    assert float(lines[2].split()[1]) == pytest.approx(np.cos(0.5), abs=1e-6)
    assert float(lines[3].split()[1]) == pytest.approx(4.0, abs=1e-6)


def test_named_parameters_stand_in_the_output(model, capsys):
    assert main(["gradient", f"{model}:loss", "--at", "a=0.5", "b=2.0", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["names"] == ["a", "b"]
    assert result["value"] == pytest.approx([np.cos(0.5), 4.0], abs=1e-6)


def test_csv_is_read_back_by_a_csv_reader(model, capsys):
    assert main(["gradient", f"{model}:loss", "--at", "0.5", "2.0", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [float(row["value"]) for row in rows] == pytest.approx([np.cos(0.5), 4.0], abs=1e-6)


@pytest.mark.parametrize(
    ("tensor", "function", "exact"),
    [
        ("jacobian", "both", [[np.cos(0.5), 1.0], [2.0, 0.5]]),
        ("hessian", "loss", [[-np.sin(0.5), 0.0], [0.0, 2.0]]),
        ("hessian-diag", "loss", [-np.sin(0.5), 2.0]),
    ],
)
def test_every_tensor_has_its_command(model, capsys, tensor, function, exact):
    assert main([tensor, f"{model}:{function}", "--at", "0.5", "2.0", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)["value"]
    np.testing.assert_allclose(value, exact, atol=1e-6)


@pytest.mark.parametrize(
    ("claim", "what", "code"),
    [
        ("loss_gradient", "gradient", 0),
        ("wrong_gradient", "gradient", 1),
        ("loss_hessian", "hessian", 0),
    ],
)
def test_a_claimed_derivative_is_checked_and_the_exit_code_is_the_verdict(
    model, capsys, claim, what, code
):
    words = [f"{model}:loss", f"{model}:{claim}", "--what", what, "--at", "a=0.5", "b=2.0"]
    assert main(["check", *words]) == code
    assert ("disagree: b" in capsys.readouterr().out) == (code == 1)
    assert main(["check", *words, "--json"]) == code
    assert len(json.loads(capsys.readouterr().out)) == {"gradient": 2, "hessian": 4}[what]


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_the_plot_is_written_to_the_file(model, tmp_path, ending):
    picture = tmp_path / f"gradient.{ending}"
    assert main(["gradient", f"{model}:loss", "--at", "1", "2", "--plot", str(picture)]) == 0
    assert picture.stat().st_size > 5000


@pytest.mark.parametrize(
    ("picture", "text"),
    [("gradient.xyz", "must end in one of"), ("nowhere/gradient.png", "folder must exist")],
)
def test_a_picture_that_cannot_be_written_is_told_before_any_call(model, picture, text, capsys):
    words = ["gradient", f"{model}:broken", "--at", "1", "--plot", picture]
    assert main(words) == 2  # and not 3, the model's failure
    assert text in capsys.readouterr().err


def test_a_model_that_has_loaded_pyplot_opens_no_window_for_the_plot(tmp_path):
    (tmp_path / "model.py").write_text("import matplotlib.pyplot\ndef f(x): return x[0] ** 2\n")
    words = ["gradient", "model.py:f", "--at", "1", "--plot", "picture.png"]
    environment = {key: value for key, value in os.environ.items() if key != "DISPLAY"}
    subprocess.run(
        [sys.executable, "-m", "derivkit", *words],
        cwd=tmp_path,
        env=environment | {"MPLBACKEND": "tkagg"},  # fails where there is no display
        check=True,
    )
    assert (tmp_path / "picture.png").stat().st_size > 5000


def test_a_checkpoint_is_taken_up_by_the_next_run(model, tmp_path, capsys):
    words = ["gradient", f"{model}:loss", "--at", "0.5", "2.0", "--json"]
    words += ["--checkpoint", str(tmp_path / "run.db")]
    values = []
    for _ in range(2):
        assert main(words) == 0
        values.append(json.loads(capsys.readouterr().out)["value"])
    assert values[0] == values[1]
    assert (tmp_path / "run.db").exists()


def test_progress_is_shown_on_standard_error_only(model, capsys):
    assert main(["gradient", f"{model}:loss", "--at", "0.5", "2.0", "--progress", "--csv"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("parameter,value,error")
    assert "call" in err


def test_negative_numbers_in_any_notation_are_numbers_not_options(model, capsys):
    assert main(["gradient", f"{model}:loss", "--at", "-1e-3", "-.5", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["x0"] == [-1e-3, -0.5]


def test_options_of_the_method_are_passed_on(model, capsys):
    words = ["--method", "finite", "--option", "stepsize=1e-2", "--option", "num_points=5"]
    assert main(["gradient", f"{model}:loss", "--at", "0.5", "2.0", *words, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["method"] == "finite"
    assert result["value"] == pytest.approx([np.cos(0.5), 4.0], abs=1e-6)


def test_worker_processes_load_the_file_and_give_the_same_bits(model, capsys):
    outputs = []
    for workers in ("1", "2"):
        main(["gradient", f"{model}:helped", "--at", "1.5", "--workers", workers, "--json"])
        outputs.append(json.loads(capsys.readouterr().out)["value"])
    assert outputs[0] == outputs[1] == pytest.approx([3.0], abs=1e-6)


def test_a_program_takes_parameters_as_arguments(capsys):
    program = f"{sys.executable} -c 'import sys; a, b = map(float, sys.argv[1:]); print(a * b)'"
    assert main(["gradient", "--exec", f"{program} {{theta}}", "--at", "3", "-2", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)["value"]
    assert value == pytest.approx([-2.0, 3.0], abs=1e-6)


def test_a_program_without_a_place_for_them_reads_parameters_from_its_standard_input():
    program = Program(f"{sys.executable} -c 'print(sum(map(float, open(0))))'")
    assert program(np.array([0.1, 0.2])) == 0.1 + 0.2


def test_a_program_that_prints_several_numbers_gives_an_array():
    assert Program("echo 1,2.5 nan")(np.zeros(1)).tolist()[:2] == [1.0, 2.5]


def test_a_program_that_ends_with_an_error_code_is_undefined_there():
    with pytest.raises(ArithmeticError, match="exit code 1"):
        Program(f"{sys.executable} -c 'raise SystemExit(1)'")(np.zeros(1))


def test_a_program_that_prints_no_number_is_told_so():
    with pytest.raises(RuntimeError, match="must be a number or numbers, got 'hello'"):
        Program("echo hello")(np.zeros(1))


def test_a_function_in_a_package_is_found(monkeypatch, tmp_path, capsys):
    (tmp_path / "my_package_of_models.py").write_text("def f(theta):\n    return theta[0] ** 2\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main(["gradient", "my_package_of_models:f", "--at", "3", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == pytest.approx([6.0], abs=1e-6)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["gradient", "{model}:loss", "--at", "0.5", "two"], 2, "`--at` must be numbers"),
        (["gradient", "{model}:loss", "--at", "a=0.5", "2"], 2, "name=number for each"),
        (["gradient", "{model}:loss", "--at", "a=1", "a=2"], 2, "name each parameter once"),
        (["gradient", "{model}:los", "--at", "1"], 2, "has no function 'los'; it has loss"),
        (["gradient", "{model}:NUMBER", "--at", "1"], 2, "must be a function, got int"),
        (["gradient", "{model}", "--at", "1"], 2, "path/to/file.py:function"),
        (["gradient", "missing.py:f", "--at", "1"], 2, "file must exist"),
        (["gradient", "no_such_package:f", "--at", "1"], 2, "no_such_package"),
        (["gradient", "--at", "1"], 2, "either a model"),
        (["gradient", "{model}:loss", "--exec", "echo 1", "--at", "1"], 2, "either a model"),
        (["gradient", "{model}:both", "--at", "0.5", "2"], 2, "use jacobian"),
        (["jacobian", "{model}:loss", "--at", "0.5", "2"], 2, "use gradient"),
        (["gradient", "{model}:loss", "--at", "1", "2", "--method", "finit"], 2, "did you mean"),
        (["gradient", "{model}:loss", "--at", "1", "2", "--option", "x"], 2, "KEY=VALUE"),
        (["gradient", "{model}:loss", "--at", "1", "2", "--bounds", "1", "2"], 2, "LOW:HIGH"),
        (["gradient", "{model}:loss", "--at", "1", "2", "--bounds", "2:", ":"], 2, "inside"),
        (["gradient", "{model}:broken", "--at", "1"], 3, "KeyError"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line_with_its_exit_code(model, capsys, words, code, text):
    assert main([word.format(model=model) for word in words]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("derivkit: error: ")
    assert err.count("\n") == 1
    assert text in err


def test_a_file_that_does_not_load_is_told_with_its_own_error(tmp_path, capsys):
    (tmp_path / "wrong.py").write_text("import nothing_of_that_name\n")
    assert main(["gradient", f"{tmp_path}/wrong.py:f", "--at", "1"]) == 2
    assert "ModuleNotFoundError" in capsys.readouterr().err


def test_an_unresolved_derivative_is_warned_of_and_told_by_the_exit_code(model, capsys):
    assert main(["gradient", f"{model}:alone", "--at", "0.5"]) == 1
    out, err = capsys.readouterr()
    assert "x[0]" in out
    assert err.startswith("derivkit: warning: ")


def test_methods_lists_every_method_with_its_aliases(capsys):
    assert main(["methods"]) == 0
    out = capsys.readouterr().out
    assert "finite\n    aliases: finite-difference" in out


@pytest.mark.parametrize("words", [[], ["gradient"], ["nonsense"]])
def test_wrong_usage_ends_with_code_2(words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


def test_python_m_derivkit_is_the_command():
    words = [sys.executable, "-m", "derivkit", "gradient", f"{EXAMPLE}:log_likelihood", "--at"]
    ran = subprocess.run([*words, *CERTIFIED, "--json"], capture_output=True, text=True, check=True)
    value = json.loads(ran.stdout)["value"]
    # the certified parameters carry eleven digits, the curvatures are 7e2 and 2e14
    assert abs(value[0]) < 1e-5
    assert abs(value[1]) < 1.0


def test_a_function_in_a_file_is_the_same_after_pickling(model):
    import pickle

    function = pickle.loads(pickle.dumps(load_function(f"{model}:loss")))
    assert isinstance(function, FileFunction)
    assert function(np.array([0.0, 2.0])) == 4.0


def test_nobody_reading_the_output_to_its_end_is_no_error():
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "derivkit", "methods"],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
