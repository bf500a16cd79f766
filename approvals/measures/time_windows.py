"""A table in windows of time with about equally many rows, from counts: no row is held but those of one window.

A moment is an ISO date or time, or a number. Rows of one moment stay together.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … only; values are bound

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.measures.labels import Value, positive_level
from approvals.measures.ranges import FINITE
from approvals.measures.score_reading import ScoredRows, scores_of_rows
from approvals.measures.scores import Floats, Scores
from approvals.measures.tables import Table, TableError

MOST_MOMENTS = 200_000
"""Different moments, times pairs of label and prediction, that are counted at once."""
_LISTED = 1_000
_MIDNIGHT = "T00:00:00"


@dataclass(frozen=True)
class TimeWindow:
    """The rows of some moments: from the first to the last, and rows by pair of label and prediction, if asked for."""

    first: Any
    last: Any
    n: int
    pairs: Mapping[tuple[Value, Value], int]
    rows: str
    parameters: tuple[Value, ...]


def spans_in_words(ends: Iterable[tuple[Any, Any]]) -> list[str]:
    """From when to when each window goes: days where every end is the beginning of one; one moment is named once."""
    texts = [(str(first), str(last)) for first, last in ends]
    if all(end.endswith(_MIDNIGHT) for pair in texts for end in pair):
        texts = [(first.removesuffix(_MIDNIGHT), last.removesuffix(_MIDNIGHT)) for first, last in texts]
    return [" to ".join(dict.fromkeys(end.replace("T", " ") for end in pair)) for pair in texts]


@dataclass(frozen=True)
class TimedRows:
    """Windows in order of time, empty ones left out."""

    table: Table
    windows: tuple[TimeWindow, ...]

    @property
    def n(self) -> int:
        """Rows that have a moment and all else that was asked for."""
        return sum(window.n for window in self.windows)

    def scores(self, window: TimeWindow, score: str, label: str, *, positive: Value) -> Scores:
        """The finite scores of a window's rows, as `score_reading.read_scores`."""
        chosen = positive_level(label, self.table.levels(label), positive)
        x, y = self.table.cell(score), self.table.cell(label)
        sql = f"SELECT CAST({x} AS DOUBLE) + 0.0 AS x, COALESCE({y} = ?, FALSE) AS y FROM {window.rows}"
        return scores_of_rows(ScoredRows(self.table, sql, (chosen, *window.parameters)))

    def numbers(self, window: TimeWindow, column: str) -> Floats:
        """The numbers of one column in a window, in an order that is the same for every column."""
        cell = self.table.cell(column)
        found = self.table.arrays(f"SELECT CAST({cell} AS DOUBLE) AS x FROM {window.rows}", window.parameters)
        return np.asarray(found["x"], dtype=np.float64)


def timed_classes(
    table: Table, time: str, *, label: str, prediction: str, score: str | None = None, windows: int
) -> TimedRows:
    """The rows that have a moment, a label, a prediction and (where there is a score) a finite one, in windows.

    TableError for more moments than MOST_MOMENTS, and for texts that are no ISO date or time.
    """
    present = [f"{table.cell(name)} IS NOT NULL" for name in (label, prediction)]
    if score:
        table.require_numbers(score)
        present.append(_finite(table, score))
    return _timed(table, time, present, [label, prediction], windows)


def timed_numbers(table: Table, time: str, *, label: str, prediction: str, windows: int) -> TimedRows:
    """The rows that have a moment and a finite label and prediction, in windows. TableError as `timed_classes`."""
    for name in (label, prediction):
        table.require_numbers(name)
    return _timed(table, time, [_finite(table, name) for name in (label, prediction)], [], windows)


def parsed_moments(texts: Sequence[str], column: str) -> NDArray[Any]:
    """The moments that texts mean. TableError for a text that is no ISO 8601 date or time with hyphens."""
    # “now” and “NaT” are times to numpy, but not of a table, and 20260131 is a year of eight digits.
    if words := next((text for text in texts if not (text[:4].isdigit() and text[4:5] in {"", "-"})), ""):
        raise TableError(f"The column “{column}” holds what is no ISO date or time: “{words[:40]}”.")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="no explicit representation of timezones")  # it converts to UTC
            return np.array(texts, dtype="datetime64[s]")
    except ValueError as error:
        raise TableError(f"The column “{column}” holds what is no ISO date or time: {error}.") from error


def _finite(table: Table, name: str) -> str:
    return f"({FINITE.replace('x', f'CAST({table.cell(name)} AS DOUBLE)', 1)})"


def _timed(table: Table, time: str, present: Sequence[str], counted: Sequence[str], windows: int) -> TimedRows:
    is_number = table.column(time).kind == "number"
    moment = f"CAST({table.cell(time)} AS DOUBLE)" if is_number else f"TRIM(CAST({table.cell(time)} AS VARCHAR))"
    known = " AND ".join([*present, _finite(table, time) if is_number else f"{moment} <> ''"])
    cells = [table.cell(name) for name in counted]
    rows = f"SELECT {', '.join([f'{moment} AS m', *cells])} FROM t WHERE {known}"
    by = ", ".join(["m", *cells])
    found = table.fetch(f"SELECT {by}, COUNT(*) FROM ({rows}) AS r GROUP BY {by} LIMIT {MOST_MOMENTS + 1}")
    if len(found) > MOST_MOMENTS:
        raise TableError(
            f"“{time}” of “{table.name}” has more than {MOST_MOMENTS:,} different moments (with their labels and "
            "predictions), which is too many to cut so many rows into windows; name a column of days, or attach a "
            "random part of the rows."
        )
    said = sorted({row[0] for row in found})
    moments = np.array(said, dtype=np.float64) if is_number else parsed_moments([text.strip() for text in said], time)
    order, places = np.unique(moments, return_inverse=True)
    place = dict(zip(said, places.tolist(), strict=True))
    sizes = np.zeros(order.size, dtype=np.int64)
    pairs: list[Counter[tuple[Value, Value]]] = [Counter() for _ in range(order.size)]
    for row in found:
        sizes[place[row[0]]] += int(row[-1])
        if counted:
            pairs[place[row[0]]][row[1], row[2]] += int(row[-1])
    is_rising = is_number or (table.engine.has_hash and bool((np.diff(places) >= 0).all()))
    made = []
    for start, stop in _parts(sizes, windows):
        here = [one for one, at in place.items() if start <= at < stop]
        among, parameters = _among(moment, here, is_rising=is_rising, time=time)
        source = f"(SELECT * FROM t WHERE {known} AND {among}) AS w"
        whole: Counter[tuple[Value, Value]] = sum(pairs[start:stop], Counter())
        made.append(
            TimeWindow(order[start], order[stop - 1], int(sizes[start:stop].sum()), whole, source, tuple(parameters))
        )
    return TimedRows(table, tuple(made))


def _parts(sizes: NDArray[np.int64], windows: int) -> list[tuple[int, int]]:
    """Where windows begin and end among moments of so many rows; none begins where many rows share one moment."""
    through = np.cumsum(sizes)
    n = int(through[-1]) if sizes.size else 0
    wanted = [place for part in range(1, windows) if (place := round(n * part / windows)) < n]
    edges = np.searchsorted(through, wanted, side="right").tolist()
    return [(a, b) for a, b in zip([0, *edges], [*edges, sizes.size], strict=True) if a < b]


def _among(moment: str, here: Sequence[Any], *, is_rising: bool, time: str) -> tuple[str, Sequence[Any]]:
    """The rows of these moments: those from the first to the last, where the engine puts them in their order."""
    if is_rising:
        return f"{moment} BETWEEN ? AND ?", (min(here), max(here))
    if len(here) > _LISTED:
        raise TableError(
            f"“{time}” writes its moments in several ways, and more than {_LISTED:,} of them are in one window; write "
            "all of them alike, as 2026-01-31 or 2026-01-31T12:00:00Z."
        )
    return f"{moment} IN ({', '.join('?' for _ in here)})", here
