"""The monitoring page of a version, what it asks while charts are drawn, and its tables for other programs."""

from __future__ import annotations

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from approvals.admin.acting import person, version_for
from approvals.admin.acts import POLLING_IS_DONE
from monitoring import batches, version_page
from monitoring.models import Monitor
from monitoring.panels import title_in_history
from monitoring.tables import as_csv
from monitoring.timelines import history_of
from monitoring.version_state import state_of
from portal.errors import BadInput

CHOICES = ("monitor", "feature", "reading")


@require_safe
def version_monitoring(request: HttpRequest, version_id: int) -> HttpResponse:
    """State in words, timelines, small multiples, and the feature that was clicked."""
    version = version_for(request, version_id)
    context = {
        **admin.site.each_context(request),
        "title": f"Monitoring of {version}",
        "version": version,
        "state": state_of(version, person(request), now=timezone.now()),
        "page": _charts(request, version_id),
        "may_deliver": version.stage in batches.DEPLOYED and batches.may_deliver(person(request), version),
        "as_of": timezone.now(),
    }
    return render(request, "monitoring/version.html", context)


@require_safe
def version_charts(request: HttpRequest, version_id: int) -> HttpResponse:
    """What the page asks while charts are drawn; 286 tells it to load again because all are there."""
    found = _charts(request, version_id)
    status = 200 if found.waits else POLLING_IS_DONE
    return render(request, "monitoring/being_drawn.html", {"page": found}, status=status)


@require_safe
def version_csv(request: HttpRequest, version_id: int) -> HttpResponse:
    """Every number of every chart, of one chart or of one monitor, with all windows, unrounded."""
    version = version_for(request, version_id)
    watched = Monitor.objects.filter(version=version).select_related("end")
    titles = {row.pk: title_in_history(row) for row in watched}
    history = history_of(version, windows=None)
    try:
        found = version_page.chosen_series(
            history, **{name: request.GET.get(name, "") for name in ("chart", "monitor")}
        )
    except BadInput as error:
        raise Http404(error.sentence) from error
    rows = version_page.timeline_rows(found, titles)
    return as_csv(f"monitoring-{version.pk}.csv", version_page.COLUMNS, rows)


@require_safe
def distribution_csv(request: HttpRequest, version_id: int) -> HttpResponse:
    """The table under the distribution of a feature, unrounded."""
    chosen = _charts(request, version_id).chosen
    if chosen is None or chosen.shares is None:
        raise Http404
    return as_csv(f"distribution-{version_id}-{chosen.reading}.csv", version_page.SHARE_COLUMNS, chosen.bins)


def _charts(request: HttpRequest, version_id: int) -> version_page.VersionCharts:
    version = version_for(request, version_id)
    try:
        return version_page.charts_of(version, **{name: request.GET.get(name, "") for name in CHOICES})
    except BadInput as error:
        raise Http404(error.sentence) from error
