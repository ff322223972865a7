"""What the user is told of a call that failed or was interrupted: where, why, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from derivkit.engine.hints import hint
from derivkit.engine.rays import AT_X0, Ray
from derivkit.errors import ModelError, RemoteError, WorkerDiedError

__all__ = ["model_error", "say_what_is_kept"]

MOST_NAMED = 4  # parameters named in a message


def model_error(error: BaseException, ray: Ray, t: complex, names: Sequence[str]) -> ModelError:
    """Return the error for a call that failed at place t of a ray.

    Parameters
    ----------
    error : BaseException
        What the model raised, or what became of its worker.
    ray : Ray
    t : float or complex
    names : sequence of str
        The parameters'.
    """
    x = ray.place(t)
    tells_itself = isinstance(error, (RemoteError, WorkerDiedError))
    what = str(error) if tells_itself else f"{type(error).__name__}: {error}"
    if isinstance(t, complex):
        what += "; the complex step needs a model that takes complex numbers: use method='auto'"
    if ray.key(t) == AT_X0:
        return ModelError(f"the model failed at x0 = {x}: {what}{hint(error)}", x=x)
    moved = ray.indices[:MOST_NAMED]
    varied = [names[i] for i in moved]
    at = ", ".join(f"{names[i]} = {x[i].item()!r}" for i in moved)
    return ModelError(
        f"the model failed while {' and '.join(varied)} was varied, at {at}: {what}",
        x=x,
        parameter=", ".join(varied),
    )


def say_what_is_kept(interrupt: BaseException, count: int, where: str) -> None:
    """Note with an interrupt how many finished evaluations are kept, and where."""
    if where:
        interrupt.add_note(
            f"{count} finished evaluations are kept in {where}: the same call goes on from there"
        )
