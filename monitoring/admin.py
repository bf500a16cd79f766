"""Monitoring in the admin: monitors, batches with their upload, readings with numbers, sentences and charts."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals import permissions
from approvals.admin.acting import Act, do, person, sent, serve, version_for
from approvals.admin.finding_lines import SOURCE_PAGES
from approvals.admin.forms import ActForm, date_field, long_text
from approvals.admin.records import VersionRecordAdmin
from approvals.models.findings import FindingSource
from approvals.panels import VERSION_PAGE
from approvals.policy_changes import settings_in_words
from monitoring import (
    alarm_notes,
    alarm_pages,
    batches,
    monitors,
    outcome_pages,
    overview_page,
    panels,
    reading_page,
    record_pages,
    references,
    rereading,
    source_pages,
    splitting,
    standing,
    version_views,
    watching_pages,
)
from monitoring.alarms import Level, least_apart
from monitoring.models import AlarmNote, Batch, Monitor, Reading, Schedule
from monitoring.outcome_coverage import joined_of
from monitoring.silences import reads_batches
from monitoring.version_state import outgrown_in_words
from portal.admin import ScopedAdmin, row_number
from portal.panels import WORK

VERSION_PAGE += [panels.monitoring_panel, record_pages.panel]
WORK.append(overview_page.overview_entry)
READINGS_SHOWN = 60


SOURCE_PAGES[FindingSource.MONITOR] = alarm_pages.of_finding
__all__ = ["outcome_pages", "source_pages", "watching_pages"]  # they register with the site


class MonitorFilter(admin.SimpleListFilter):
    """By kind of monitor: those that the portal has, not those that versions out of sight use."""

    title = "monitor"
    parameter_name = "monitor"
    field = "key"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Every kind."""
        return [(key, str(kind.title)) for key, kind in sorted(monitors.load().items())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Those of the chosen kind."""
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class MonitorOfReadingFilter(MonitorFilter):
    """The same for readings."""

    field = "monitor__key"


@admin.register(Monitor)
class MonitorAdmin(VersionRecordAdmin):
    """What is watched on visible versions."""

    page_template = "monitoring/monitor.html"
    related = ("version__model", "reference")
    list_display = ("monitor", "version", "expected", "consequence", "last_reading")
    list_filter = (MonitorFilter, "suspends")
    search_fields = ("key", "version__model__name", "version__number")
    list_select_related = ("version__model",)
    empty_sentence: ClassVar[str] = "No monitor that you may see. They start when a version enters monitoring."

    def get_urls(self) -> list[URLPattern]:
        """The overview and the answers to an alarm, before the stock addresses."""
        views: dict[str, Any] = {
            view.__name__: self.admin_site.admin_view(view)
            for view in (
                overview_page.deployed,
                overview_page.deployed_csv,
                alarm_pages.note,
                version_views.version_monitoring,
                version_views.version_charts,
                version_views.version_csv,
                version_views.distribution_csv,
            )
        }
        of_version = "version/<int:version_id>/"
        return [
            path("overview/", views["deployed"], name="monitoring_monitor_overview"),
            path("overview.csv", views["deployed_csv"], name="monitoring_monitor_overview_csv"),
            path(of_version, views["version_monitoring"], name="monitoring_monitor_version"),
            path(f"{of_version}charts/", views["version_charts"], name="monitoring_monitor_version_charts"),
            path(f"{of_version}timelines.csv", views["version_csv"], name="monitoring_monitor_version_csv"),
            path(
                f"{of_version}distribution.csv", views["distribution_csv"], name="monitoring_monitor_distribution_csv"
            ),
            path(
                "record/<int:version_id>/",
                self.admin_site.admin_view(record_pages.make_anew),
                name="monitoring_monitor_record",
            ),
            path("<int:monitor_id>/note/<slug:kind>/", views["note"], name="monitoring_monitor_note"),
            *super().get_urls(),
        ]

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Its plan in words, its alarm, and its readings, newest first."""
        rows = Reading.objects.filter(monitor=row).select_related("monitor", "batch").order_by("-pk")
        shown = list(rows[: READINGS_SHOWN + 1])
        alarm, kind = standing.alarm_of(row, now=timezone.now()), monitors.find(row.key)
        end = panels.end_of(row)
        is_watched = end is None and row.version.stage in batches.DEPLOYED
        return {
            "title": f"{monitors.title_of(row.key)} of {row.version}",
            "line": panels.monitor_line(row),
            "limits": panels.limits_of(row),
            "parameters": settings_in_words(row.parameters),
            "readings": [panels.reading_line(reading) for reading in shown[:READINGS_SHOWN]],
            "more": len(shown) > READINGS_SHOWN,
            "alarm": alarm,
            "references": references.changes_of(row.version) if row.reference else (),
            "outgrown": outgrown_in_words(alarm),
            "least_apart": least_apart(row.every_days),
            "reads_batches": reads_batches(row),
            "needs_outcomes": bool(kind and kind.needs_outcomes),
            "notes": AlarmNote.objects.filter(monitor=row).select_related("by")[:READINGS_SHOWN],
            "end": end,
            "may_note": is_watched and alarm_notes.may_note(person(request), row.version),
            "may_mute": is_watched and alarm_notes.may_mute(person(request), row.version),
        }

    @admin.display(description="Monitor", ordering="key")
    def monitor(self, monitor: Monitor) -> str:
        """What it watches."""
        return monitors.title_of(monitor.key)

    @admin.display(description="A batch at least", ordering="every_days")
    def expected(self, monitor: Monitor) -> str:
        """How often."""
        return "every day" if monitor.every_days == 1 else f"every {monitor.every_days} days"

    @admin.display(description="An alarm", ordering="suspends")
    def consequence(self, monitor: Monitor) -> str:
        """What follows beside the notices."""
        found = (
            ("restricts", monitor.restricts, monitor.restricts_from),
            ("suspends", monitor.suspends, monitor.suspends_from),
        )
        words = [
            f"{word}{' if critical' if level == Level.CRITICAL else ''}" for word, follows, level in found if follows
        ]
        return ", ".join(words) or "opens a finding"

    @admin.display(description="Newest reading")
    def last_reading(self, monitor: Monitor) -> str:
        """In one word."""
        line = panels.monitor_line(monitor)
        return format_html('<span class="verdict {}">{}</span>', line.tone, line.state)


@admin.register(Batch)
class BatchAdmin(VersionRecordAdmin):
    """Batches of visible versions."""

    page_template = "monitoring/batch.html"
    related = ("version__model", "file", "uploaded_by")

    list_display = ("name", "version", "window_start", "window_end", "uploaded_by", "received_at")
    search_fields = ("name", "version__model__name")
    list_select_related = ("version__model", "uploaded_by")
    empty_sentence: ClassVar[str] = "No batch that you may see. They are delivered on the page of a deployed version."

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What the monitors read in it."""
        rows = list(Reading.objects.filter(batch=row).select_related("monitor", "batch").order_by("pk"))
        counts = {reading.monitor_id: reading.pk for reading in standing.newest(rows)}
        may_deliver = batches.may_deliver(person(request), row.version)
        return {
            "readings": [panels.reading_line(one) for one in rows if one.pk >= counts[one.monitor_id]],
            "earlier": [panels.reading_line(one) for one in reversed(rows) if one.pk < counts[one.monitor_id]],
            "refers_to": batches.refers_to(row),
            "outcomes": joined_of(row),
            "may_read_again": may_deliver and rereading.waiting(row).exists(),
        }

    def get_urls(self) -> list[URLPattern]:
        """The upload and the download, before the stock addresses."""
        deliver_view: Any = self.admin_site.admin_view(deliver)
        download_view: Any = self.admin_site.admin_view(self.download)
        again_view: Any = self.admin_site.admin_view(self.again)
        return [
            path("deliver/<int:version_id>/", deliver_view, name="monitoring_batch_deliver"),
            path("<int:batch_id>/again/", again_view, name="monitoring_batch_again"),
            path("<int:batch_id>/download/", download_view, name="monitoring_batch_download"),
            *super().get_urls(),
        ]

    def download(self, request: HttpRequest, batch_id: int) -> HttpResponseBase:
        """The bytes as an attachment; recorded in the ledger."""
        return require_GET(self._download)(request, batch_id)

    def again(self, request: HttpRequest, batch_id: int) -> HttpResponseBase:
        """Read it again, where a connection did not answer or a reading ended in an error."""
        return require_POST(self._again)(request, batch_id)

    def _again(self, request: HttpRequest, batch_id: int) -> HttpResponseBase:
        row = self.row_for(request, str(batch_id))

        def run() -> str:
            reason = request.POST.get("reason", "")
            rereading.read_again(batch_id=row.pk, actor=person(request), reason=reason)
            return f"“{row.name}” is being read again."

        return do(request, row.version, run, anchor="#monitoring")

    def _download(self, request: HttpRequest, batch_id: int) -> HttpResponseBase:
        row = self.row_for(request, str(batch_id))
        name = f"batch-{row.pk}-{row.window_start}-{row.window_end}.{batches.ending(row)}"
        return self.handed_out(request, lambda: batches.opened(batch_id=row.pk, actor=person(request)), name)


@admin.register(Reading)
class ReadingAdmin(ScopedAdmin):
    """Readings of visible versions."""

    list_display = ("of_monitor", "version", "batch", "outcome", "finished_at")
    list_filter = ("verdict", "status", MonitorOfReadingFilter)
    search_fields = ("monitor__version__model__name", "batch__name")
    list_select_related = ("monitor__version__model", "batch")
    empty_sentence: ClassVar[str] = "No reading that you may see."

    @admin.display(description="Monitor", ordering="monitor__key")
    def of_monitor(self, reading: Reading) -> str:
        """What was read."""
        return monitors.title_of(reading.monitor.key)

    @admin.display(description="Version", ordering="monitor__version")
    def version(self, reading: Reading) -> str:
        """Of which version."""
        return str(reading.monitor.version)

    @admin.display(description="Outcome", ordering="verdict")
    def outcome(self, reading: Reading) -> str:
        """What came out, or how far it is."""
        line = panels.reading_line(reading)
        return format_html('<span class="verdict {}">{}</span>', line.tone, line.state)

    def visible(self, user: User) -> QuerySet[Reading]:
        """Of visible versions."""
        return Reading.objects.filter(monitor__version__in=permissions.visible_versions(user))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of a reading."""
        return reading_page.show(request, row_number(object_id))

    def get_urls(self) -> list[URLPattern]:
        """The tables for other programs, before the stock addresses."""
        view: Any = self.admin_site.admin_view(reading_page.numbers_csv)
        return [path("<int:reading_id>/numbers.csv", view, name="monitoring_reading_numbers_csv"), *super().get_urls()]


class DeliverForm(ActForm):
    """A batch."""

    file = forms.FileField(label="Table", allow_empty_file=True, help_text="CSV in UTF-8 or Parquet.")
    name = forms.CharField(label="Name", max_length=200, help_text="For example: October 2026.")
    window_start = date_field("First day that the rows are from", required=False)
    window_end = date_field("Last day that the rows are from", required=False)
    time_column = forms.CharField(
        label="Or: time column",
        max_length=200,
        required=False,
        help_text="For a table that spans several windows, instead of the days: the column of dates or ISO times. They "
        "are read as UTC unless they say an offset. Each window that is over becomes a batch; today's is left out.",
    )
    pace = forms.ChoiceField(label="A batch for", choices=[("", "—"), *Schedule.choices], required=False)
    description = long_text("Where the rows come from", required=False, rows=3)

    def clean(self) -> dict[str, Any]:
        """Either both days, or a column and a pace."""
        given = dict(self.cleaned_data)
        ways = (("window_start", "window_end"), ("time_column", "pace"))
        named = [way for way in ways if any(given.get(field) for field in way)]
        if self.errors:
            return given
        if len(named) != 1:
            raise forms.ValidationError("Name the first and the last day, or a time column and a pace: one of the two.")
        for field in named[0]:
            if not given.get(field):
                self.add_error(field, "This field is required.")
        return given


@require_http_methods(["GET", "POST"])
def deliver(request: HttpRequest, version_id: int) -> HttpResponseBase:
    """Deliver a batch of a deployed version."""
    version, user = version_for(request, version_id), person(request)

    def run(form: ActForm) -> None:
        given = dict(form.cleaned_data)
        ways = [("window_start", "window_end"), ("time_column", "pace")]
        days, split = ({field: given.pop(field) for field in way} for way in ways)
        given |= {"version_id": version_id, "actor": user, "stream": given.pop("file").file}
        if split["time_column"]:
            messages.info(request, str(splitting.receive(**given, **split)))
        else:
            batches.receive(**given, **days)

    intro = "It needs the columns that were declared at approval; outcomes may come later, in a batch of their own."
    done, why_not = "Delivered; what is new is being read.", batches.why_not_deliver(user, version)
    act = Act(f"Deliver a batch of {version}", "Deliver", run, done, intro, "#monitoring", not_permitted=why_not)
    return serve(request, version, act, DeliverForm(sent(request), request.FILES if request.method == "POST" else None))
