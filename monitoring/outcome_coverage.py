"""How much is known of each batch, how old it is, and what each delivery was joined to. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from approvals.measures.values import Measure
from approvals.models import ModelVersion
from monitoring import monitors
from monitoring.batches import refers_to
from monitoring.models import Batch, OutcomeDelivery, Reading, ReadingVerdict
from monitoring.monitors._outcomes import LABELLED
from monitoring.monitors._tables import AS_A_CORRECTION
from monitoring.outcomes_in_use import outcomes_of
from monitoring.silences import ENDED


@dataclass(frozen=True)
class CoverageLine:
    """One batch. `known` and `rows` are counts; both None where no finished reading has counted them.

    `age` is the days since the last day that the rows are from. `why_not` is what the newest reading says that could
    not count them.
    """

    batch: Batch
    known: int | None
    rows: int | None
    age: int
    why_not: str = ""

    @property
    def share(self) -> float | None:
        """Of the rows, from 0 to 1."""
        return self.known / self.rows if self.known is not None and self.rows else None

    @property
    def in_words(self) -> str:
        """For people."""
        if not self.known and self.why_not:
            return f"not counted. {self.why_not}"
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
    why_not: dict[int, str] = {}
    readings = Reading.objects.filter(monitor__version=version, monitor__key__in=keys, status__in=ENDED)
    for row in readings.order_by("pk").only("batch_id", "verdict", "numbers", "sentences"):
        counted = _counted(row)
        if counted is not None and row.batch_id is not None:
            found[row.batch_id] = max(counted, found.get(row.batch_id, (0, 0)))
        elif row.batch_id is not None and row.sentences:
            why_not[row.batch_id] = str(row.sentences[0])
    batches = Batch.objects.filter(version=version).order_by("-window_end", "-pk")
    return [_line(batch, found.get(batch.pk), why_not.get(batch.pk, ""), now) for batch in batches]


@dataclass(frozen=True)
class JoinedLine:
    """One delivery beside one batch: rows of it, how many got an outcome, and how many had another one before.

    All three are None where the batch was not looked at. `place` is where its rows lie, if it only refers to them.
    """

    batch: Batch
    delivery: OutcomeDelivery
    place: str
    rows: int | None = None
    matched: int | None = None
    contradicted: int | None = None


MOST_LINES = 100
"""Of a page; the newest windows."""


def joined_to(delivery: OutcomeDelivery) -> list[JoinedLine]:
    """The batches that a delivery has outcomes for, or was not set beside, the latest window first."""
    numbers = delivery.matching.numbers
    touched = [int(key) for key, one in numbers.get("batches", {}).items() if one["matched"]]
    rows = Batch.objects.filter(pk__in=[*touched, *(int(key) for key in numbers.get("troubles", {}))])
    chosen = rows.select_related("file").order_by("-window_end", "-pk")[:MOST_LINES]
    return [_joined(delivery, batch) for batch in chosen]


def joined_of(batch: Batch) -> list[JoinedLine]:
    """The deliveries in use that have outcomes for a batch, or were not set beside it, in the order they came."""
    found = [_joined(one, batch) for one in outcomes_of(batch) if _says(one, batch)]
    return found[-MOST_LINES:]


def _says(delivery: OutcomeDelivery, batch: Batch) -> bool:
    numbers = delivery.matching.numbers
    return any(str(batch.pk) in numbers.get(part, {}) for part in ("batches", "troubles"))


def _joined(delivery: OutcomeDelivery, batch: Batch) -> JoinedLine:
    counted = delivery.matching.numbers.get("batches", {}).get(str(batch.pk), {})
    return JoinedLine(batch, delivery, refers_to(batch), **counted)


def needs_correction(delivery: OutcomeDelivery) -> list[str]:
    """What readings say that cannot be made because of a delivery in use: by name, as the newest of each batch."""
    touched = [int(key) for key, one in delivery.matching.numbers.get("batches", {}).items() if one["matched"]]
    rows = Reading.objects.filter(batch__in=touched, status__in=ENDED, outcomes__isnull=False).order_by("pk")
    newest = {
        (row.monitor_id, row.batch_id): row for row in rows.only("monitor_id", "batch_id", "verdict", "sentences")
    }
    said = [
        str(row.sentences[0])
        for row in newest.values()
        if row.verdict == ReadingVerdict.NOT_COMPUTABLE and row.sentences
    ]
    return list(dict.fromkeys(one for one in said if f"“{delivery.name}”" in one and AS_A_CORRECTION in one))


def _line(batch: Batch, counted: tuple[int, int] | None, why_not: str, now: datetime) -> CoverageLine:
    known, rows = counted or (None, None)
    return CoverageLine(batch, known, rows, (now.date() - batch.window_end).days, why_not)


def _counted(row: Reading) -> tuple[int, int] | None:
    for said in row.numbers.get("measures", ()):
        measure = _measure(said)
        if measure is not None and measure.name == LABELLED:
            return measure.count("labelled") or 0, measure.count("rows") or 0
    return (0, 0) if row.verdict == ReadingVerdict.NO_LABELS else None


def _measure(said: dict[str, Any]) -> Measure | None:
    return Measure.from_json(said) if said.get("name") == LABELLED else None
