"""The fuzzer, for half a minute: no crash, no leak, no nonsense accepted, no late refusal."""

from __future__ import annotations

import contextlib

import pytest

import derivkit
from derivkit.validation import typed
from tests.fuzz import Finding, Trial, judged, run
from tests.fuzz_targets import NOT_TRIED, Target, annotations, targets

SEED = 20


def test_every_public_name_is_tried_or_has_a_reason_why_not():
    tried = {target.name.split(".")[0].split(" ")[0] for target in targets()}
    errors = {
        name
        for name in derivkit.__all__
        if isinstance(getattr(derivkit, name), type)
        and issubclass(getattr(derivkit, name), BaseException)
    }
    assert set(derivkit.__all__) - tried - errors == set(NOT_TRIED) - tried


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_arguments_that_are_right_are_taken(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # plans are saved
    for target in targets():
        call, given = target.ready()
        with contextlib.suppress(derivkit.SamplingError):
            call(**given)


@pytest.mark.parametrize("command", [False, True], ids=["names", "command"])
def test_awkward_values_are_accepted_or_refused_in_one_sentence_before_any_call(command):
    findings, accepted, refused = run(400 if command else 1500, SEED, command=command)
    assert [str(finding) for finding in findings] == []
    assert accepted > 10
    assert refused > 200


class Loose:
    """Functions with each of the faults that are looked for."""

    def crash(self, n: int):
        return n.real_part

    def leak(self, n: int):
        return [0][n]

    def nonsense(self, n: int):
        return None

    def unnamed(self, n: int):
        raise ValueError("this is wrong")


@pytest.mark.parametrize("kind", ["crash", "leak", "nonsense"])
def test_the_fuzzer_finds_each_kind_of_fault(kind):
    function = getattr(Loose(), kind)
    target = Target(kind, lambda: (function, {"n": 1}), tuple(annotations(function).items()))
    finding, _ = judged(Trial(target, "n", "text"))
    assert isinstance(finding, Finding)
    assert finding.kind == kind


def test_a_typed_function_asks_before_it_is_called():
    asked = []

    @typed
    def function(n: int, flag: bool | None = None, *, how: str = "", rest: Any = None):  # noqa: F821
        asked.append(n)

    function(3, None, how="a", rest=object())
    for wrong in ({"n": 1.0}, {"n": True}, {"n": 1, "flag": 1}, {"n": 1, "how": b""}):
        (name,) = [key for key in wrong if key != "n" or len(wrong) == 1]
        with pytest.raises(TypeError, match=f"`{name}` must be "):
            function(**wrong)
    assert asked == [3]
