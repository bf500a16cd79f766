"""Pinning another policy to a version under way, and the dry run of a policy. The rules are in repinning.py."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from approvals import judging, repinning
from approvals.admin import forms
from approvals.admin.acting import Act, person, sent, serve, version_for
from approvals.admin.visible_policies import policy_for
from approvals.policy_changes import changes
from approvals.policy_document import parse


@require_http_methods(["GET", "POST"])
def repin(request: HttpRequest, version_id: int, policy_id: int) -> HttpResponseBase:
    """What would change for the version, and the form that changes it."""
    version, user = version_for(request, version_id), person(request)
    chosen = policy_for(request, policy_id)

    def run(form: forms.ActForm) -> None:
        reason = form.cleaned_data["reason"]
        repinning.repin(version_id=version_id, policy_id=policy_id, actor=user, reason=reason)

    effect = repinning.effect(version, chosen, now=timezone.now())
    about, voids = f"{version}", "Every sign-off has to be given again, because it covered the other policy."
    if effect.in_pass:
        about = f"the revalidation of {version}"
        voids = (
            "What was signed in this revalidation has to be signed again, because it covered the other policy. "
            f"The approval rests on {version.policy} until it is renewed; if it is not renewed, nothing of this stays."
        )
    act = Act(
        f"Judge {about} by {chosen} instead of {effect.judged_by}",
        "Pin this policy",
        run,
        f"{about[:1].upper()}{about[1:]} is judged by {chosen} from now on.",
        voids,
        danger=True,
        template="approvals/repin.html",
        extra={"effect": effect, "differences": changes(judging.document_of(version), parse(chosen.text))},
    )
    return serve(request, version, act, forms.ReasonForm(sent(request)))


@require_safe
def dry_run(request: HttpRequest, policy_id: int) -> HttpResponse:
    """What a policy, published or not, would do to the versions now under way."""
    chosen = policy_for(request, policy_id)
    context = {
        **admin.site.each_context(request),
        "title": f"Dry run of {chosen}",
        "policy": chosen,
        "effects": repinning.dry_run(chosen, user=person(request)),
    }
    return render(request, "approvals/dry_run.html", context)
