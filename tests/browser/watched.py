"""A deployed version with monitors, for the pages about what happens after approval. The served worker reads and draws.

January is like the approved table, February never came, the amounts of March are three times as large.
"""

import csv
import io
from datetime import date

from monitoring import batches
from tests.cast import TABLE, Cast, tiny_table

MODEL = "Watched parcels"
MONITORS = [
    {"monitor": "feature_drift", "thresholds": {"max_psi": 0.25}, "warn": {"max_psi": 0.1}, "severity": "high"},
    {"monitor": "performance", "thresholds": {"min_roc_auc": 0.7}, "severity": "high"},
    {"monitor": "staleness", "severity": "medium"},
]
ROWS = 600


def watch(cast: Cast) -> None:
    """Bring a version of the low tier into monitoring and deliver its batches."""
    cast.publish(monitors=MONITORS, tier="low")
    version = cast.version(cast.model(MODEL, tier="low"))
    cast.artifact(version)
    features = {**TABLE, "features": ["amount", "age_group"]}
    cast.attach(version, "evaluation_table", tiny_table(ROWS), "evaluation.csv", **features)
    for _ in range(7):
        cast.advance(version)
    march = larger_amounts(tiny_table(ROWS, seed=3))
    for name, table, month in (("January", tiny_table(ROWS, seed=2), 1), ("March", march, 3)):
        batches.receive(
            version_id=version.pk,
            actor=cast.submitter,
            stream=io.BytesIO(table),
            name=name,
            window_start=date(2026, month, 1),
            window_end=date(2026, month, 31),
        )


def larger_amounts(table: bytes) -> bytes:
    """The same rows with amounts three times as large, and without outcomes."""
    rows = [{**row, "amount": 3 * int(row["amount"])} for row in csv.DictReader(io.StringIO(table.decode()))]
    out = io.StringIO()
    writer = csv.DictWriter(out, [name for name in rows[0] if name != "y_true"], extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()
