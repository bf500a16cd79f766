"""A run of a check beside the run before it on other inputs: what a new artifact or a mitigation changed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from approvals.checks._verdicts import number, signed

MOST_ROWS = 60
RATES = ("Selection rate", "True favourable rate", "Mean absolute error", "Mean prediction")
"""Columns of groups that are set beside each other, where both runs have them."""


@dataclass(frozen=True)
class Comparison:
    """Rows of measures and of groups: name, before, after, change, and whether it failed before and fails now."""

    measures: tuple[dict[str, Any], ...]
    groups: tuple[dict[str, Any], ...]
    hidden: int = 0


def compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> Comparison:
    """Every measure that has a number in one of both readings and another one, or none, in the other."""
    then, now = _by_name(before), _by_name(after)
    failed = [{item["name"] for item in reading.get("failed_measures", ())} for reading in (before, after)]
    rows = [
        {**_row(name, then.get(name), now.get(name)), "failed": name in failed[0], "fails": name in failed[1]}
        for name in dict.fromkeys((*now, *then))
        if _differs(then.get(name), now.get(name))
    ]
    rows.sort(key=lambda row: not (row["failed"] or row["fails"]))
    groups = _groups(before, after)
    hidden = sum(max(0, len(part) - MOST_ROWS) for part in (rows, groups))
    return Comparison(tuple(rows[:MOST_ROWS]), tuple(groups[:MOST_ROWS]), hidden)


def _by_name(reading: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {item["name"]: item for item in reading.get("measures", ())}


def _differs(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> bool:
    return (before or {}).get("value") != (after or {}).get("value")


def _row(name: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> dict[str, Any]:
    values = [(item or {}).get("value") for item in (before, after)]
    change = None if values[0] is None or values[1] is None else values[1] - values[0]
    return {
        "name": name,
        "before": _text(before),
        "after": _text(after),
        "change": "" if change is None else signed(change),
    }


def _text(measure: Mapping[str, Any] | None) -> str:
    """The number with its interval, or that there is none."""
    if measure is None:
        return "not measured"
    value, low, high = (measure.get(key) for key in ("value", "low", "high"))
    if value is None:
        return "not computable"
    between = f" ({number(low)} to {number(high)})" if low is not None and high is not None else ""
    return number(value) + ("" if isinstance(value, int) else between)


def _groups(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same groups of people before and after, by each rate that both runs show."""
    then, now = _rates(before), _rates(after)
    return [
        {**_row(f"{key[2]} of {key[1]}", then[key], measure), "n": f"{then[key]['n']:,} and {measure['n']:,}"}
        for key, measure in now.items()
        if key in then and measure.get("n") is not None and then[key].get("n") is not None
    ]


def _rates(reading: Mapping[str, Any]) -> dict[tuple[str, str, str], Mapping[str, Any]]:
    """Each rate of each group, by attributes, group and name of the rate."""
    found = {}
    for part in reading.get("details", {}).get("groups", ()):
        by = " and ".join(part["attributes"])
        for row in part["rows"]:
            for name, measure in zip(part["columns"], row["numbers"], strict=True):
                if name in RATES and not row["unknown"]:
                    found[by, str(row["group"]), str(name)] = measure
    return found
