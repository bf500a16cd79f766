"""Outcomes in the admin: the page of a version's outcomes, their upload, and what became of each delivery."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from approvals.admin.acting import Act, do, person, sent, serve, version_for
from approvals.admin.forms import ActForm, long_text
from approvals.admin.records import VersionRecordAdmin
from approvals.models.checks import RunStatus
from monitoring import batches, outcome_source_pages, outcomes, rematching
from monitoring.models import Matching, MatchVerdict, OutcomeDelivery, OutcomeSource
from monitoring.outcome_coverage import MOST_LINES, coverage, joined_to, needs_correction

TONES = {MatchVerdict.IN_USE: "ok", MatchVerdict.NOT_COMPUTABLE: "unknown", MatchVerdict.ERROR: "bad"}


@admin.register(OutcomeDelivery)
class OutcomeDeliveryAdmin(VersionRecordAdmin):
    """Deliveries of visible versions."""

    page_template = "monitoring/outcome_delivery.html"
    related = ("version__model", "file", "uploaded_by", "matching")
    list_display = ("name", "version", "corrects", "state", "uploaded_by", "received_at")
    list_filter = ("corrects", "matching__verdict")
    search_fields = ("name", "version__model__name")
    list_select_related = ("version__model", "uploaded_by", "matching")
    empty_sentence: ClassVar[str] = (
        "No outcomes that you may see. They are delivered on the page of a deployed version."
    )

    @admin.display(description="State")
    def state(self, row: OutcomeDelivery) -> str:
        """In one word."""
        return state_of(row.matching)[0]

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What became of it."""
        word, tone = state_of(row.matching)
        version = row.version
        may_deliver = version.stage in batches.DEPLOYED and batches.may_deliver(person(request), version)
        return {
            "matching": row.matching,
            "state": word,
            "tone": tone,
            "joined": joined_to(row),
            "corrections": needs_correction(row),
            "may_deliver": may_deliver,
            "most": MOST_LINES,
            "may_match_again": may_deliver and rematching.may_be_matched_again(row.matching),
        }

    def get_urls(self) -> list[URLPattern]:
        """The page of a version's outcomes, the upload and the download, before the stock addresses."""
        views: dict[str, Any] = {
            name: self.admin_site.admin_view(view)
            for name, view in (
                ("version", of_version),
                ("deliver", deliver),
                ("download", self.download),
                ("again", self.again),
                ("declare", outcome_source_pages.declare),
                ("correct", outcome_source_pages.correct),
                ("source_again", outcome_source_pages.again),
                ("end", outcome_source_pages.end),
            )
        }
        source = "monitoring_outcomedelivery_source"
        return [
            path("version/<int:version_id>/", views["version"], name="monitoring_outcomedelivery_version"),
            path("deliver/<int:version_id>/", views["deliver"], name="monitoring_outcomedelivery_deliver"),
            path("<int:delivery_id>/download/", views["download"], name="monitoring_outcomedelivery_download"),
            path("<int:delivery_id>/again/", views["again"], name="monitoring_outcomedelivery_again"),
            path("source/declare/<int:version_id>/", views["declare"], name=f"{source}_declare"),
            path("source/<int:source_id>/again/", views["source_again"], name=f"{source}_again"),
            path("source/<int:source_id>/correct/", views["correct"], name=f"{source}_correct"),
            path("source/<int:source_id>/end/", views["end"], name=f"{source}_end"),
            *super().get_urls(),
        ]

    def download(self, request: HttpRequest, delivery_id: int) -> HttpResponseBase:
        """The bytes as an attachment; recorded in the ledger."""
        return require_GET(self._download)(request, delivery_id)

    def again(self, request: HttpRequest, delivery_id: int) -> HttpResponseBase:
        """Match it again, where that ended in an error."""
        return require_POST(self._again)(request, delivery_id)

    def _again(self, request: HttpRequest, delivery_id: int) -> HttpResponseBase:
        row = self.row_for(request, str(delivery_id))

        def run() -> str:
            rematching.match_again(delivery_id=row.pk, actor=person(request))
            return f"“{row.name}” is being matched again."

        return do(request, row.version, run, anchor="#monitoring")

    def _download(self, request: HttpRequest, delivery_id: int) -> HttpResponseBase:
        row = self.row_for(request, str(delivery_id))
        name = f"outcomes-{row.pk}.{batches.ending(row)}"
        return self.handed_out(request, lambda: outcomes.opened(delivery_id=row.pk, actor=person(request)), name)


def state_of(row: Matching) -> tuple[str, str]:
    """What became of a delivery in words, and the tone of it."""
    if row.status in (RunStatus.QUEUED, RunStatus.RUNNING):
        return row.get_status_display(), "wait"
    return row.get_verdict_display(), TONES.get(MatchVerdict(row.verdict), "bad")


class DeliverOutcomesForm(ActForm):
    """Outcomes."""

    file = forms.FileField(
        label="Table", allow_empty_file=True, help_text="CSV in UTF-8 or Parquet, with the key and the outcome column."
    )
    name = forms.CharField(label="Name", max_length=200, help_text="For example: outcomes known by October 2026.")
    corrects = forms.BooleanField(
        label="These outcomes correct what was delivered before",
        required=False,
        help_text="Otherwise another outcome than before for a key is a contradiction, and none of the file is used.",
    )
    description = long_text(
        "Where the outcomes come from", "Of a correction: why, in at least 10 characters.", required=False, rows=3
    )


@require_http_methods(["GET", "POST"])
def deliver(request: HttpRequest, version_id: int) -> HttpResponseBase:
    """Deliver outcomes of batches that came before."""
    version, user = version_for(request, version_id), person(request)

    def run(form: ActForm) -> None:
        given = dict(form.cleaned_data)
        try:
            outcomes.receive(version_id=version_id, actor=user, stream=given.pop("file").file, **given)
        except outcomes.KnownDelivery as known:
            if not known.is_matched_again:
                raise

    intro = (
        "Rows are joined to those of all batches by the key that was declared at approval. Monitors that need outcomes "
        "read the batches again; earlier readings stay."
    )
    done = "The outcomes are taken; they are being matched."
    why_not = batches.why_not_deliver(user, version)
    act = Act(f"Deliver outcomes of {version}", "Deliver", run, done, intro, "#monitoring", not_permitted=why_not)
    files = request.FILES if request.method == "POST" else None
    return serve(request, version, act, DeliverOutcomesForm(sent(request), files))


@require_safe
def of_version(request: HttpRequest, version_id: int) -> HttpResponse:
    """What is known of each batch, and every delivery."""
    version, user = version_for(request, version_id), person(request)
    rows = OutcomeDelivery.objects.filter(version=version).select_related("matching", "uploaded_by")
    context = {
        **admin.site.each_context(request),
        "title": f"Outcomes of {version}",
        "version": version,
        "coverage": coverage(version, now=timezone.now()),
        "deliveries": [(row, *state_of(row.matching)) for row in rows],
        "sources": OutcomeSource.objects.filter(version=version).select_related("declared_by"),
        "may_deliver": version.stage in batches.DEPLOYED and batches.may_deliver(user, version),
    }
    return render(request, "monitoring/outcomes.html", context)
