"""Sources of batches in the admin: what a version's batches are taken from, each window, and the acts on it."""

from __future__ import annotations

from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from approvals import permissions, referring
from approvals.admin.acting import Act, do, person, refused, sent, serve, version_for
from approvals.admin.forms import ActForm, date_field
from approvals.models import ModelVersion
from approvals.referring import CONNECTION
from monitoring import batches, sources
from monitoring.models import BatchSource, OutcomeSource, Schedule, SourceWindow
from portal.admin import ScopedAdmin

WINDOWS_SHOWN = 36
Source = TypeVar("Source", BatchSource, OutcomeSource)
NO_CONNECTION = (
    "The administrator has named no connection that you may refer to for this model, so batches come by upload, by the "
    "API or from a watched folder."
)


class ConnectionForm(ActForm):
    """A form with one of the connections that a person may refer to."""

    connection = forms.ChoiceField(label="Connection")

    def __init__(self, *args: Any, names: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["connection"].choices = [(name, name) for name in names]  # type: ignore[attr-defined]


class SourceForm(ConnectionForm):
    """What batches are taken from."""

    relation = forms.CharField(label="Table or view", max_length=200, help_text="For example: scoring.decisions.")
    time_column = forms.CharField(
        label="Time column", max_length=200, help_text="Of dates or times: it says from which day (UTC) a row is."
    )
    schedule = forms.ChoiceField(label="A batch for", choices=Schedule.choices, initial=Schedule.MONTHLY)
    starts_on = date_field("From", "Earlier windows are taken only when somebody asks for them.")


class BackfillForm(ActForm):
    """Past days."""

    first = date_field("First day")
    last = date_field("Last day", "Only whole windows between these days that are over are taken.")


@admin.register(BatchSource)
class BatchSourceAdmin(ScopedAdmin):
    """Sources of visible versions."""

    list_display = ("relation", "connection", "version", "schedule", "starts_on", "ended_at")
    list_display_links = None
    list_filter = ("schedule",)
    search_fields = ("relation", "version__model__name")
    list_select_related = ("version__model",)
    empty_sentence: ClassVar[str] = "No source that you may see. They are declared on the page of a deployed version."

    def visible(self, user: User) -> QuerySet[BatchSource]:
        """Of visible versions."""
        return BatchSource.objects.filter(version__in=permissions.visible_versions(user))

    def get_urls(self) -> list[URLPattern]:
        """The page of a version's sources and the acts, before the stock addresses."""
        views: dict[str, Any] = {
            view.__name__: self.admin_site.admin_view(view) for view in (of_version, declare, backfill, again, end)
        }
        return [
            path("version/<int:version_id>/", views["of_version"], name="monitoring_batchsource_version"),
            path("declare/<int:version_id>/", views["declare"], name="monitoring_batchsource_declare"),
            path("<int:source_id>/backfill/", views["backfill"], name="monitoring_batchsource_backfill"),
            path("<int:source_id>/again/", views["again"], name="monitoring_batchsource_again"),
            path("<int:source_id>/end/", views["end"], name="monitoring_batchsource_end"),
            *super().get_urls(),
        ]


def _may_act(user: User, version: ModelVersion) -> bool:
    return version.stage in batches.DEPLOYED and batches.may_deliver(user, version)


def source_for(request: HttpRequest, kind: type[Source], source_id: int) -> Source:
    """A source of a version that the person may see, else 404."""
    rows = kind._default_manager.filter(version__in=permissions.visible_versions(person(request)))  # noqa: SLF001
    row = rows.select_related("version__model__owner").filter(pk=source_id).first()
    if row is None:
        raise Http404
    return row


def _windows(row: BatchSource) -> list[SourceWindow]:
    found = list(row.windows.select_related("batch").order_by("-first_day")[:WINDOWS_SHOWN])
    for one in found:
        one.source = row
    return found


@require_safe
def of_version(request: HttpRequest, version_id: int) -> HttpResponse:
    """Every source with its latest windows."""
    version, user = version_for(request, version_id), person(request)
    rows = BatchSource.objects.filter(version=version).select_related("declared_by")
    context = {
        **admin.site.each_context(request),
        "title": f"Sources of batches of {version}",
        "version": version,
        "sources": [(row, _windows(row), row.windows.filter(batch=None).exclude(sentence="").exists()) for row in rows],
        "may_act": _may_act(user, version),
    }
    return render(request, "monitoring/sources.html", context)


@require_http_methods(["GET", "POST"])
def declare(request: HttpRequest, version_id: int) -> HttpResponseBase:
    """Name the relation that batches are taken from."""
    version, user = version_for(request, version_id), person(request)
    names = referring.places_for(user, version.model)[CONNECTION]
    why_not = batches.why_not_deliver(user, version)
    if request.method == "GET" and not names and not why_not:
        return refused(request, version, NO_CONNECTION)

    def run(form: ActForm) -> None:
        sources.declare(version_id=version.pk, actor=user, **form.cleaned_data)

    intro = (
        "When a window is over, its rows become a batch: a reference with days and a fingerprint, made by a worker. "
        "The rows stay where they are, and every reading compares them with the fingerprint first."
    )
    initial = {"starts_on": timezone.now().date().replace(day=1)}
    title, done = f"Declare a source of {version}", "The source is declared."
    act = Act(title, "Declare", run, done, intro, "#monitoring", not_permitted=why_not)
    return serve(request, version, act, SourceForm(sent(request), names=names, initial=initial))


@require_http_methods(["GET", "POST"])
def backfill(request: HttpRequest, source_id: int) -> HttpResponseBase:
    """Order past windows."""
    source, user = source_for(request, BatchSource, source_id), person(request)

    def run(form: ActForm) -> None:
        sources.backfill(source_id=source.pk, actor=user, **form.cleaned_data)

    intro = f"Windows of {source} that are there already stay as they are; the others are taken in their order."
    title, why_not = f"Take past windows of {source}", batches.why_not_deliver(user, source.version)
    act = Act(title, "Take them", run, "The windows are ordered.", intro, "#monitoring", not_permitted=why_not)
    return serve(request, source.version, act, BackfillForm(sent(request)))


@require_POST
def again(request: HttpRequest, source_id: int) -> HttpResponse:
    """Try what could not be taken now."""
    source, user = source_for(request, BatchSource, source_id), person(request)

    def run() -> str:
        count = sources.try_again(source_id=source.pk, actor=user)
        return f"{count} window{'' if count == 1 else 's'} of {source} {'is' if count == 1 else 'are'} tried again."

    return do(request, source.version, run, anchor="#monitoring")


@require_POST
def end(request: HttpRequest, source_id: int) -> HttpResponse:
    """Take no more batches from a source."""
    source, user = source_for(request, BatchSource, source_id), person(request)

    def run() -> str:
        sources.end(source_id=source.pk, actor=user)
        return f"No more batches are taken from {source}."

    return do(request, source.version, run, anchor="#monitoring")
