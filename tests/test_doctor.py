"""``derivkit doctor`` and ``derivkit completion``."""

import shutil
import subprocess

import pytest

from derivkit.cli import doctor, main
from derivkit.version import __version__


def test_the_doctor_tells_versions_extras_and_that_all_is_well(capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"derivkit {__version__}, Python ")
    assert lines[-1] == "all is well"
    assert sum("FAILED" in line for line in lines) == 0
    assert any(line.split()[:1] == ["numpy"] for line in lines)


def test_the_doctor_names_the_package_that_is_missing(capsys, monkeypatch):
    known = doctor._installed
    monkeypatch.setattr(doctor, "_installed", lambda name: "" if name == "ray" else known(name))
    main(["doctor"])
    assert "not installed; Ray clusters: pip install ray" in capsys.readouterr().out


def test_an_illness_is_told_and_gives_exit_code_1(capsys, monkeypatch):
    def ill():
        raise OSError("no space left")

    monkeypatch.setattr(doctor, "TESTS", {"checkpoint": ill})
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert "checkpoint  FAILED: OSError: no space left" in out
    assert out.splitlines()[-1] == "something is wrong: see above"


def completed(shell, capsys):
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["derivkit", "gra"], {"gradient"}),
        (["derivkit", "gradient", "--work"], {"--workers"}),
        (["derivkit", "gradient", "--format", ""], {"table", "json", "csv"}),
        (["derivkit", "hessian", "--method", "fin"], {"finite"}),
        (["derivkit", "check", "--exec"], set()),
    ],
)
def test_bash_is_offered_commands_options_and_values(typed, offered, capsys):
    if shutil.which("bash") is None:
        pytest.skip("needs bash")
    words = " ".join(f"'{word}'" for word in typed)
    ask = f"COMP_WORDS=({words}); COMP_CWORD={len(typed) - 1}; _derivkit; echo ${{COMPREPLY[@]}}"
    script = completed("bash", capsys) + ask
    run = subprocess.run(
        ["bash", "-c", script], check=False, capture_output=True, text=True, timeout=300
    )
    assert set(run.stdout.split()) == offered, run.stderr


def test_zsh_takes_the_script_of_bash_and_fish_its_own(capsys):
    bash = completed("bash", capsys)
    assert completed("zsh", capsys).endswith(bash)
    lines = completed("fish", capsys).splitlines()
    assert any("-a gradient" in line for line in lines)
    assert all(line.count("'") % 2 == 0 for line in lines)


def test_an_unknown_shell_is_wrong_usage(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["completion", "csh"])
    assert exit_.value.code == 2
    assert "csh" in capsys.readouterr().err
