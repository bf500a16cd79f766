"""The sign page: what is signed with its digest, the meaning, the password again. workflow.sign_off signs."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from approvals import signing_off, workflow
from approvals.admin.acting import person, status_of, version_for
from approvals.admin.forms import SignForm
from approvals.models.signoffs import SignOffDecision
from approvals.signing_off import Signing
from approvals.stages import REVIEW_STAGES, Role, Stage
from portal import reauthentication
from portal.errors import DomainError, Stale


@method_decorator([never_cache, sensitive_post_parameters("password", "code")], name="dispatch")
class SignView(View):
    """GET shows what is signed; POST signs."""

    http_method_names = ("get", "post", "head")

    def get(self, request: HttpRequest, version_id: int, stage: str, role: str) -> HttpResponseBase:
        """The page as it stands now."""
        signing = self._prepare(request, version_id, stage, role)
        return self._page(request, signing, self._empty(request, signing), None)

    def post(self, request: HttpRequest, version_id: int, stage: str, role: str) -> HttpResponseBase:
        """Sign, or show why nothing was signed; what was typed stays, except the password."""
        signing = self._prepare(request, version_id, stage, role)
        if "again" in request.POST:
            return self._page(request, signing, self._empty(request, signing, typed=request.POST.dict()), None)
        form = SignForm(
            request.POST,
            version=signing.version,
            stage=signing.stage,
            role=signing.role,
            asks_code=_asks_code(request),
        )
        error: DomainError | None = None
        if form.is_valid():
            try:
                self._sign(request, signing, form)
            except DomainError as failure:
                error = failure
                form.refuse(failure)
            else:
                messages.success(request, f"Your decision as {signing.role.in_words} is recorded.")
                return HttpResponseRedirect(f"{signing.version.get_absolute_url()}#sign-offs")
        return self._page(request, signing, form, error)

    def _empty(self, request: HttpRequest, signing: Signing, *, typed: dict[str, str] | None = None) -> SignForm:
        return SignForm(
            version=signing.version,
            stage=signing.stage,
            role=signing.role,
            asks_code=_asks_code(request),
            initial=SignForm.shown(signing.dossier.digest, typed=typed),
        )

    def _prepare(self, request: HttpRequest, version_id: int, stage: str, role: str) -> Signing:
        if stage not in REVIEW_STAGES or role not in Role.values:
            raise Http404
        version = version_for(request, version_id)
        return signing_off.prepare(version=version, stage=Stage(stage), role=Role(role), actor=person(request))

    def _sign(self, request: HttpRequest, signing: Signing, form: SignForm) -> None:
        given = form.cleaned_data
        asked = signing_off.Request(
            stage=signing.stage,
            role=signing.role,
            decision=given["decision"],
            comment=given["comment"],
            seen_digest=given["seen_digest"],
            idempotency_key=given["idempotency_key"],
            conditions=form.conditions(),
        )
        workflow.sign_off(
            version_id=signing.version.pk,
            actor=person(request),
            asked=asked,
            proof=reauthentication.Proof(given["password"], given.get("code", "")),
            http_request=request,
            to=given.get("to", ""),
        )

    def _page(
        self, request: HttpRequest, signing: Signing, form: SignForm, error: DomainError | None
    ) -> HttpResponseBase:
        decisions = dict(form.fields["decision"].choices)  # type: ignore[attr-defined]
        changed = form.is_bound and form.data.get("seen_digest") != signing.dossier.digest
        context: dict[str, Any] = {
            **admin.site.each_context(request),
            "title": f"Sign {signing.version}",
            "signing": signing,
            "version": signing.version,
            "form": form,
            "changed": changed,
            "changes": error.changes[:20] if isinstance(error, Stale) else (),
            "meanings": [
                (SignOffDecision(value).label, signing_off.meaning_of(value, signing.role)) for value in decisions
            ],
            "looked_at": [
                *(_looked_at(item) for item in signing.dossier.content["looked_at"]),
                *_revalidation(signing.dossier.content),
            ],
            "dossier_text": json.dumps(signing.dossier.content, indent=2, ensure_ascii=False),
        }
        return render(request, "approvals/sign.html", context, status=status_of(error))


def _asks_code(request: HttpRequest) -> bool:
    return reauthentication.code_asked(person(request), request, now=timezone.now())


def _revalidation(content: dict[str, Any]) -> list[tuple[str, str]]:
    """The pass that the signature belongs to, with the digest of its record; nothing in a first review."""
    found = content.get("revalidation")
    if found is None:
        return []
    digest = f"SHA-256 {found['monitoring_record']}" if found["monitoring_record"] else "missing"
    return [("Record of monitoring for the revalidation", digest)]


def _looked_at(item: dict[str, Any]) -> tuple[str, str]:
    """One requirement's part of the dossier in words: what it is, and its digest or state."""
    facts = item["facts"] if isinstance(item["facts"], dict) else {}
    kind = str(item["kind"])
    if kind == "evidence":
        sha256 = facts.get("sha256")
        words = f"{facts.get('name')}, SHA-256 {sha256}" if sha256 else "missing"
        return str(facts.get("kind", "")).replace("_", " ").capitalize(), words
    if kind == "checks":
        result = facts.get("result")
        words = f"{result['verdict'].replace('_', ' ')}, reading {result['reading'][:16]}…" if result else "no result"
        return f"Check {str(facts.get('check', '')).replace('_', ' ')}", words
    if kind == "answers":
        return f"Answers {facts.get('section', '').replace('_', ' ')}", f"{len(facts.get('answers', {}))} answers"
    if kind == "findings":
        return f"Findings at or above {facts.get('at_or_above')}", f"{len(facts.get('findings', []))} open or accepted"
    if kind == "mitigations":
        return (
            f"Mitigation plans for {facts.get('check', '').replace('_', ' ')}",
            f"{len(facts.get('plans', []))} plans",
        )
    return kind.capitalize(), ""
