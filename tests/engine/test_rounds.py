"""Rounds: requests of all solvers in one batch, a budget, refusals, answers in order."""

import pytest

from derivkit.engine.rounds import MOST_REFUSALS, drive


class Asker:
    """Doubles what it is asked; each point costs one call. Keeps the batches."""

    def __init__(self):
        self.batches = []

    def cost(self, line, points):
        return len(points)

    def ask(self, requests):
        self.batches.append(dict(requests))
        return {line: [2 * t for t in points] for line, points in requests.items()}


class Refused(Exception):  # noqa: N818 - a refusal is no error
    pass


def solver(*requests):
    """Ask for these, one after the other; return the sum of what it was told."""
    total = 0
    for points in requests:
        try:
            total += sum((yield points))
        except Refused:
            return total
    return total


def run(*solvers, budget=None):
    asker = Asker()
    return drive(solvers, asker, budget=budget, refusal=Refused), asker.batches


def test_open_requests_of_all_solvers_are_one_batch_a_round():
    answers, batches = run(solver([1], [2]), solver([10]), solver())
    assert answers == [6, 20, 0]
    assert batches == [{0: [1], 1: [10]}, {0: [2]}]


def test_who_asks_for_nothing_goes_on_before_the_next_batch_is_evaluated():
    answers, batches = run(solver([1], [], [], [2]), solver([10], [20]), solver([7]))
    assert answers == [6, 60, 14]
    assert batches == [{0: [1], 1: [10], 2: [7]}, {0: []}, {0: []}, {0: [2], 1: [20]}]


def test_who_waits_for_others_goes_on_once_they_have_been_told_enough():
    told = []

    def first():
        for t in (1, 2, 3):
            told.extend((yield [t]))

    def waits():
        yield [7]
        yield lambda: len(told) >= 3
        return list(told)

    for solvers in ((first(), waits()), (waits(), first())):
        told.clear()
        answers, batches = run(*solvers)
        assert [2, 4, 6] in answers
        assert [sum(map(len, each.values())) for each in batches] == [2, 1, 1, 0]


def test_who_waits_for_nobody_goes_on_in_the_end():
    def waits():
        yield lambda: False
        return "after all"

    assert run(waits(), solver([1]))[0] == ["after all", 2]


def test_a_budget_goes_to_the_first_lines_and_the_others_are_refused():
    answers, batches = run(solver([1, 1]), solver([5, 5]), solver([7]), budget=3)
    assert batches == [{0: [1, 1], 2: [7]}]
    assert answers == [4, 0, 14]


def test_a_refused_solver_may_ask_for_less():
    def modest():
        try:
            values = yield [1, 2, 3]
        except Refused:
            values = yield [1]
        return values

    assert run(modest(), budget=1)[0] == [[2]]


def test_a_solver_that_lets_a_refusal_through_has_no_answer_and_other_errors_pass():
    def helpless():
        yield [1, 2]

    def broken():
        try:
            yield [1, 2]
        except Refused:
            raise KeyError("a bug") from None

    assert run(helpless(), solver([7]), budget=1)[0] == [None, 14]
    with pytest.raises(KeyError, match="a bug"):
        run(broken(), budget=1)


def test_a_solver_that_never_takes_a_refusal_is_said_to_break_the_contract():
    refusals = 0

    def stubborn():
        nonlocal refusals
        while True:
            try:
                yield [1, 2]
            except Refused:
                refusals += 1

    with pytest.raises(RuntimeError, match="keeps asking for points after its budget is spent"):
        run(stubborn(), budget=1)
    assert refusals == MOST_REFUSALS


def test_what_a_solver_raises_is_raised():
    def broken():
        yield [1]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(broken())
