"""How much is known of each batch: the share of its rows with an outcome, and how old the batch is. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.measures.values import Measure
from approvals.models import ModelVersion
from monitoring import monitors
from monitoring.models import Batch, Reading, ReadingVerdict
from monitoring.monitors._outcomes import LABELLED
from monitoring.silences import ENDED


@dataclass(frozen=True)
class CoverageLine:
    """One batch. `known` and `rows` are counts; both None where no finished reading has counted them.

    `age` is the days since the last day that the rows are from.
    """

    batch: Batch
    known: int | None
    rows: int | None
    age: int

    @property
    def share(self) -> float | None:
        """Of the rows, from 0 to 1."""
        return self.known / self.rows if self.known is not None and self.rows else None

    @property
    def in_words(self) -> str:
        """For people."""
        if self.known is None:
            return "not counted yet"
        if not self.rows:
            return "no outcomes yet"
        return f"outcomes of {self.known:,} of {self.rows:,} rows ({self.known / self.rows:.1%})"


def coverage(version: ModelVersion, *, now: datetime) -> list[CoverageLine]:
    """Every batch of the version, the latest window first; empty where no monitor needs outcomes."""
    keys = [key for key, kind in monitors.load().items() if kind.needs_outcomes]
    if not version.monitors.filter(key__in=keys).exists():
        return []
    found: dict[int, tuple[int, int]] = {}
    readings = Reading.objects.filter(monitor__version=version, monitor__key__in=keys, status__in=ENDED)
    for row in readings.order_by("pk").only("batch_id", "verdict", "numbers"):
        counted = _counted(row)
        if counted is not None and row.batch_id is not None:
            found[row.batch_id] = max(counted, found.get(row.batch_id, (0, 0)))
    batches = Batch.objects.filter(version=version).order_by("-window_end", "-pk")
    return [_line(batch, found.get(batch.pk), now) for batch in batches]


def _line(batch: Batch, counted: tuple[int, int] | None, now: datetime) -> CoverageLine:
    known, rows = counted or (None, None)
    return CoverageLine(batch, known, rows, (now.date() - batch.window_end).days)


def _counted(row: Reading) -> tuple[int, int] | None:
    for said in row.numbers.get("measures", ()):
        measure = _measure(said)
        if measure is not None and measure.name == LABELLED:
            return measure.count("labelled") or 0, measure.count("rows") or 0
    return (0, 0) if row.verdict == ReadingVerdict.NO_LABELS else None


def _measure(said: dict[str, Any]) -> Measure | None:
    return Measure.from_json(said) if said.get("name") == LABELLED else None
