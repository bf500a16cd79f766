"""Readings as JSON and back, so that they can leave the child process and be stored.

Loses nothing; numbers stay unrounded. Refuses what JSON cannot say (NaN, infinity) instead of guessing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from approvals.checks.base import ChartSpecification, NumberTable, Reading
from approvals.measures.values import Measure


def reading_as_json(reading: Reading, *, with_log: bool = True) -> dict[str, Any]:
    """The reading as plain JSON values. Without the log it depends on inputs, parameters, thresholds and seed only."""
    plain: dict[str, Any] = {
        "measures": [measure.as_json() for measure in reading.measures],
        "looked_at": list(reading.looked_at),
        "not_looked_at": list(reading.not_looked_at),
        "tables": [
            {
                "title": table.title,
                "columns": list(table.columns),
                "rows": [list(row) for row in table.rows],
                "note": table.note,
            }
            for table in reading.tables
        ],
        "charts": [
            {"title": chart.title, "description": chart.description, "specification": chart.specification}
            for chart in reading.charts
        ],
        "details": dict(reading.details),
    }
    if with_log:
        plain["log"] = list(reading.log)
    checked: dict[str, Any] = json.loads(json.dumps(plain, allow_nan=False))
    return checked


def reading_from_json(plain: Mapping[str, Any]) -> Reading:
    """The reading that `reading_as_json` wrote."""
    return Reading(
        measures=tuple(Measure.from_json(measure) for measure in plain["measures"]),
        looked_at=tuple(plain["looked_at"]),
        not_looked_at=tuple(plain["not_looked_at"]),
        tables=tuple(
            NumberTable(
                title=table["title"],
                columns=tuple(table["columns"]),
                rows=tuple(tuple(row) for row in table["rows"]),
                note=table["note"],
            )
            for table in plain["tables"]
        ),
        charts=tuple(ChartSpecification(**chart) for chart in plain["charts"]),
        log=tuple(plain.get("log", ())),
        details=plain["details"],
    )
