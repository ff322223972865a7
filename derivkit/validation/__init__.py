"""Checks of single arguments: what was given in its proper form, or a sentence on what it must be.

What belongs to a problem as a whole (x0, bounds, scale, names) is checked in `calculus.parameters`.
Nothing here trusts what it is given: a value may raise whatever it is asked.
"""

from derivkit.validation.arguments import (
    check_count,
    check_flag,
    check_function,
    check_index,
    check_indices,
    check_known,
    check_not_negative,
    check_printable,
    check_sequence,
    check_texts,
    check_version,
    check_workers,
)
from derivkit.validation.kinds import (
    has,
    is_count,
    is_no_list,
    is_not_negative,
    is_number,
    is_positive,
    is_text,
)
from derivkit.validation.numbers import (
    check_direction,
    check_numbers,
    check_unmasked,
    finite_numbers,
    from_objects,
    real_numbers,
    without_unit,
)
from derivkit.validation.packages import optional
from derivkit.validation.signatures import called_like, typed, with_keywords_of
from derivkit.validation.words import did_you_mean, shown, suggestion, text_of

__all__ = [
    "called_like",
    "check_count",
    "check_direction",
    "check_flag",
    "check_function",
    "check_index",
    "check_indices",
    "check_known",
    "check_not_negative",
    "check_numbers",
    "check_printable",
    "check_sequence",
    "check_texts",
    "check_unmasked",
    "check_version",
    "check_workers",
    "did_you_mean",
    "finite_numbers",
    "from_objects",
    "has",
    "is_count",
    "is_no_list",
    "is_not_negative",
    "is_number",
    "is_positive",
    "is_text",
    "optional",
    "real_numbers",
    "shown",
    "suggestion",
    "text_of",
    "typed",
    "with_keywords_of",
    "without_unit",
]
