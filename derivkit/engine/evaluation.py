"""One call's evaluations: requests become points, points become values, each point once.

The memo outlives the call: it belongs to the kit. Where and how the model is called is the
backend's; what a failed call means to the user is decided here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from derivkit.engine.hints import hint
from derivkit.engine.model import Failure, Model, Output, Reply
from derivkit.engine.progress import Watch
from derivkit.engine.rays import AT_X0, Key, Ray, Seconds
from derivkit.errors import ModelError, RemoteError, WorkerDiedError

__all__ = ["Backend", "Evaluation", "Memo", "RoutedMemo"]


class Backend(Protocol):
    """A way to call the model at many points: yields replies in any order, as they come."""

    def __call__(
        self, model: Model, points: Iterable[tuple[Key, NDArray[Any]]], seconds: Seconds
    ) -> Iterator[tuple[Key, Reply]]:
        """Yield (key, reply) for each point, and note in ``seconds`` what each call took."""
        ...


class Memo(dict[Key, Output]):
    """Finished evaluations of one model around one x0; nan where it is undefined.

    Attributes
    ----------
    seconds : dict of Key to float
        What the calls took, where it is known: not of those that a checkpoint held.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds: Seconds = {}


class RoutedMemo(Memo):
    """A memo whose misses take a way of their own: past a checkpoint, or to whoever is asked.

    Parameters
    ----------
    route : callable
        Takes the backend that was chosen for a call, returns the one to be used.
    where : str
        Where finished evaluations are kept, for messages.
    """

    def __init__(self, route: Callable[[Backend], Backend], where: str = "the kit") -> None:
        super().__init__()
        self.route = route
        self.where = where


class Evaluation:
    """Answers the requests of the solvers of one call; implements `rounds.Asker`.

    Parameters
    ----------
    model : Model
    rays : sequence of Ray
        One for each solver.
    backend : Backend
    memo : Memo
        Looked up before every call of the model and filled by it.
    names : sequence of str
        The parameters', for messages.
    check_output : callable
        Called with the output at x0, before further calls where calls are serial; raises if it
        is not of the kind that is due.
    watch : Watch, optional
        Told of every reply.
    """

    def __init__(
        self,
        model: Model,
        rays: Sequence[Ray],
        backend: Backend,
        memo: Memo,
        names: Sequence[str],
        check_output: Callable[[Output], None] = lambda _: None,
        watch: Watch | None = None,
    ) -> None:
        self._watch = watch
        self._model = model
        self._rays = rays
        self._backend = memo.route(backend) if isinstance(memo, RoutedMemo) else backend
        self._memo = memo
        self._names = names
        self._check_output = check_output
        self._shape: tuple[int, ...] | None = None
        self.nfev = 0
        self.nfev_of = [0] * len(rays)
        self.undefined_of = [0] * len(rays)
        if AT_X0 in memo:
            self._meet_output_at_x0(memo[AT_X0])

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the model's output; () for a scalar."""
        if self._shape is None:
            raise RuntimeError("nothing has been evaluated yet")
        return self._shape

    @property
    def cost_of_x0(self) -> int:
        """How many model calls x0 will take, whoever asks for it first: 1, or 0."""
        return int(AT_X0 not in self._memo)

    def cost(self, line: int, points: NDArray[Any]) -> int:
        """Return how many model calls the request would take, x0 apart: points not in the memo."""
        key = self._rays[line].key
        known = self._memo
        return len({k for t in points.tolist() if (k := key(t)) not in known and k != AT_X0})

    def ask(self, requests: dict[int, NDArray[Any]]) -> dict[int, NDArray[Any]]:
        """Return the values (m, q) at each line's points, calling the model where it must be."""
        keys = {
            line: [self._rays[line].key(t) for t in points.tolist()]
            for line, points in requests.items()
        }
        self._evaluate(self._missing(requests, keys))
        return {line: self._values(ks) for line, ks in keys.items()}

    def _missing(
        self, requests: dict[int, NDArray[Any]], keys: dict[int, list[Key]]
    ) -> dict[Key, tuple[int, complex]]:
        """Return the line and place of every point still to be evaluated, x0 first."""
        missing: dict[Key, tuple[int, complex]] = {}
        if AT_X0 not in self._memo:
            missing[AT_X0] = (next(iter(requests)), 0.0)
        for line, points in requests.items():
            for k, t in zip(keys[line], points.tolist(), strict=True):
                if k not in self._memo and k not in missing:
                    missing[k] = (line, t)
        return missing

    def _evaluate(self, missing: dict[Key, tuple[int, complex]]) -> None:
        if not missing:
            return
        points = ((k, self._rays[line].place(t)) for k, (line, t) in missing.items())
        replies = self._backend(self._model, points, self._memo.seconds)
        if self._watch is not None:
            replies = self._watch.over(
                replies, {k: self._moved(k, i) for k, (i, _) in missing.items()}
            )
        try:
            for key, reply in replies:
                line, t = missing[key]
                if type(reply) is float and key and -math.inf < reply < math.inf:
                    self._memo[key] = reply  # the usual case, without the questions below
                    self.nfev += 1
                    self.nfev_of[line] += 1
                else:
                    self._note(key, self._output(reply, key, line, t), line)
        except KeyboardInterrupt as interrupt:
            interrupt.add_note(_kept(self._memo))
            raise
        finally:  # now, not when a traceback lets go of it: workers may be running
            if isinstance(replies, Generator):
                replies.close()

    def _moved(self, key: Key, line: int) -> str:
        """Return the names of the parameters that a point moves away from x0."""
        return "x0" if key == AT_X0 else " ".join(self._names[i] for i in self._rays[line].indices)

    def _note(self, key: Key, output: Output, line: int) -> None:
        self.nfev += 1
        if key == AT_X0:
            self._meet_output_at_x0(output)
        else:
            self.nfev_of[line] += 1
        if isinstance(output, np.ndarray):
            defined = np.isfinite(output)
            if not defined.all():
                output = np.where(defined, output, np.nan)
                self.undefined_of[line] += 1
        elif output != output or math.isinf(abs(output)):  # noqa: PLR0124 - nan
            output = math.nan
            self.undefined_of[line] += 1
        self._memo[key] = output

    def _meet_output_at_x0(self, output: Output) -> None:
        self._check_output(output)
        self._shape = np.shape(output)

    def _output(self, reply: Reply, key: Key, line: int, t: complex) -> Output:
        """Return a reply's output; raise what the user must see."""
        if not isinstance(reply, Failure):
            if key == AT_X0 and not np.any(np.isfinite(reply)):
                raise ModelError(
                    f"the model must be defined at x0, but it returned {reply} there; "
                    "choose an x0 inside its domain",
                    x=self._rays[line].place(t),
                )
            return reply
        if reply.undefined and key != AT_X0:
            return math.nan
        if reply.output:
            raise reply.error
        raise self._model_error(reply.error, key, line, t) from reply.error

    def _model_error(self, error: BaseException, key: Key, line: int, t: complex) -> ModelError:
        x = self._rays[line].place(t)
        known = not isinstance(error, (RemoteError, WorkerDiedError))
        what = f"{type(error).__name__}: {error}" if known else str(error)
        if isinstance(t, complex):
            what += "; the complex step needs a model that takes complex numbers: use method='auto'"
        if key == AT_X0:
            return ModelError(f"the model failed at x0 = {x}: {what}{hint(error)}", x=x)
        moved = [self._names[i] for i in self._rays[line].indices[:4]]
        at = ", ".join(f"{self._names[i]} = {x[i].item()!r}" for i in self._rays[line].indices[:4])
        return ModelError(
            f"the model failed while {' and '.join(moved)} was varied, at {at}: {what}",
            x=x,
            parameter=", ".join(moved),
        )

    def _values(self, keys: Sequence[Key]) -> NDArray[Any]:
        """Return the outputs as rows (m, q); rows of nan where the model is undefined."""
        outputs = [self._memo[k] for k in keys]
        if self._shape == ():
            return np.array(outputs)[:, None]
        q = math.prod(self.shape)
        if not keys:
            return np.empty((0, q))
        rows = [y.ravel() if isinstance(y, np.ndarray) else np.full(q, np.nan) for y in outputs]
        for key, row in zip(keys, rows, strict=True):
            if row.size != q:
                raise ValueError(
                    f"`function` must return the same shape everywhere, got {row.size} numbers "
                    f"at {key!r} but {q} at x0"
                )
        return np.stack(rows)


def _kept(memo: Memo) -> str:
    where = memo.where if isinstance(memo, RoutedMemo) else "the kit"
    return f"{len(memo)} finished evaluations are kept in {where}: the same call goes on from there"
