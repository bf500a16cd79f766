"""Collects how far answers of an artifact are from those submitted, part by part of a table. Judges nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from approvals.checks._evaluation import left_out_share
from approvals.checks._rules import number
from approvals.measures.labels import same_value
from approvals.measures.values import Measure, not_computable

SHOWN = 20
FEWEST, MOST = 3, 15
SIZES = (1e-6, 1e-4, 1e-2)
Matrix = NDArray[np.float64]


class Compared:
    """Largest difference, other decisions and the rows that differ most. Of scores there may be one for each class."""

    def __init__(self, *, gap_name: str, decisions_name: str, names: tuple[str, ...] = ()) -> None:
        self._gap_name, self._decisions_name, self._names = gap_name, decisions_name, names
        self.rows = self._used = self._other = self._unanswered = 0
        self._has_scores, self._has_decisions = True, bool(decisions_name)
        self._largest = 0.0
        self._above = np.zeros(len(SIZES), dtype=np.int64)
        self._worst: list[tuple[tuple[bool, float], int, str, str, str, str]] = []

    def add(
        self,
        start: int,
        submitted: Matrix | None,
        answered: Matrix | None,
        decisions: list[str | None] | None,
        reproduced: list[str] | None,
    ) -> None:
        """One part of the table: what was submitted, and what the artifact says. Scores are [rows, scores]."""
        rows = len(submitted) if submitted is not None else len(decisions or ())
        present = np.ones(rows, dtype=np.bool_)
        if decisions is not None:
            present &= np.array([text is not None for text in decisions], dtype=np.bool_)
        if submitted is not None:
            present &= np.isfinite(submitted).all(axis=1)
        self.rows += rows
        self._used += int(present.sum())
        different = np.zeros(rows, dtype=np.bool_)
        if decisions is None or reproduced is None:
            self._has_decisions = False
        else:
            different = present & ~_same(decisions, reproduced)
            self._other += int(different.sum())
        gaps, which = self._gaps(submitted, answered, present)
        for place in np.lexsort((-gaps, ~different))[:SHOWN]:
            if different[place] or gaps[place] > 0:
                self._worst.append(
                    (
                        (not different[place], -float(gaps[place])),
                        start + int(place) + 1,
                        self._shown(submitted, answered, int(place), which),
                        self._shown(answered, submitted, int(place), which),
                        (decisions[place] or "") if decisions is not None else "",
                        reproduced[place] if reproduced is not None else "",
                    )
                )
        self._worst = sorted(self._worst)[:SHOWN]

    def _gaps(
        self, submitted: Matrix | None, answered: Matrix | None, present: Any
    ) -> tuple[Matrix, NDArray[np.int64]]:
        """How far the score of each row is off where it is furthest, and which score that is."""
        none = np.zeros(len(present)), np.zeros(len(present), dtype=np.int64)
        if submitted is None or answered is None:
            self._has_scores = False
            return none
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.abs(submitted - answered)
        self._unanswered += int((present & ~np.isfinite(apart).all(axis=1)).sum())
        apart = np.where(present[:, None] & np.isfinite(apart), apart, 0.0)
        gaps, which = apart.max(axis=1), apart.argmax(axis=1)
        self._largest = max(self._largest, float(gaps.max(initial=0.0)))
        self._above += [(gaps > size).sum() for size in SIZES]
        return gaps, which

    def _shown(self, scores: Matrix | None, beside: Matrix | None, place: int, which: NDArray[np.int64]) -> str:
        """With so many digits that it is seen how far the other one is."""
        if scores is None:
            return ""
        value, apart = float(scores[place, which[place]]), 0.0
        if beside is not None:
            apart = abs(value - float(beside[place, which[place]]))
        places = 1 - math.floor(math.log10(apart)) if 0 < apart < math.inf else 0
        text = f"{value:,.{places}f}" if FEWEST < places <= MOST else number(value)
        return f"{self._names[which[place]]} {text}" if self._names else text

    def measures(self) -> tuple[Measure, ...]:
        """Largest difference, different decisions if there are any to compare, rows left out."""
        decisions = (self._decisions(),) if self._decisions_name else ()
        return (self._difference(), *decisions, left_out_share(used=self._used, rows=self.rows))

    def _difference(self) -> Measure:
        if not self._has_scores:
            reason = "Not computable: the table declares no score, or the artifact gives none for each row and class."
            return not_computable(self._gap_name, reason, n=self._used)
        if self._unanswered:
            reason = f"Not computable: for {self._unanswered:,} rows the artifact gives no number that can be compared."
            return not_computable(self._gap_name, reason, n=self._used)
        if not self._used:
            return not_computable(self._gap_name, "Not computable: no row has a submitted prediction.", n=0)
        counts = tuple((f"rows above {size:g}", int(rows)) for size, rows in zip(SIZES, self._above, strict=True))
        return Measure(self._gap_name, self._largest, self._used, method="absolute", counts=counts)

    def _decisions(self) -> Measure:
        if not self._has_decisions:
            reason = "Not computable: the artifact gives no decisions."
            return not_computable(self._decisions_name, reason, n=self._used)
        return Measure(self._decisions_name, self._other, self._used, method="count of rows")

    def worst_rows(self) -> tuple[tuple[Any, ...], ...]:
        """Row, score submitted and reproduced, decision submitted and reproduced; those that differ most first."""
        return tuple(row[1:] for row in self._worst)


def _same(submitted: list[str | None], reproduced: list[str]) -> NDArray[np.bool_]:
    """Whether decisions mean the same; each pair of texts is compared once."""
    known: dict[tuple[str | None, str], bool] = {}
    for pair in set(zip(submitted, reproduced, strict=True)):
        known[pair] = pair[0] is not None and same_value(pair[0], pair[1])
    return np.array([known[pair] for pair in zip(submitted, reproduced, strict=True)], dtype=np.bool_)
