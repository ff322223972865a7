"""Many small problems at once: one model at many points, every round one common batch.

Each point's call is a `Replay`; this hands all their open points to one backend together.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from derivkit.calculus.inputs import check_workers
from derivkit.calculus_kit import CalculusKit
from derivkit.calls import call_of
from derivkit.engine.choice import choose_backend
from derivkit.engine.model import Failure, Reply
from derivkit.engine.progress import watching
from derivkit.engine.replay import Replay
from derivkit.errors import ModelError

if TYPE_CHECKING:
    from derivkit.engine.progress import Show
    from derivkit.engine.rays import Key, Seconds

__all__ = ["at_many", "gradients"]


def gradients(
    function: Callable[..., Any],
    points: Iterable[Any],
    method: Any = None,
    *,
    n_workers: int | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the gradients (n, p) of one function at n points, computed together.

    Parameters
    ----------
    function : callable
        As in `CalculusKit`.
    points : iterable of n array_like (p,)
    method : str or method value, optional
    n_workers : int, optional
        How many model calls run at a time, of all points together.
    **options
        Keywords of `CalculusKit`, and the method's own where it is given by name.

    Raises
    ------
    ModelError
        If the model fails at one of the points; `CalculusKit.at_many` can go on instead.

    Examples
    --------
    >>> import numpy as np
    >>> from derivkit import gradients
    >>> print(np.round(gradients(lambda x: x[0] ** 2 * x[1], [[1.0, 2.0], [3.0, 4.0]]), 6))
    [[ 4.  1.]
     [24.  9.]]
    """
    places = list(points)
    if not places:
        raise ValueError("`points` must hold at least one point, got none")
    known = inspect.signature(CalculusKit).parameters.keys() - {"function", "x0"}
    settings = {k: options.pop(k) for k in known & options.keys()}
    kit = CalculusKit(function, places[0], **settings)
    found = at_many(kit, "gradient_result", places, n_workers=n_workers, method=method, **options)
    return np.stack([result.value for result in found])


def at_many(
    kit: CalculusKit,
    what: str,
    points: Iterable[Any],
    *,
    n_workers: int | None = None,
    return_exceptions: bool = False,
    progress: bool | Show | None = None,
    **arguments: Any,
) -> list[Any]:
    """Return what a kit's method gives at each of many points; see `CalculusKit.at_many`."""
    problem = kit._problem  # noqa: SLF001 - the kit's own other half
    backend = choose_backend(problem.model, check_workers(n_workers), problem.execution)
    if kit.checkpoint is not None:
        backend = kit.checkpoint.through(backend)
    replies: dict[bytes, Reply] = {}
    seconds: Seconds = {}
    calls = [
        Replay(call_of(kit, what, arguments, problem.moved_to(x0)), replies, seconds)
        for x0 in points
    ]
    failed: dict[int, ModelError] = {}
    running = dict(enumerate(calls))
    with watching(progress, f"{what} at {len(calls)} points") as watch:
        while running:
            for i, call in list(running.items()):
                _advance(call, i, failed if return_exceptions else None)
                if call.done or i in failed:
                    del running[i]
            asking = {k: i for i, call in running.items() for k in call.open}
            needed = {k: calls[i].open[k] for k, i in asking.items()}
            answers = backend(problem.model, needed.items(), seconds) if needed else iter(())
            if watch is not None:
                answers = watch.over(answers, {k: f"points[{i}]" for k, i in asking.items()})
            _collect(answers, replies, stop_early=not return_exceptions)
    return [failed.get(i, call.result) for i, call in enumerate(calls)]


def _advance(call: Replay[Any], i: int, failed: dict[int, ModelError] | None) -> None:
    """Advance a call; note or raise that the model failed in it."""
    try:
        call.advance()
    except ModelError as error:
        error.add_note(f"at points[{i}]")
        if failed is None:
            raise
        failed[i] = error


def _collect(
    answers: Iterator[tuple[Key, Reply]], replies: dict[bytes, Reply], *, stop_early: bool
) -> None:
    """Note the replies; after a failure that must be shown, ask for no more of them."""
    try:
        for place, reply in answers:
            replies[cast("bytes", place)] = reply
            if stop_early and isinstance(reply, Failure) and not reply.undefined:
                return
    finally:
        getattr(answers, "close", lambda: None)()
