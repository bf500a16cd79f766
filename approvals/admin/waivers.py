"""Exceptions from a policy in the admin: the list, the page on which they are signed, the form that asks for one."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from approvals import waivers
from approvals.admin.acting import Act, person, refused, sent, serve, status_of, version_for
from approvals.admin.exception_lines import standing_of
from approvals.admin.forms import ActForm, ReasonForm, code_field, date_field, long_text, password_field
from approvals.admin.records import VersionRecordAdmin
from approvals.models import Waiver
from approvals.waivable import Waivable, waivable
from portal import reauthentication
from portal.errors import DomainError, Stale


class AskForm(ActForm):
    """What is set aside, why, what limits the harm, until when."""

    reason = long_text("Why the version may go on without it", "At least 20 characters. Printed on the model card.")
    meanwhile = long_text(
        "What limits the harm until it is met", "At least 20 characters: limits of use, extra watching, a way back."
    )
    expires_on = date_field("Last day", "After it the gate closes again, or the approval is suspended.")

    def __init__(self, *args: Any, choices: tuple[Waivable, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["key"] = forms.ChoiceField(
            label="What is set aside",
            choices=[(one.key, f"{one.stage.label}: {one.title}. {one.unmet}"[:300]) for one in choices],
            widget=forms.RadioSelect,
        )
        self.order_fields(["key", "reason", "meanwhile", "expires_on"])


class SignWaiverForm(ActForm):
    """A signature of an exception."""

    comment = long_text("Reason", "At least 10 characters. Say what you relied on.")
    meaning = forms.BooleanField(label="")
    password = password_field()
    code = code_field()
    seen_digest = forms.CharField(widget=forms.HiddenInput)
    idempotency_key = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, meaning: str, asks_code: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["meaning"].label = meaning
        if not asks_code:
            del self.fields["code"]


@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, version_id: int) -> HttpResponseBase:
    """Ask for an exception of a version."""
    version, user = version_for(request, version_id), person(request)
    choices = waivable(version)
    why = waivers.why_not_ask(version, user)
    if not why and not choices:
        why = "Nothing is in the way that the policy lets anybody set aside."
    if why and request.method == "GET":
        return refused(request, version, why)

    def run(form: ActForm) -> None:
        waivers.ask(version_id=version_id, actor=user, **form.cleaned_data)

    intro = (
        "An exception holds once two independent people have signed it, and ends on its last day. "
        "It is printed on the model card; an emergency override in red."
    )
    act = Act(
        f"Ask for an exception: {version}", "Ask", run, "The exception waits for signatures.", intro, "#exceptions"
    )
    return serve(request, version, act, AskForm(sent(request), choices=choices))


@admin.register(Waiver)
class WaiverAdmin(VersionRecordAdmin):
    """Every exception that was ever asked for."""

    page_template = "approvals/waiver.html"
    related = ("version__model", "version__policy", "version__submitted_by", "asked_by", "revoked_by")
    list_display = ("title", "kind", "version", "stage", "expires_on", "standing", "asked_by")
    list_filter = ("kind", "stage")
    search_fields = ("title", "reason", "version__model__name")
    list_select_related = ("version__model", "version__policy", "asked_by")
    empty_sentence = "No exception that you may see. They are asked for on the page of a version."

    @admin.display(description="Standing")
    def standing(self, row: Waiver) -> str:
        """In words."""
        return standing_of(row)[0]

    def get_urls(self) -> list[URLPattern]:
        """The end before the day, before the stock addresses."""
        view: Any = self.admin_site.admin_view(self.revoke)
        return [path("<int:waiver_id>/revoke/", view, name="approvals_waiver_revoke"), *super().get_urls()]

    @method_decorator([never_cache, sensitive_post_parameters("password", "code")])
    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def show(self, request: HttpRequest, row: Any) -> HttpResponse:
        """What is set aside and who signed it; a POST signs."""
        user = person(request)
        signing = waivers.prepare(waiver=row, actor=user)
        asks_code = reauthentication.code_asked(user, request, now=timezone.now())
        meaning = waivers.MEANING.format(role=signing.role.in_words if signing.role else "nobody")
        fresh = {"seen_digest": signing.digest, "idempotency_key": uuid.uuid4().hex}
        form = SignWaiverForm(sent(request), meaning=meaning, asks_code=asks_code, initial=fresh)
        error: DomainError | None = None
        if request.method == "POST" and form.is_valid():
            error = self._sign(request, row, form)
            if error is None:
                messages.success(request, "Your signature is recorded.")
                return HttpResponseRedirect(request.path)
            form.refuse(error)
        word, tone = standing_of(row)
        context = {
            **self.admin_site.each_context(request),
            "title": str(row),
            "row": row,
            "version": row.version,
            "opts": self.opts,
            "word": word,
            "tone": tone,
            "signing": signing,
            "signatures": row.signatures.order_by("pk"),
            "form": form,
            "changes": error.changes[:20] if isinstance(error, Stale) else (),
            "may_revoke": row.revoked_at is None and waivers.may_revoke(row, user),
            "text": json.dumps(signing.content, indent=2, ensure_ascii=False),
        }
        return render(request, self.page_template, context, status=status_of(error))

    def _sign(self, request: HttpRequest, row: Waiver, form: SignWaiverForm) -> DomainError | None:
        given = form.cleaned_data
        try:
            waivers.sign(
                waiver_id=row.pk,
                actor=person(request),
                proof=reauthentication.Proof(given["password"], given.get("code", "")),
                comment=given["comment"],
                seen_digest=given["seen_digest"],
                idempotency_key=given["idempotency_key"],
                http_request=request,
            )
        except DomainError as error:
            return error
        return None

    def revoke(self, request: HttpRequest, waiver_id: int) -> HttpResponseBase:
        """End an exception before its day."""
        row: Waiver = self.row_for(request, str(waiver_id))
        user = person(request)

        def run(form: ActForm) -> None:
            waivers.revoke(waiver_id=row.pk, actor=user, reason=form.cleaned_data["reason"])

        act = Act(f"Revoke: {row}", "Revoke", run, "The exception no longer holds.", anchor="#exceptions", danger=True)
        view = require_http_methods(["GET", "POST"])
        return view(lambda request: serve(request, row.version, act, ReasonForm(sent(request))))(request)
