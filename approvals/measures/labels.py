"""Compares the values of label, prediction and group columns; finds the positive level, never guesses it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from approvals.measures.reading import TableError

Value = str | int | float | bool | None

ONE_CLASS = "Not computable: the rows that have both the column and a label have only one class."
ONE_VALUE = "Not computable: in the rows that have both, the column or the label has one value only."
"""Why a column says nothing about a label, wherever it is set against one."""
_EXACT = 1e15
_WHOLE = re.compile(r"(-?\d+)\.0+")
_CLASSES = 2

UNKNOWN = "Unknown"
"""The group of rows whose attribute is missing, blank or literally "unknown"."""


def value_text(value: Value) -> str | None:
    """The value as people write it: 1.0 is "1", True is "true", missing is None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return str(value).strip()


def in_order(texts: Iterable[str]) -> list[str]:
    """Values in the order of a matrix: by size where all are numbers (2 before 10), else as texts."""
    found = sorted(texts)
    try:
        sizes = {text: float(text) for text in found}
    except ValueError:
        return found
    return sorted(found, key=sizes.__getitem__) if all(map(math.isfinite, sizes.values())) else found


def group_text(value: Value) -> str:
    """The group a row belongs to; a missing or literally unknown value is the group UNKNOWN."""
    text = value_text(value)
    return UNKNOWN if text is None or text.lower() in {"", UNKNOWN.lower()} else text


def group_label(values: Sequence[str]) -> str:
    """The values of a group in one text, another one for each group: a value that has a stroke in it is quoted."""
    if len(values) == 1:
        return values[0]
    return " | ".join(f"“{value}”" if "|" in value else value for value in values)


def same_value(left: Value, right: Value) -> bool:
    """Whether two values mean the same: 1, 1.0, "1", "1.0", True and "true" do; missing equals nothing."""
    texts = {_canonical(left), _canonical(right)}
    return None not in texts and len(texts) == 1


def _canonical(value: Value) -> str | None:
    text = value_text(value)
    if text is None:
        return None
    whole = _WHOLE.fullmatch(text)
    return {"true": "1", "false": "0"}.get(text.lower(), whole[1] if whole else text)


def positive_level(column: str, levels: Iterable[Value], positive: Value) -> Value:
    """The level of a two-valued column that means `positive`, or None when it does not occur.

    TableError when there is no value at all, more than two levels, or no level that could be the positive one.
    """
    present = [level for level in levels if level is not None]
    if not present:
        raise TableError(f"The column “{column}” has no values.")
    if len(present) > _CLASSES:
        shown = ", ".join(f"{value_text(level)}" for level in present[:5])
        raise TableError(f"The column “{column}” must have two values, but it has {len(present)} ({shown}, …).")
    matches = [level for level in present if same_value(level, positive)]
    if len(matches) > 1:
        raise TableError(f"The column “{column}” writes the positive value {value_text(positive)} in two ways.")
    if matches:
        return matches[0]
    if len(present) == _CLASSES or _is_numeral(present[0]) != _is_numeral(positive):
        shown = ", ".join(f"{value_text(level)}" for level in present)
        raise TableError(
            f"The column “{column}” never has the positive value {value_text(positive)}; its values are {shown}."
        )
    return None


def coded_alike(label: str, actual: Iterable[Value], prediction: str, called: Iterable[Value]) -> None:
    """TableError unless label and prediction use the same two values: 1 and 2 beside 0 and 1 have no common meaning."""
    known = {text for value in (*actual, *called) if (text := _canonical(value)) is not None}
    if len(known) > _CLASSES:
        raise TableError(
            f"The columns “{label}” and “{prediction}” are not coded alike: together they have the values "
            f"{', '.join(sorted(known)[:5])}, and two classes have two values."
        )


def _is_numeral(value: Value) -> bool:
    text = _canonical(value) or ""
    return text.lstrip("+-").replace(".", "", 1).isdigit()
