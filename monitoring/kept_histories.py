"""The series of a version as a worker last read them out of the readings, so that pages need not read all numbers.

Kept beside the pictures under a digest of the readings; where that is another one, the readings themselves are asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from approvals.canonical import digest
from approvals.models import ModelVersion
from monitoring.alarms import Level
from monitoring.models import Monitor, Picture, Reading
from monitoring.series import Limit, Point, Series
from monitoring.timelines import History, history_of, marks_of

FORM = 2
"""Raised when series are read out of readings otherwise."""
SUBJECT = "numbers"


def history_for_page(version: ModelVersion) -> History:
    """The newest windows: as kept, if the readings are still the same ones, else read out of them now."""
    row = Picture.objects.filter(version=version, subject=SUBJECT).first()
    if row is None or row.digest != _digest(version):
        return history_of(version)
    found = {int(monitor): tuple(map(_series, rows)) for monitor, rows in row.shows.items()}
    watched = Monitor.objects.filter(version=version).order_by("pk").values_list("pk", flat=True)
    return History({pk: found.get(pk, ()) for pk in watched}, marks_of(version))


def keep(version: ModelVersion, *, now: datetime) -> History:
    """Read the series out of the readings, keep them, and give them."""
    before = _digest(version)  # a reading that ends meanwhile makes what is kept outdated
    history = history_of(version)
    shows = {str(monitor): [plain(asdict(series)) for series in found] for monitor, found in history.series.items()}
    told = {"title": "Numbers", "shows": shows, "digest": before, "checked_at": now}
    Picture.objects.update_or_create(version=version, subject=SUBJECT, defaults=told)
    return history


def _digest(version: ModelVersion) -> str:
    """Of every reading of a batch with its state; readings that ended never change."""
    rows = Reading.objects.filter(monitor__version=version, batch__isnull=False).order_by("pk")
    states = rows.values_list("pk", "status", "verdict", "level", "numbers_digest")
    return digest([FORM, [list(state) for state in states]])


def plain(value: Any) -> Any:
    """Dataclasses that became dictionaries as plain JSON values."""
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _series(kept: Mapping[str, Any]) -> Series:
    limits = tuple(Limit(Level(limit["level"]), limit["value"]) for limit in kept["limits"])
    return Series(**{**kept, "limits": limits, "points": tuple(map(_point, kept["points"]))})


def _point(kept: Mapping[str, Any]) -> Point:
    level = None if kept["level"] is None else Level(kept["level"])
    days = {name: date.fromisoformat(kept[name]) for name in ("start", "end")}
    return Point(**{**kept, **days, "level": level})
