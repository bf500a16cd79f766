"""What a policy expects of columns: type, range, allowed values, each value once; and outliers. Judges nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from approvals.checks._rules import number
from approvals.checks.base import NumberTable, ParameterError
from approvals.measures import quality
from approvals.measures.distances import distances
from approvals.measures.kinds import Kind
from approvals.measures.samples import sample_of
from approvals.measures.tables import Table, TableError
from approvals.measures.values import Measure, not_computable

UNEXPECTED = "values of columns that are not as the policy expects"
OUTLIERS = "largest share of outliers in one column"
ENTRIES = ("type", "at_least", "at_most", "allowed", "unique", "present")
KINDS = tuple(kind for kind in get_args(Kind) if kind != "other")
FENCE = 3.0
Plain = str | int | float | bool


def require_expectations(columns: Mapping[str, Any]) -> None:
    """ParameterError for an expectation that means nothing."""
    for name, asked in columns.items():
        where = f"What is expected of the column “{name}”"
        if not isinstance(asked, Mapping) or not asked:
            raise ParameterError(f"{where} must be names with values: {', '.join(ENTRIES)}.")
        for entry, wanted in asked.items():
            problem = _problem(entry, wanted)
            if problem:
                raise ParameterError(f"{where}: {problem}")


def _problem(entry: str, wanted: Any) -> str:
    if entry == "type":
        return "" if wanted in KINDS else f"type must be {', '.join(KINDS)}."
    if entry in ("at_least", "at_most"):
        plain = isinstance(wanted, int | float) and not isinstance(wanted, bool)
        return "" if plain else f"{entry} must be a number."
    if entry == "allowed":
        values = isinstance(wanted, list | tuple) and wanted and all(isinstance(value, Plain) for value in wanted)
        return "" if values else "allowed must be a list of values."
    if entry in ("unique", "present"):
        return "" if isinstance(wanted, bool) else f"{entry} must be true or false."
    return f"“{entry}” is unknown; it can be {', '.join(ENTRIES)}."


def expected_columns(table: Table, columns: Mapping[str, Any]) -> tuple[Measure, tuple[NumberTable, ...]]:
    """How many values are not as expected, and which; a column that is not there leaves it open."""
    missing = [name for name in columns if name not in table.names]
    if missing:
        return not_computable(UNEXPECTED, f"Not computable: the table has no column “{missing[0]}”."), ()
    try:
        rows = [row for name, asked in columns.items() for row in _broken(table, name, asked)]
    except TableError as error:
        return not_computable(UNEXPECTED, f"Not computable: {error.sentence}"), ()
    found = sum(row[2] for row in rows)
    method = "; ".join(f"{name} {what} {count:,}" for name, what, count in rows if count) or "all as expected"
    shown = NumberTable(
        "What the policy expects of columns", ("Column", "Expected", "Values that are not"), tuple(rows)
    )
    return Measure(UNEXPECTED, found, table.rows, method=method[:500]), (shown,)


def _broken(table: Table, name: str, asked: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Each expectation with the number of values that break it; of a wrong type all are."""
    kind = table.column(name).kind
    if "type" in asked:
        yield name, f"type {asked['type']}", 0 if kind == asked["type"] else table.rows
    low, high = asked.get("at_least"), asked.get("at_most")
    if low is not None or high is not None:
        words = " and ".join(
            f"{word} {end:g}" for word, end in (("at least", low), ("at most", high)) if end is not None
        )
        found = quality.out_of_range(table, name, low=low, high=high)
        yield name, words, int(found.value or 0)
    if "allowed" in asked:
        found = quality.not_allowed(table, name, asked["allowed"])
        yield name, f"one of {len(asked['allowed']):,} values", int(found.value or 0)
    if asked.get("unique"):
        yield name, "each value once", int(quality.repeated_keys(table, name).value or 0)
    if asked.get("present"):
        yield name, "none missing", table.missing()[name]


def outliers(table: Table) -> tuple[Measure, tuple[NumberTable, ...]]:
    """The largest share of values of a column of numbers that lie far out: more than 3 times the distance of the
    quartiles below the first or above the third (Tukey 1977, “far out”).

    Columns whose quartiles are equal have no such distance and are not judged. Not computable without any other column.
    """
    rows = []
    for column in table.columns:
        if column.kind != "number":
            continue
        sample = sample_of(table, column.name)
        quartiles = distances(sample, None, quantiles=(0.25, 0.75)).quantiles if sample.n else (0.0, 0.0)
        reach = FENCE * (quartiles[1] - quartiles[0])
        if reach > 0 and math.isfinite(reach):
            # Counted up to a cut, so the lower one is the last number below the fence.
            below, _, above = sample.below((math.nextafter(quartiles[0] - reach, -math.inf), quartiles[1] + reach))
            rows.append(((below + above) / sample.n, column.name, below + above, sample.n))
    if not rows:
        return not_computable(OUTLIERS, "Not computable: no column of numbers has quartiles that differ."), ()
    share, name, far, size = max(rows)
    shown = tuple((one, count, n, number(part)) for part, one, count, n in sorted(rows, reverse=True) if count)[:40]
    table_shown = NumberTable(
        "Outliers", ("Column", "Values far out", "Values", "Share"), shown, note="Far out by Tukey's outer fences."
    )
    measure = Measure(OUTLIERS, share, size, method=name, counts=(("k", far), ("n", size)))
    return measure, (table_shown,) if shown else ()
