"""The page of one reading: verdict, sentences, numbers beside limits, charts with their tables, and these as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from approvals import permissions
from approvals.admin.acting import person
from approvals.checks._rules import number, signed
from approvals.measures.values import Measure
from monitoring import monitors, panels
from monitoring.models import Reading
from monitoring.series import feature_of
from monitoring.tables import as_csv
from monitoring.timelines import distribution_of
from monitoring.version_page import SHARE_COLUMNS, SHARES

COLUMNS = ("measure", "feature", "value", "low", "high", "rows", "why_there_is_no_value")
THEN_AND_NOW = ": as approved and now"


@dataclass(frozen=True)
class DrawnChart:
    """A chart that the worker drew; of a distribution with the column that it shows, and its table."""

    title: str
    description: str
    svg: SafeString
    feature: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@require_safe
def show(request: HttpRequest, reading_id: int) -> HttpResponse:
    """Everything that a reading says."""
    row = _row(request, reading_id)
    context = {
        **admin.site.each_context(request),
        "title": f"{monitors.title_of(row.monitor.key)}: {row.batch or 'without data'}",
        "reading": row,
        "version": row.monitor.version,
        "tone": panels.tone_of(row),
        "state": panels.state_in_words(row),
        "limits": panels.limits_of(row.monitor),
        "measures": row.numbers.get("measures", ()),
        "tables": row.numbers.get("tables", ()),
        "looked_at": row.numbers.get("looked_at", ()),
        "not_looked_at": row.numbers.get("not_looked_at", ()),
        "charts": [_drawn(row, chart) for chart in row.charts],
    }
    return render(request, "monitoring/reading.html", context)


@require_safe
def numbers_csv(request: HttpRequest, reading_id: int) -> HttpResponse:
    """Every measure, unrounded; of a `feature` its distribution; by its number a `table` as the page shows it."""
    row = _row(request, reading_id)
    feature, table = request.GET.get("feature", ""), request.GET.get("table", "")
    if feature:
        bins = distribution_of(row.numbers, feature)
        if not bins:
            raise Http404
        shares = ((name, then, now, now - then) for name, then, now in bins)
        return as_csv(f"reading-{reading_id}-distribution.csv", SHARE_COLUMNS, shares)
    if table:
        found = {str(place): one for place, one in enumerate(row.numbers.get("tables", ()), start=1)}
        if table not in found:
            raise Http404
        return as_csv(f"reading-{reading_id}-table-{table}.csv", found[table]["columns"], found[table]["rows"])
    return as_csv(f"reading-{reading_id}.csv", COLUMNS, _measures(row))


def _row(request: HttpRequest, reading_id: int) -> Reading:
    visible = Reading.objects.filter(monitor__version__in=permissions.visible_versions(person(request)))
    needed = ("monitor__version__model", "monitor__reference__file", "reference__file", "batch", "policy")
    row = visible.select_related(*needed).filter(pk=reading_id).first()
    if row is None:
        raise Http404
    return row


def _measures(row: Reading) -> Iterator[tuple[Any, ...]]:
    details = row.numbers.get("details") or {}
    for one in map(Measure.from_json, row.numbers.get("measures", ())):
        low, high = one.bounds or (one.low, one.high)
        yield one.name, feature_of(one, details), one.value, low, high, one.n, "" if one.computable else one.reason


def _drawn(row: Reading, chart: dict[str, str]) -> DrawnChart:
    feature = chart["title"].removesuffix(THEN_AND_NOW) if chart["title"].endswith(THEN_AND_NOW) else ""
    bins = distribution_of(row.numbers, feature) if feature else ()
    return DrawnChart(
        title=chart["title"],
        description=chart.get("description", ""),
        # Drawn by the portal and cleaned by an allow-list before it was stored.
        svg=mark_safe(chart["svg"]),  # noqa: S308
        feature=feature if bins else "",
        columns=SHARES,
        rows=tuple((name, number(then), number(now), signed(now - then)) for name, then, now in bins),
    )
