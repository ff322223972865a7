"""The command as typed: what it prints, and what it returns to the shell."""

import contextlib
import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from derivkit import CalculusKit, ModelError
from derivkit.cli import main
from derivkit.cli.models import FileFunction, load_function
from derivkit.models.program import Program

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

def squares(theta):
    return sum(theta**2)

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
        (["gradient", "{model}:loss", "--at", "0.5,2"], 2, "`--at` must be separated by spaces"),
        (["gradient", "{model}:loss", "--at", "a=1,b=2"], 2, "must be separated by spaces"),
        (
            ["gradient", "{model}:loss", "--at", "1", "2", "--scale", "1,2"],
            2,
            "`--scale` must be separated by spaces",
        ),
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


@pytest.fixture
def terminal(capsys, monkeypatch):
    """Make captured streams a terminal of 60 columns."""
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda _: True)


def test_a_terminal_breaks_messages_between_words(model, capsys, terminal):
    assert main(["gradient", f"{model}:loss", "--at", "1", "2", "--method", "finit"]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) > 2
    assert max(map(len, lines)) <= 60
    assert " ".join(line.strip() for line in lines).endswith("did you mean 'finite'?")


def test_what_is_unresolved_is_told_once_where_the_table_is_on_the_same_screen(
    model, capsys, terminal
):
    words = ["gradient", f"{model}:alone", "--at", "0.5"]
    assert main(words) == 1
    out, err = capsys.readouterr()
    assert "the derivative with respect to x[0]" in out
    assert err == ""
    assert main([*words, "--json"]) == 1
    assert capsys.readouterr().err.startswith("derivkit: warning: ")


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["grad", "m.py:f", "--at", "1"], "invalid choice: 'grad'; did you mean 'gradient'?"),
        (["gradient", "m.py:f", "--at", "1", "--methd", "x"], "did you mean '--method'?"),
        (["doctor", "--quick"], "unrecognized arguments: --quick"),
    ],
)
def test_a_misspelt_command_or_option_is_told_in_four_lines_with_the_right_one(words, hint, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    err = capsys.readouterr().err
    assert ended.value.code == 2
    assert hint in err
    assert len(err.splitlines()) <= 4


def test_an_interrupt_while_modules_are_loaded_is_told_in_one_line(monkeypatch, capsys):
    def interrupted(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr("derivkit.cli.arguments.parse", interrupted)
    assert main(["methods"]) == 130
    assert capsys.readouterr().err == "derivkit: error: interrupted\n"


def test_a_table_that_is_cut_says_which_option_has_it_all(model, capsys):
    assert main(["gradient", f"{model}:squares", "--at", *map(str, range(1, 51))]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "… 10 more; --csv has them all"


@pytest.mark.parametrize("words", [[], ["gradient"], ["nonsense"]])
def test_wrong_usage_ends_with_code_2(words):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


HEADINGS = (
    "what to differentiate|what to check|the samples|the plan",
    "the forecast",
    "the parameters",
    "steps and accuracy",
    "the calls",
    "the checkpoint",
    "the output",
    "exit codes",
)  # of a sub-command's help, in this order; those that it has
DERIVATIVES = ["gradient", "jacobian", "hessian", "hessian-diag", "hyper-hessian", "directional"]
GROUPED = [*DERIVATIVES, "fisher", "dali", "laplace", "covariance", "check", "sampled", "plan"]


@pytest.mark.parametrize("command", GROUPED)
def test_the_help_of_a_command_fits_a_terminal_and_has_its_options_in_groups(
    command, monkeypatch, capsys
):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    text = capsys.readouterr().out
    assert end.value.code == 0
    assert all(len(line) <= 80 for line in text.splitlines())
    own, *groups = re.findall(r"^([a-z ]+):\n((?:  .*\n|\n(?=  ))+)", text, re.MULTILINE)
    assert own[0] == "options"
    assert re.findall(r"--\w[\w-]*", own[1]) == ["--help"]  # every other one has its group
    places = [
        next(k for k, words in enumerate(HEADINGS) if re.fullmatch(words, heading))
        for heading, _ in groups
    ]
    assert places == sorted(set(places))
    assert re.fullmatch(HEADINGS[0], groups[0][0])


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


AREA = "import sys; a, b = map(float, sys.argv[1:]); print(repr(a * b))"


def the_command(*words):
    """Run the command; return its exit code and the last line on standard error."""
    try:
        return main(list(words))
    except SystemExit as stop:
        return stop.code


def test_names_stand_for_single_parameters_of_a_program(capsys):
    program = f"{sys.executable} -c {shlex.quote(AREA)} {{b}} {{a}}"
    assert main(["gradient", "--exec", program, "--at", "a=3", "b=5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == pytest.approx([5.0, 3.0], abs=1e-6)


@pytest.mark.parametrize(
    ("command", "at", "message"),
    [
        ("", ["1"], "must be a command, got nothing"),
        ("./sim {a} {b}", ["1", "2"], "no placeholder but {theta}, got {a}"),
        ("./sim {a} {c}", ["a=1", "b=2"], "no placeholder but {a}, {b}, {theta}, got {c}"),
        ("./sim {theta} | tail -1", ["1"], "which no shell runs, got '|'"),
        ("./sim {theta} > out", ["1"], "which no shell runs, got '>'"),
        ("./sim $HOME", ["1"], "which no shell runs, got '$HOME'"),
        ('./sim "a', ["1"], "No closing quotation"),
        ("./nowhere {theta}", ["1"], "nowhere"),
    ],
)
def test_a_command_that_cannot_be_meant_is_refused_in_one_line(command, at, message, capsys):
    assert the_command("gradient", "--exec", command, "--at", *at) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("command", ["echo 3.5", f"{sys.executable} -c 'print(3.5)' {{theta}}"])
def test_a_program_that_never_reads_its_parameters_is_told_and_is_no_success(command, capsys):
    assert main(["gradient", "--exec", command, "--at", "0.5", "2"]) == 1
    assert "does the model read its parameters?" in capsys.readouterr().err


def test_a_program_that_prints_few_digits_is_told(capsys):
    code = "import sys, math; print('%.6g' % math.sin(float(sys.argv[1])))"
    program = f"{sys.executable} -c {shlex.quote(code)} {{theta}}"
    main(["gradient", "--exec", program, "--at", "0.5"])
    assert "prints 6 digits: print 17" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("printed", "pattern", "value"),
    [
        ("[1] 4.47", None, 4.47),
        ("chi2 = 3.5 (2 dof)", r"= (\S+)", 3.5),
        ("loss 1.5\nwritten", r"loss (\S+)", 1.5),
    ],
)
def test_the_numbers_are_found_where_r_prints_them_or_a_pattern_says(printed, pattern, value):
    program = Program(f"printf {shlex.quote(printed)}", pattern=pattern)
    assert program(np.zeros(1)) == value


def test_bytes_beyond_utf8_do_not_matter():
    assert Program("printf '\\351 log\\n3.5\\n'")(np.zeros(1)) == 3.5


def test_a_crash_is_an_error_that_names_the_signal_and_not_undefined():
    with pytest.raises(ChildProcessError, match="SIGSEGV"):
        Program("sh -c 'kill -11 $$'")(np.zeros(1))


def test_what_a_program_has_started_ends_with_its_time(tmp_path):
    script = tmp_path / "t"
    script.write_text(f"#!/bin/sh\nsleep 600 & echo $! > {tmp_path}/kid\nwait\n")
    script.chmod(0o755)
    with pytest.raises(ModelError, match="longer than timeout"):
        CalculusKit(Program(f"{script} {{theta}}"), [1.0], timeout=5.0).gradient()
    kid = int((tmp_path / "kid").read_text())
    end = time.monotonic() + 120
    with contextlib.suppress(psutil.NoSuchProcess):
        while psutil.Process(kid).status() != "zombie":
            assert time.monotonic() < end
            time.sleep(0.05)


def test_an_edited_model_is_another_model_to_its_checkpoint(tmp_path):
    model, run = tmp_path / "model.py", str(tmp_path / "run.db")

    def gradient(source, *more):
        model.write_text(source)
        words = ["gradient", f"{model}:f", "--at", "3", "--json", "--checkpoint", run, *more]
        return subprocess.run(
            [sys.executable, "-m", "derivkit", *words],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )

    first = gradient("def f(x):\n    return x[0] ** 2\n")
    assert json.loads(first.stdout)["value"] == pytest.approx([6.0])
    same = gradient("def f(x):  # a comment\n    return x[0] ** 2\n")
    assert same.returncode == 0
    other = gradient("def f(x):\n    return 5 * x[0] ** 2\n")
    assert (other.returncode, other.stderr.count("\n")) == (2, 1)
    assert "the model is not the one whose" in other.stderr
    anew = gradient("def f(x):\n    return 5 * x[0] ** 2\n", "--checkpoint-mismatch", "discard")
    assert json.loads(anew.stdout)["value"] == pytest.approx([30.0])


def test_an_edited_program_is_another_model_to_its_checkpoint(tmp_path, capsys):
    script, run = tmp_path / "sim.py", str(tmp_path / "run.db")
    words = ["gradient", "--exec", f"{sys.executable} {script} {{theta}}", "--at", "3"]
    words += ["--json", "--checkpoint", run]
    script.write_text("import sys\nprint(repr(float(sys.argv[1]) ** 2))\n")
    assert main(words) == 0
    script.write_text("import sys\nprint(repr(5 * float(sys.argv[1]) ** 2))\n")
    capsys.readouterr()
    assert main(words) == 2
    assert "changed: attribute files" in capsys.readouterr().err
    assert main([*words, "--checkpoint-mismatch", "discard"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == pytest.approx([30.0])


def test_an_unusable_checkpoint_is_wrong_usage_and_one_line(tmp_path, capsys):
    (tmp_path / "text").write_text("text")
    for name in ("nowhere/x.db", "text", "."):
        words = ["--at", "1", "2", "--checkpoint", str(tmp_path / name)]
        assert main(["gradient", f"{EXAMPLE}:log_likelihood", *words]) == 2
        told = capsys.readouterr().err
        assert told.count("\n") == 1
        assert "DERIVKIT_TRACEBACK" not in told  # as for what nobody thought of


def test_names_bounds_scales_calls_and_the_order_of_arguments(tmp_path):
    model = tmp_path / "named.py"
    model.write_text(
        "def f(a, b):\n    return a**2 * b\ndef g(x):\n    return x['a']**2 * x['b']\n"
    )
    output = tmp_path / "out.json"
    words = ["--bounds", "a=0:", "b=:9", "--scale", "a=2", "b=1", "--output", str(output)]
    for name, call in (("f", "keywords"), ("g", "same"), ("f", "positional")):
        argv = ["gradient", "--json", "--call", call, *words, "--at", "a=3", "b=2"]
        assert main([*argv, f"{model}:{name}"]) == 0
        assert json.loads(output.read_text())["value"] == pytest.approx([12.0, 9.0])


def test_a_name_that_a_spreadsheet_would_take_for_a_formula_is_text_in_csv(tmp_path, capsys):
    model = f"{EXAMPLE}:log_likelihood"
    main(["gradient", model, "--at", "@SUM(A1)=1", "b=2", "--csv"])
    assert "'@SUM(A1)" in capsys.readouterr().out


TIGHT = """
import math

def loss(theta):
    return 1.001 * theta[0] ** 2 * theta[1]

def tighter(theta):
    return theta[0] ** 2 * theta[1]

def residuals(theta):
    return [y - theta[0] for y in (1.0, 2.0, 4.0, 3.0, 2.0)]

def bowl(theta):
    return theta["a"] ** 2 / 8 + 2 * theta["b"] ** 2
"""


@pytest.fixture
def tight(tmp_path):
    (tmp_path / "tight.py").write_text(TIGHT)
    return f"{tmp_path / 'tight.py'}:"


def as_json(capsys, *words, code=0):
    assert main([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_tighter_model_is_compared_and_an_accuracy_stated(tight, capsys):
    words = ["gradient", tight + "loss", "--at", "3", "2"]
    found = as_json(capsys, *words, "--compare", tight + "tighter")
    assert found["gap"] == pytest.approx([0.012, 0.009])
    assert found["status"] == ["model-limited"] * 2
    assert min(as_json(capsys, *words, "--accuracy", "1e-6")["error"]) > 1e-6


def test_a_program_is_compared_with_another_setting_of_it(capsys):
    command = f'{sys.executable} -c "print(({{factor}}) * {{x}} ** 2)"'
    words = ["gradient", "--exec", command.replace("{factor}", "1.01"), "--at", "x=3"]
    found = as_json(capsys, *words, "--compare", command.replace("{factor}", "1"))
    assert found["gap"] == pytest.approx([0.06], rel=1e-6)


def test_parameters_are_held_and_followed_in_their_logarithm(tight, capsys):
    found = as_json(capsys, "gradient", tight + "tighter", "--at", "a=3", "b=2", "--fix", "b")
    assert found["status"] == ["converged", "fixed"]
    words = ["gradient", tight + "tighter", "--at", "3", "2", "--bounds", ":", "0:"]
    found = as_json(capsys, *words, "--fix", "0", "--log", "1")
    assert found["names"] == ["x[0]", "ln(x[1])"]
    assert float(found["value"][1]) == pytest.approx(18.0)
    assert main([*words, "--fix", "q"]) == 2
    assert "`--fix` must name parameters among x[0], x[1], got q" in capsys.readouterr().err


def test_higher_orders_and_directions_are_commands_too(tight, capsys):
    found = as_json(capsys, "hyper-hessian", tight + "tighter", "--at", "3", "2")
    assert found["value"][0][0][1] == pytest.approx(2.0, abs=1e-6)
    along = ["directional", tight + "tighter", "--at", "3", "2", "--along", "1", "-1"]
    assert as_json(capsys, *along)["value"] == pytest.approx(3.0)
    assert as_json(capsys, *along, "--order", "2")["value"] == pytest.approx(-8.0)


def test_standard_errors_of_residuals_and_of_a_likelihood(tight, capsys):
    (row,) = as_json(capsys, "covariance", tight + "residuals", "--at", "2.4")
    data = np.array([1.0, 2.0, 4.0, 3.0, 2.0])
    assert row["standard_error"] == pytest.approx(data.std(ddof=1) / 5**0.5)
    (row,) = as_json(capsys, "covariance", tight + "residuals", "--at", "2.4", "--sigma", "2")
    assert row["standard_error"] == pytest.approx(2 / 5**0.5)
    rows = as_json(capsys, "covariance", tight + "bowl", "--at", "a=0", "b=0", "--call", "same")
    assert [row["standard_error"] for row in rows] == pytest.approx([2.0, 0.5])
    assert main(["covariance", tight + "bowl", "--at", "a=0", "b=0", "--call", "same"]) == 0
    out = capsys.readouterr().out
    assert "standard errors at the optimum" in out
    assert max(len(word) for word in out.splitlines()[-1].split()) < 10  # digits that are known


def test_samples_in_a_file_are_differentiated(tmp_path, capsys):
    x = np.linspace(0, 3, 31)
    file = tmp_path / "curve.csv"
    lines = [f"{a},{b},{c}" for a, b, c in zip(x, np.sin(x), x**2, strict=True)]
    file.write_text("x,wave,square\n" + "\n".join(lines))
    rows = as_json(capsys, "sampled", str(file))
    slopes = [row["d square"] for row in rows]
    assert slopes[1:-1] == pytest.approx(2 * x[1:-1], abs=1e-9)
    assert rows[3]["x"] == x[3]
    assert main(["sampled", str(file), "--order", "2", "--csv"]) in {0, 1}
    assert capsys.readouterr().out.startswith("x,d wave,error wave")
    (tmp_path / "bad.txt").write_text("1 2\n3 four\n")
    assert main(["sampled", str(tmp_path / "bad.txt")]) == 2
    assert "must hold lines of 2 numbers, got '3 four'" in capsys.readouterr().err
    (tmp_path / "noisy.txt").write_text("\n".join(f"{a} {np.exp(a)}" for a in x))
    assert len(as_json(capsys, "sampled", str(tmp_path / "noisy.txt"), "--noisy", code=0)) == 31


@pytest.mark.parametrize("numbered", [True, False])
def test_a_plan_is_made_told_and_ends_with_the_result(tmp_path, capsys, numbered):
    file, values = str(tmp_path / "run.plan"), tmp_path / "values.csv"
    words = ["plan", file, "--at", "a=3", "b=2"]
    for _ in range(50):
        assert main(words) == 0
        out = capsys.readouterr().out
        if not out.startswith("point,a,b"):
            break
        rows = [line.split(",") for line in out.splitlines()[1:]]
        told = [(n, float(a) ** 2 * float(b)) for n, a, b in rows]
        lines = [f"{n},{y!r}" if numbered else repr(y) for n, y in told]
        values.write_text("\n".join([*["point,value"][: int(numbered)], *lines]))
        words = ["plan", file, "--tell", str(values)]
    assert "all 2 derivatives are resolved" in out
    assert main(["plan", file, "--at", "1"]) == 2
    assert "must not exist" in capsys.readouterr().err
