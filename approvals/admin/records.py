"""Read-only records of versions in the admin: evidence with its download, check runs, sign-offs, findings, plans."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, BinaryIO, ClassVar

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path
from django.utils.dateparse import parse_datetime
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET, require_safe

from approvals import checks, dossier, evidence, findings, permissions, timeline
from approvals.admin.acting import person
from approvals.admin.finding_lines import source_page
from approvals.admin.run_comparison import compared
from approvals.admin.version_lines import OK, UNKNOWN, VERDICTS, WAIT
from approvals.checks._verdicts import number
from approvals.measures.references import MEDIA_TYPE
from approvals.measures.values import between
from approvals.models import CheckRun, Evidence, EvidenceKind, Finding, MitigationPlan, SignOff
from approvals.models.checks import RunStatus, Verdict
from approvals.policy_changes import settings_in_words
from approvals.stages import REVIEW_STAGES
from portal.admin import ScopedAdmin, row_number
from portal.errors import DomainError

LISTED = 50
"""Files of a table elsewhere that a page lists; the document has them all."""


class VersionRecordAdmin(ScopedAdmin):
    """Rows of visible versions; each has a page of its own template."""

    page_template: ClassVar[str]
    related: ClassVar[tuple[str, ...]] = ("version__model",)

    def visible(self, user: User) -> QuerySet[Any]:
        """Rows of visible versions."""
        rows: QuerySet[Any] = self.model.objects.filter(version__in=permissions.visible_versions(user))
        return rows

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of the record."""
        return self.show(request, self.row_for(request, object_id))

    def row_for(self, request: HttpRequest, object_id: str | None) -> Any:
        """A row that this person may see; otherwise it does not exist."""
        number = row_number(object_id)
        row = self.visible(person(request)).select_related(*self.related).filter(pk=number).first()
        if row is None:
            raise Http404
        return row

    def show(self, request: HttpRequest, row: Any) -> HttpResponse:
        """Facts, and what `page` adds."""
        context = {
            **self.admin_site.each_context(request),
            "title": str(row),
            "row": row,
            "version": row.version,
            "opts": self.opts,
            **self.page(request, row),
        }
        return require_safe(lambda request: render(request, self.page_template, context))(request)

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Context of the page."""
        return {}

    def handed_out(self, request: HttpRequest, opened: Callable[[], BinaryIO], name: str) -> HttpResponseBase:
        """Stored bytes as an attachment that no browser shows inline, or why they are not handed out."""
        try:
            found = opened()
        except DomainError as error:
            context = {**self.admin_site.each_context(request), "title": "Not available", "sentence": error.sentence}
            return render(request, "approvals/not_permitted.html", context, status=503)
        answer = FileResponse(found, as_attachment=True, filename=name, content_type="application/octet-stream")
        answer["X-Content-Type-Options"] = "nosniff"
        return answer


@admin.register(Evidence)
class EvidenceAdmin(VersionRecordAdmin):
    """Everything that was ever attached."""

    page_template = "approvals/evidence.html"
    related = ("version__model", "file", "uploaded_by")
    list_display = ("name", "kind", "version", "size", "uploaded_by", "uploaded_at")
    list_filter = ("kind",)
    search_fields = ("name", "file__sha256__startswith", "version__model__name")
    list_select_related = ("version__model", "file", "uploaded_by")
    empty_sentence = "No evidence that you may see. It is attached on the page of a version."

    @admin.display(description="Size", ordering="file__size")
    def size(self, row: Evidence) -> str:
        """For reading."""
        return str(filesizeformat(row.file.size))

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """What was declared, and whether it still is the current piece."""
        current = evidence.current(row.version, row.kind)
        return {
            "details": settings_in_words(dict(sorted(row.details.items()))),
            "is_current": current is not None and current.pk == row.pk,
            "reference": evidence.reference_of(row),
            "listed": LISTED,
        }

    def get_urls(self) -> list[URLPattern]:
        """The download, before the stock addresses."""
        view: Any = self.admin_site.admin_view(self.download)
        return [path("<int:evidence_id>/download/", view, name="approvals_evidence_download"), *super().get_urls()]

    def download(self, request: HttpRequest, evidence_id: int) -> HttpResponseBase:
        """The bytes as an attachment, never shown inline; recorded in the ledger."""
        return require_GET(self._download)(request, evidence_id)

    def _download(self, request: HttpRequest, evidence_id: int) -> HttpResponseBase:
        row = self.row_for(request, str(evidence_id))
        return self.handed_out(request, lambda: evidence.opened(evidence_id=row.pk, actor=person(request)), row.name)


_OF_NUMBERS = frozenset({"Measure", "Value", "Interval", "Rows", "Method"})
"""Columns of tables that say again what stands above them as the numbers of the run."""


@admin.register(CheckRun)
class CheckRunAdmin(VersionRecordAdmin):
    """Every run of every check."""

    page_template = "approvals/check_run.html"
    related = ("version__model", "version__policy", "requested_by")
    list_display = ("title", "version", "status", "verdict", "requested_at", "finished_at")
    list_filter = ("verdict", "status", "check_key")
    search_fields = ("check_key", "version__model__name", "version__number")
    list_select_related = ("version__model",)
    empty_sentence = "No check run that you may see. Checks are run on the page of a version."

    @admin.display(description="Check", ordering="check_key")
    def title(self, run: CheckRun) -> str:
        """Its name and the number of the run."""
        return f"{checks.title_of(run.check_key)}, run {run.pk}"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Without what is long."""
        rows: QuerySet[Any] = super().get_queryset(request).defer("reading", "charts", "log")
        return rows

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Verdict, numbers beside thresholds, tables, charts, and what it looked at."""
        kind, user = checks.find(row.check_key), person(request)
        reading = row.reading or {}
        word, tone = VERDICTS[Verdict(row.verdict)] if row.verdict else (row.get_status_display(), WAIT)
        case = dossier.load_case(row.version)
        takes_part = permissions.may_move(user, row.version.model) or permissions.roles_of(user, row.version.model)
        return {
            "title": f"{checks.title_of(row.check_key)}, run {row.pk}",
            "word": word,
            "tone": tone,
            "running": row.status in (RunStatus.QUEUED, RunStatus.RUNNING),
            "of_current_inputs": row.inputs_digest == case.check_inputs.get(row.check_key),
            "measures": [_measure(item, reading) for item in reading.get("measures", ())],
            "parameters": settings_in_words(row.inputs.get("parameters", {})),
            "thresholds": settings_in_words(row.inputs.get("thresholds", {})),
            "fixed": _fixed(row.thresholds_fixed),
            "tables": [table for table in reading.get("tables", ()) if not _OF_NUMBERS.issuperset(table["columns"])],
            "looked_at": reading.get("looked_at", ()),
            "not_looked_at": reading.get("not_looked_at", ()),
            "turns": reading.get("turns", ()),
            "compared": _beside(row),
            "inputs": _inputs(row),
            "engine": sorted((name.capitalize(), number) for name, number in row.engine.items()),
            # Charts were drawn by the portal and cleaned by an allow-list before they were stored.
            "charts": [{**chart, "svg": mark_safe(chart["svg"])} for chart in row.charts],  # noqa: S308
            "may_stop": bool(takes_part) and row.status in (RunStatus.QUEUED, RunStatus.RUNNING),
            "may_run": bool(takes_part) and row.version.stage in REVIEW_STAGES and kind is not None,
        }


def _inputs(run: CheckRun) -> list[tuple[str, str, str]]:
    """Label and digest of every input, and where its rows lie if it only refers to them."""
    digests = {kind: piece["sha256"] for kind, piece in run.inputs.get("evidence", {}).items()}
    rows = Evidence.objects.filter(version=run.version, kind__in=digests, media_type=MEDIA_TYPE).select_related("file")
    elsewhere = {(row.kind, row.file.sha256): evidence.reference_in_words(row) for row in rows}
    return [
        (str(EvidenceKind(kind).label), sha256, elsewhere.get((kind, sha256), ""))
        for kind, sha256 in sorted(digests.items())
    ]


def _beside(row: CheckRun) -> dict[str, Any] | None:
    """What changed since the newest earlier run on other inputs; None if there is none, or nothing was measured."""
    same = CheckRun.objects.filter(version=row.version, check_key=row.check_key, status=RunStatus.FINISHED)
    measured = same.filter(pk__lt=row.pk, reading__has_key="measures")
    earlier = measured.exclude(inputs_digest=row.inputs_digest).first()
    if earlier is None or not (row.reading or {}).get("measures"):
        return None
    found = compared(earlier.reading, row.reading)
    return {"run": earlier, "verdict": Verdict(earlier.verdict).label.lower(), **vars(found)}


def _fixed(by_whom: dict[str, Any]) -> str:
    """Who fixed the thresholds, when and where, as the run recorded it."""
    at = parse_datetime(str(by_whom.get("at", "")))
    when = f"{at:%d %b %Y, %H:%M} UTC" if at else "at an unknown time"
    return f"{when} by {by_whom.get('by') or 'nobody named'} in {by_whom.get('policy', 'an unnamed policy')}"


def _measure(item: dict[str, Any], reading: dict[str, Any]) -> dict[str, Any]:
    """One measure in words: its value, its interval, or why there is no number."""
    low, high = item.get("low"), item.get("high")
    failed = {measure["name"] for measure in reading.get("failed_measures", ())}
    return {
        "name": item["name"],
        "value": _value(item),
        "interval": f"{number(low)} to {number(high)}" if low is not None and high is not None else "",
        "n": item.get("n"),
        "method": item.get("method", ""),
        "reason": item.get("reason", ""),
        "failed": item["name"] in failed,
    }


def _value(item: dict[str, Any]) -> str:
    value, bounds = item.get("value"), item.get("bounds")
    if bounds:
        return between((bounds[0], bounds[1]))
    return "" if value is None else number(value)


@admin.register(SignOff)
class SignOffAdmin(VersionRecordAdmin):
    """Every signature, counting or not."""

    page_template = "approvals/sign_off.html"
    related = ("version__model", "version__policy", "signer", "dossier")
    list_display = ("printed_name", "role", "version", "stage", "decision", "signed_at")
    list_filter = ("decision", "role", "stage")
    search_fields = ("printed_name", "version__model__name", "dossier__digest__startswith")
    list_select_related = ("version__model",)
    empty_sentence = "No sign-off that you may see."

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Whether it counts, what it covers, and what has changed since."""
        counts = row.pk in timeline.standing_sign_offs(row.version)
        changes: tuple[str, ...] = ()
        if not counts:
            changes = dossier.changes(row.dossier.text, dossier.current_text(row.version, row.stage))
        return {
            "word": "Counts" if counts else "No longer counts",
            "tone": OK if counts else UNKNOWN,
            "changes": changes,
            "dossier_text": json.dumps(json.loads(row.dossier.text), indent=2, ensure_ascii=False),
        }


@admin.register(Finding)
class FindingAdmin(VersionRecordAdmin):
    """Every finding."""

    page_template = "approvals/finding.html"
    related = ("version__model", "owner", "opened_by", "accepted_by", "closed_by")
    list_display = ("title", "version", "severity", "status", "owner", "due_on", "source")
    list_filter = ("status", "severity", "source")
    search_fields = ("title", "description", "version__model__name")
    list_select_related = ("version__model", "owner")
    empty_sentence = "No finding that you may see."

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """Where its source is, if that has a page."""
        return {"source_page": source_page(row, person(request))}


@admin.register(MitigationPlan)
class MitigationPlanAdmin(VersionRecordAdmin):
    """Every mitigation plan."""

    page_template = "approvals/mitigation.html"
    related = ("version__model", "failed_run", "owner", "recorded_by")
    list_display = ("measure", "version", "owner", "due_on", "recorded_at")
    search_fields = ("measure", "plan", "version__model__name")
    list_select_related = ("version__model", "owner")
    empty_sentence = "No mitigation plan that you may see."

    def page(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        """The failed measure in words, and what a later run found."""
        again = findings.retest(row)
        after = _measure(again.measure, {}) if again else {}
        return {"before": _measure(row.before, {}), "again": again, "after": after}


__all__ = ["CheckRunAdmin", "EvidenceAdmin", "FindingAdmin", "MitigationPlanAdmin", "SignOffAdmin"]
