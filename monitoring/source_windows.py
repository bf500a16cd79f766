"""Which windows a schedule has, and which of them are over. Pure: days in, days out."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from monitoring.models import Schedule

MOST = 400
"""Windows that one act orders."""


def window_of(day: date, schedule: str) -> tuple[date, date]:
    """First and last day of the window that a day lies in."""
    if schedule == Schedule.MONTHLY:
        return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])
    if schedule == Schedule.WEEKLY:
        monday = day - timedelta(days=day.weekday())
        return monday, monday + timedelta(days=6)
    return day, day


def windows_over(first: date, last: date, schedule: str, *, today: date) -> list[tuple[date, date]]:
    """Whole windows within these days that ended before today, in order."""
    found: list[tuple[date, date]] = []
    day = first
    while day <= last:
        start, end = window_of(day, schedule)
        if start >= first and end <= last and end < today:
            found.append((start, end))
        day = end + timedelta(days=1)
    return found
