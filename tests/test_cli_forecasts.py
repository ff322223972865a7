"""The sub-commands fisher, dali and laplace."""

import json

import numpy as np
import pytest
from scipy import sparse

from derivkit.cli import main

MODEL = """
import numpy as np
k = np.linspace(0.01, 1, 50)
def mu(t):
    return 1e9 * t[0] * k ** (t[1] - 1)
def plain(t):
    return np.array([t[0], t[1], t[0] + 2 * t[1]])
def cov(t):
    return np.full(3, 0.1 * t[0])
def flat(t):
    return t[0] * k + 0 * t[1]
def nlp(t):
    return (t[0] - 1) ** 2 + 3 * t[1] ** 2
"""


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.py").write_text(MODEL)
    return tmp_path


def test_fisher_prints_sigmas_and_says_that_it_was_checked(model, capsys):
    code = main(
        ["fisher", "model.py:mu", "--cov", "0.01", "--at", "As=2.1e-9", "ns=0.965", "--prior",
         "ns=0.01", "--fom", "As", "ns", "--plot", "corner.png"]
    )  # fmt: skip
    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith("trustworthy")
    assert "figure of merit (As, ns)" in out
    assert (model / "corner.png").stat().st_size > 1000


def test_fisher_gives_json_bias_and_fixed_parameters(model, capsys):
    np.save("dn.npy", [0.5, -0.8, 0.3])
    assert main(["fisher", "model.py:plain", "--cov", "1", "--at", "1", "2", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert np.allclose(found["value"], [[2, 2], [2, 5]])
    arguments = ["fisher", "model.py:plain", "--cov", "1", "--at", "1", "2"]
    assert main([*arguments, "--delta-nu", "dn.npy"]) == 0
    assert "0.73333333" in capsys.readouterr().out
    assert main([*arguments, "--fix", "p1", "--csv"]) == 0
    assert "p1" not in capsys.readouterr().out


def test_a_covariance_of_theta_is_taken_whole(model, capsys):
    assert main(["fisher", "model.py:plain", "--cov", "model.py:cov", "--at", "1", "2"]) == 1
    assert capsys.readouterr().out.startswith("not Gaussian")


@pytest.mark.parametrize("kind", ["npz", "sparse"])
def test_a_covariance_may_lie_in_an_npz_file(model, capsys, kind):
    if kind == "sparse":
        sparse.save_npz("cov.npz", sparse.eye_array(3).tocsc())
    else:
        np.savez("cov.npz", cov=np.eye(3))
    assert main(["fisher", "model.py:plain", "--cov", "cov.npz", "--at", "1", "2", "--json"]) == 0
    assert np.allclose(json.loads(capsys.readouterr().out)["value"], [[2, 2], [2, 5]])
    np.savez("two.npz", a=np.eye(3), b=np.eye(3))
    assert main(["fisher", "model.py:plain", "--cov", "two.npz", "--at", "1", "2"]) == 2
    assert "one array, got a, b in two.npz" in capsys.readouterr().err


def test_a_forecast_that_is_not_to_be_trusted_exits_with_1(model, capsys):
    assert main(["fisher", "model.py:flat", "--cov", "1", "--at", "1", "2"]) == 1
    assert "p1: unconstrained" in capsys.readouterr().out


def test_dali_and_laplace(model, capsys):
    assert main(["dali", "model.py:plain", "--cov", "0.1", "--at", "1", "2"]) == 0
    out = capsys.readouterr().out
    assert "Fisher's sigma" in out
    assert out.startswith("trustworthy: ")
    assert main(["laplace", "model.py:nlp", "--at", "1", "0"]) == 0
    assert "0.707107" in capsys.readouterr().out
    assert main(["laplace", "model.py:nlp", "--at", "1", "0.5"]) == 1
    assert "Newton step" in capsys.readouterr().out


def test_samples_are_written_for_getdist(model, capsys):
    pytest.importorskip("getdist")
    arguments = ["fisher", "model.py:plain", "--cov", "1", "--at", "1", "2", "--getdist", "out/f"]
    assert main(arguments) == 0
    assert (model / "out" / "f.txt").exists()


def test_a_misspelt_parameter_is_wrong_usage(model, capsys):
    arguments = ["fisher", "model.py:mu", "--cov", "1", "--at", "As=2e-9", "ns=1", "--fix", "Ass"]
    assert main(arguments) == 2
    assert "did you mean 'As'" in capsys.readouterr().err
