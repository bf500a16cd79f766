"""Model cards in the admin: list, page, downloads, and the page on which anybody verifies a card."""

from __future__ import annotations

import tempfile
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any, ClassVar

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.shortcuts import render
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals import permissions
from approvals.admin.acting import Act, do, person, refused, sent, serve, version_for
from approvals.admin.forms import ActForm, ReasonForm
from approvals.panels import VERSION_PAGE
from modelcards import exporters, issuing, offline, panels, records, reissuing
from modelcards.auditor_script import SCRIPT_NAME, auditor_script
from modelcards.authority import list_path, root_path
from modelcards.card_schema import FILE as SCHEMA_FILE
from modelcards.companions import CompanionReport, verify_attestations, verify_pack
from modelcards.inspection import inspect
from modelcards.models import ModelCard
from modelcards.packs import ZIP_START
from modelcards.verification import LARGEST, CardReport, is_document
from portal import checkpoints
from portal.admin import ScopedAdmin, row_number
from portal.errors import DomainError, NotPermitted, Unavailable

VERSION_PAGE.append(panels.cards_panel)

PATIENCE = 10.0
"""Seconds that a person waits while others have their files verified."""
LARGEST_PACK = 200_000_000
_verifying = BoundedSemaphore(2)  # so that files made to be slow never take all threads of the web server


@admin.register(ModelCard)
class ModelCardAdmin(ScopedAdmin):
    """Cards of visible versions."""

    list_display = ("number", "version", "kind", "status", "finished_at")
    list_filter = ("kind", "status")
    search_fields = ("number", "digest__startswith", "pdf__sha256__startswith", "version__model__name")
    list_select_related = ("version__model",)
    change_list_template = "modelcards/admin_list.html"
    empty_sentence: ClassVar[str] = "No card that you may see. One is issued when a version is approved for deployment."

    def visible(self, user: User) -> QuerySet[ModelCard]:
        """Cards of visible versions."""
        return ModelCard.objects.filter(version__in=permissions.visible_versions(user))

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """The page of a card."""
        return show(request, card_for(request, row_number(object_id)))

    def get_urls(self) -> list[URLPattern]:
        """Downloads, orders and verification, before the stock addresses."""

        def at(route: str, view: Any, name: str) -> URLPattern:
            found: URLPattern = path(route, self.admin_site.admin_view(view), name=f"modelcards_modelcard_{name}")
            return found

        return [
            at("verify/", verify, "verify"),
            at("trust/<slug:what>/", trust, "trust"),
            at("draft/<int:version_id>/", order_draft, "order_draft"),
            at("reissue/<int:version_id>/", reissue, "reissue"),
            at("<int:card_id>/retry/", retry, "retry"),
            at("<int:card_id>/download/<slug:exporter>/", download, "download"),
            *super().get_urls(),
        ]


def card_for(request: HttpRequest, card_id: int) -> ModelCard:
    """A card that this person may see; otherwise it does not exist."""
    rows = ModelCard.objects.filter(version__in=permissions.visible_versions(person(request)))
    row = rows.select_related("version__model", "pdf", "requested_by").filter(pk=card_id).first()
    if row is None:
        raise Http404
    return row


@require_GET
def show(request: HttpRequest, row: ModelCard) -> HttpResponse:
    """State, digests, downloads."""
    context = {
        **admin.site.each_context(request),
        "title": row.number,
        "card": row,
        "version": row.version,
        "renewals": row.renewals.select_related("pdf"),
        "formats": sorted(exporters.load().values(), key=lambda kind: (kind.key != "pdf", kind.title)),
        "may_retry": row.status == "crashed" and permissions.may_move(person(request), row.version.model),
    }
    return render(request, "modelcards/admin_card.html", context)


@require_GET
def download(request: HttpRequest, card_id: int, exporter: str) -> HttpResponseBase:
    """A file, as an attachment."""
    row = card_for(request, card_id)
    try:
        found = issuing.download(card_id=row.pk, actor=person(request), exporter=exporter)
    except NotPermitted as error:
        raise Http404 from error
    except DomainError as error:
        messages.error(request, error.sentence)
        return HttpResponseRedirect(row.get_absolute_url())
    headers = {"Content-Disposition": f'attachment; filename="{found.name}"', "X-Content-Type-Options": "nosniff"}
    if found.streamed:
        return StreamingHttpResponse(found.chunks, content_type=found.media_type, headers=headers)
    return HttpResponse(found.content, content_type=found.media_type, headers=headers)


@require_POST
def order_draft(request: HttpRequest, version_id: int) -> HttpResponse:
    """Order a draft."""
    version = version_for(request, version_id)

    def run() -> str:
        issuing.request_draft(version_id=version.pk, actor=person(request))
        return "The draft is ordered; it appears here when it is printed."

    return do(request, version, run, anchor="#cards")


@require_http_methods(["GET", "POST"])
def reissue(request: HttpRequest, version_id: int) -> HttpResponseBase:
    """Issue the card of an approval once more, with what monitors read since."""
    version, user = version_for(request, version_id), person(request)
    why = reissuing.why_not_reissue(version, user)
    if why and request.method != "POST":
        return refused(request, version, why)

    def run(form: ActForm) -> None:
        reissuing.reissue(version_id=version_id, actor=user, reason=form.cleaned_data["reason"])

    intro = "The new card carries the record of monitoring as it stands now. Earlier cards stay, and are superseded."
    act = Act(f"Issue the card of {version} again", "Issue", run, "The card is ordered.", intro, "#cards")
    return serve(request, version, act, ReasonForm(sent(request)))


@require_POST
def retry(request: HttpRequest, card_id: int) -> HttpResponse:
    """Order a card again that could not be made."""
    row = card_for(request, card_id)

    def run() -> str:
        issuing.retry(card_id=row.pk, actor=person(request))
        return "The card is ordered again."

    return do(request, row.version, run, anchor="#cards")


class VerifyForm(forms.Form):
    """A card, its attestations or its audit pack to verify."""

    file = forms.FileField(
        label="Model card (PDF or JSON), its attestations (.intoto.jsonl) or its audit pack (.zip)",
        help_text="It is read, compared, and not kept.",
    )

    def clean_file(self) -> UploadedFile:
        """The file. Refuses what is nothing of ours or too large."""
        given: UploadedFile = self.cleaned_data["file"]
        start = given.read(len(ZIP_START))
        given.seek(0)
        if start == ZIP_START:
            if given.size is None or given.size > LARGEST_PACK:
                raise forms.ValidationError(
                    f"An audit pack of more than {LARGEST_PACK // 1_000_000} MB is verified with the script or with "
                    "manage.py verify."
                )
            return given
        if given.size is None or given.size > LARGEST:
            raise forms.ValidationError("The file is larger than any card.")
        content = given.read()
        given.seek(0)
        if not content.startswith(b"%PDF-") and not is_document(content) and not offline.is_attestation(content):
            raise forms.ValidationError(
                "The file is not a PDF, no card.json and no audit pack, and holds no attestations: there is nothing to "
                "verify."
            )
        return given


@require_http_methods(["GET", "POST"])
def verify(request: HttpRequest) -> HttpResponse:
    """Upload a card and read whether it holds. Says nothing about models beyond what the file itself contains."""
    form = VerifyForm(request.POST or None, request.FILES or None)
    report = None
    if form.is_bound and form.is_valid():
        try:
            report = _report(form.cleaned_data["file"])
        except Unavailable as error:
            form.add_error("file", error.sentence)
    context = {
        **admin.site.each_context(request),
        "title": "Verify a model card",
        "form": form,
        "report": report,
        "timestamps": records.trusted_timestamp_roots() is not None,
    }
    return render(request, "modelcards/admin_verify.html", context)


def _report(file: UploadedFile) -> CardReport | CompanionReport:
    if not _verifying.acquire(timeout=PATIENCE):
        raise Unavailable("Other files are being verified at this moment; try again in a minute.")
    try:
        start = file.read(len(ZIP_START))
        file.seek(0)
        if start == ZIP_START:
            return _packed(file)
        content = file.read()
        return _attested(content) if offline.is_attestation(content) else _verified(content)
    finally:
        _verifying.release()


def _trusted() -> dict[str, Any]:
    return {
        "roots": records.trusted_roots(),
        "keys": records.trusted_keys(),
        "timestamp_roots": records.trusted_timestamp_roots(),
        "revoked": records.revoked(),
    }


def _verified(content: bytes) -> CardReport:
    return records.compared(content, inspect(content, **_trusted()).report)


def _attested(content: bytes) -> CompanionReport:
    report, found = verify_attestations(content, roots=records.trusted_roots(), revoked=records.revoked())
    return records.compared_attestations(report, found)


def _packed(file: UploadedFile) -> CompanionReport:
    with tempfile.NamedTemporaryFile(prefix="pack-") as kept:
        for part in file.chunks():
            kept.write(part)
        kept.flush()
        return records.compared_pack(verify_pack(Path(kept.name), **_trusted()))


@require_GET
def trust(_request: HttpRequest, what: str) -> HttpResponse:
    """What an auditor needs to verify without us: script, root certificate, list of revoked ones, ledger's key."""
    if what == "key":
        text, name = f"{checkpoints.vkey()}\n", "ledger-key.txt"
    elif what == "script":
        text, name = auditor_script(), SCRIPT_NAME
    elif what == "schema":
        text, name = SCHEMA_FILE.read_text("utf-8"), SCHEMA_FILE.name
    elif what == "revoked" and list_path(settings.VAR).exists():
        found = x509.load_der_x509_crl(list_path(settings.VAR).read_bytes())
        text, name = found.public_bytes(Encoding.PEM).decode(), "card-root.crl"
    elif what == "timestamps" and (roots := records.trusted_timestamp_roots()):
        text, name = roots[0].decode(), "timestamp-root.pem"
    elif what == "root" and root_path(settings.VAR).exists():
        text, name = root_path(settings.VAR).read_text(), "card-root.pem"
    else:
        raise Http404
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)
