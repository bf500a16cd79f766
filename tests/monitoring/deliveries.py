"""Batches whose outcomes come later, and the outcomes: made and delivered through the use cases."""

from __future__ import annotations

import csv
import io
from datetime import date

from monitoring import batches, outcomes, running
from monitoring.models import Batch, Matching, Reading
from tests.cast import tiny_table
from tests.monitoring.measuring import read_here

SEPTEMBER, OCTOBER = (date(2026, 9, 1), date(2026, 9, 30)), (date(2026, 10, 1), date(2026, 10, 31))
WAITING = [
    {"monitor": "performance", "thresholds": {"min_roc_auc": 0.7}, "severity": "high", "parameters": {"draws": 50}},
    {"monitor": "score_drift", "thresholds": {"max_psi": 5}, "severity": "high"},
]


def rows_of(prefix: str, *, rows: int = 200, seed: int = 2) -> list[dict[str, str]]:
    """Rows with their outcomes, with keys of their own."""
    found = list(csv.DictReader(io.StringIO(tiny_table(rows=rows, seed=seed).decode())))
    return [{**row, "id": f"{prefix}{row['id']}"} for row in found]


def as_csv(rows: list[dict[str, str]], *names: str) -> bytes:
    """Some columns of rows."""
    lines = [",".join(names), *(",".join(row[name] for name in names) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def unlabelled(rows: list[dict[str, str]]) -> bytes:
    """What the model met, before anybody knew better."""
    return as_csv(rows, "id", "sex", "age_group", "amount", "y_score", "y_pred")


def wrong(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """The same rows with every outcome turned round."""
    return [{**row, "y_true": "1" if row["y_true"] == "0" else "0"} for row in rows]


def deliver(cast, version, content: bytes, *, name="September", window=SEPTEMBER, by=None) -> Batch:
    """A batch."""
    return batches.receive(
        version_id=version.pk,
        actor=by or cast.submitter,
        stream=io.BytesIO(content),
        name=name,
        window_start=window[0],
        window_end=window[1],
    )


def report(cast, version, content: bytes, *, name="Outcomes", by=None, **said):
    """Outcomes, not matched yet."""
    return outcomes.receive(
        version_id=version.pk, actor=by or cast.submitter, stream=io.BytesIO(content), name=name, **said
    )


def match(delivery) -> Matching:
    """What became of a delivery."""
    row = Matching.objects.get(delivery=delivery)
    assert outcomes.execute(row.pk)
    row.refresh_from_db()
    return row


def read_waiting(batch: Batch, key: str = "performance") -> Reading:
    """Carry out what is ordered for one monitor, in the portal's own way; gives the newest reading."""
    for row in Reading.objects.filter(batch=batch, monitor__key=key, status="queued").order_by("pk"):
        assert running.execute(row.pk)
    return Reading.objects.filter(batch=batch, monitor__key=key).latest("pk")


def read_waiting_here(batch: Batch, key: str = "performance") -> Reading:
    """The same, measured in the process of the test."""
    for row in Reading.objects.filter(batch=batch, monitor__key=key, status="queued").order_by("pk"):
        read_here(row)
    return Reading.objects.filter(batch=batch, monitor__key=key).latest("pk")
