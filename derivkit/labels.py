"""Labelled in, labelled out: what x0 was labelled with, and tensors in the same kind.

pandas is never imported unless x0 was a pandas Series, or a Series is asked for.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["KINDS", "Labels", "in_order", "labels_of"]

KINDS = ("array", "dict", "pandas")


@dataclass(frozen=True, slots=True)
class Labels:
    """The parameters' own keys, and the kind of thing that x0 was.

    Attributes
    ----------
    kind : {"array", "dict", "pandas"}
    keys : tuple of p hashable
        As the user gave them; not turned into text.
    """

    kind: str
    keys: tuple[Hashable, ...]

    def given_to(self, tensor: NDArray[Any], parameter_axes: int) -> Any:
        """Return a tensor, whose last axes run over the parameters, in this kind.

        Returns
        -------
        ndarray, dict, pandas.Series or pandas.DataFrame
            As dict: nested, a level for each parameter axis, the outputs innermost. With pandas:
            the last axis as columns, all before it as rows; a Series where there is but one.
        """
        if self.kind == "array" or not isinstance(tensor, np.ndarray) or parameter_axes == 0:
            return tensor
        if self.kind == "dict":
            first = np.moveaxis(tensor, range(-parameter_axes, 0), range(parameter_axes))
            return self._as_dict(first, parameter_axes)
        return self._as_pandas(tensor, parameter_axes)

    def _as_dict(self, tensor: NDArray[Any], levels: int) -> Any:
        """Return a nested dict of a tensor whose parameter axes come first."""
        if levels == 0:
            return tensor.item() if tensor.ndim == 0 else tensor
        return {
            key: self._as_dict(np.asarray(part), levels - 1)
            for key, part in zip(self.keys, tensor, strict=True)
        }

    def _as_pandas(self, tensor: NDArray[Any], parameter_axes: int) -> Any:
        import pandas as pd  # noqa: PLC0415 - the user has it, or asks for it

        columns = pd.Index(list(self.keys))
        if tensor.ndim == 1:
            return pd.Series(tensor, index=columns)
        outputs = tensor.ndim - parameter_axes
        axes = [
            pd.RangeIndex(n) if axis < outputs else columns
            for axis, n in enumerate(tensor.shape[:-1])
        ]
        rows = axes[0] if len(axes) == 1 else pd.MultiIndex.from_product(axes)
        return pd.DataFrame(tensor.reshape(-1, tensor.shape[-1]), index=rows, columns=columns)


def labels_of(x0: Any) -> Labels | None:
    """Return the labels that x0 carries; None for a bare list or array."""
    if isinstance(x0, Mapping):
        return Labels("dict", tuple(x0))
    if hasattr(x0, "to_numpy") and hasattr(x0, "index"):
        return Labels("pandas", tuple(x0.index))
    return None


def in_order(argument: str, given: Any, names: Sequence[str], otherwise: Any) -> Any:
    """Return what was given by parameter as a list in the parameters' order.

    Parameters
    ----------
    argument : str
        Its name, for the message.
    given : object
        A mapping is put in order; anything else is returned as it is.
    names : sequence of p str
    otherwise : object
        Stands for the parameters that are not in the mapping.

    Raises
    ------
    ValueError
        If a key is no parameter.
    """
    if not isinstance(given, Mapping):
        return given
    by_name = {str(key): each for key, each in given.items()}
    unknown = sorted(set(by_name) - set(names))
    if unknown:
        raise ValueError(
            f"`{argument}` must be given for parameters among {', '.join(names)}, "
            f"got {', '.join(unknown)}"
        )
    return [by_name.get(name, otherwise) for name in names]
