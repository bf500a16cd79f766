"""Risk tiers in the admin: questions of the formula, assessment, override and its confirmation by a second person."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from approvals import permissions, tier_assessment, tiering
from approvals.admin.acting import person, sent, status_of
from approvals.admin.forms import ActForm, code_field, long_text, password_field
from approvals.models import RegisteredModel, TierOverride
from approvals.stages import Tier
from portal import ledger, reauthentication
from portal.errors import DomainError


class TierForm(ActForm):
    """The questions of the formula that is valid today."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        add_questions(self)

    def answers(self) -> dict[str, str]:
        """What was answered."""
        return answers_in(self.cleaned_data)


def add_questions(form: forms.Form) -> None:
    """Put the formula's questions at the end of a form."""
    for question in tiering.formula_on(timezone.now().date()).questions:
        form.fields[f"tier_{question.key}"] = forms.ChoiceField(
            label=question.text,
            choices=[(choice.value, choice.text) for choice in question.choices],
            widget=forms.RadioSelect,
        )


def answers_in(given: dict[str, Any]) -> dict[str, str]:
    """The answers among the fields of a form; they are taken out of it."""
    return {name.removeprefix("tier_"): given.pop(name) for name in list(given) if name.startswith("tier_")}


class OverrideForm(ActForm):
    """Another tier, and why."""

    tier = forms.ChoiceField(label="Tier", choices=Tier.choices, widget=forms.RadioSelect)
    reason = long_text("Reason", "At least 20 characters. Printed on the model card.")


class ConfirmForm(ActForm):
    """The signature of the second person."""

    password = password_field()
    code = code_field()

    def __init__(self, *args: Any, asks_code: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not asks_code:
            del self.fields["code"]


@require_http_methods(["GET", "POST"])
def assess(request: HttpRequest, model_id: int) -> HttpResponseBase:
    """Answer the formula's questions again."""
    model, user = _model(request, model_id), person(request)
    latest = tier_assessment.newest(model)
    initial = {f"tier_{key}": value for key, value in latest.answers.items()} if latest else {}
    form = TierForm(sent(request), initial=initial)
    why = tier_assessment.why_not_assess(model, user)

    def run() -> str:
        row = tier_assessment.assess(model_id=model.pk, actor=user, answers=form.answers())
        return f"The model is in the {row.get_tier_display().lower()} tier: {row.reasons[0]}"

    formula = tiering.formula_on(timezone.now().date())
    intro = f"{formula.title} (formula {formula.version}). A change of tier voids sign-offs of versions in review."
    return _serve(request, model, form, run, title=f"Risk tier of {model}", intro=intro, why=why, button="Assess")


@require_http_methods(["GET", "POST"])
def ask_override(request: HttpRequest, model_id: int) -> HttpResponseBase:
    """Ask for another tier than the formula gives."""
    model, user = _model(request, model_id), person(request)
    form = OverrideForm(sent(request))

    def run() -> str:
        tier_assessment.ask_override(model_id=model.pk, actor=user, **form.cleaned_data)
        return "The override waits for a risk or compliance officer."

    tier = model.get_risk_tier_display().lower()
    intro = f"The model is in the {tier} tier. An override holds once a second person signs it."
    why = tier_assessment.why_not_assess(model, user)
    return _serve(request, model, form, run, title=f"Override the tier of {model}", intro=intro, why=why, button="Ask")


@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "POST"])
def confirm_override(request: HttpRequest, model_id: int, override_id: int) -> HttpResponseBase:
    """Sign an override as the second person."""
    model, user = _model(request, model_id), person(request)
    row = TierOverride.objects.select_related("assessment__model", "asked_by").filter(pk=override_id).first()
    if row is None or row.assessment.model_id != model.pk:
        raise Http404
    asks_code = reauthentication.code_asked(user, request, now=timezone.now())
    form = ConfirmForm(sent(request), asks_code=asks_code)

    def run() -> str:
        given = form.cleaned_data
        proof = reauthentication.Proof(given["password"], given.get("code", ""))
        tier_assessment.confirm_override(override_id=row.pk, actor=user, proof=proof, http_request=request)
        return f"The model is in the {row.get_tier_display().lower()} tier now."

    by = ledger.printed_name(row.asked_by)
    intro = f"{row}, asked by {by}: {row.reason}"
    why = tier_assessment.why_not_confirm(row, user)
    return _serve(request, model, form, run, title=f"Confirm the tier of {model}", intro=intro, why=why, button="Sign")


def _model(request: HttpRequest, model_id: int) -> RegisteredModel:
    model = permissions.visible_models(person(request)).filter(pk=model_id).first()
    if model is None:
        raise Http404
    return model


def _serve(
    request: HttpRequest,
    model: RegisteredModel,
    form: ActForm,
    run: Any,
    *,
    title: str,
    intro: str,
    why: str,
    button: str,
) -> HttpResponse:
    error: DomainError | None = None
    if request.method == "POST" and form.is_valid():
        try:
            done = run()
        except DomainError as failure:
            error = failure
            form.refuse(failure)
        else:
            messages.success(request, done)
            return HttpResponseRedirect(
                reverse("admin:approvals_registeredmodel_change", args=[model.pk]) + "#risk-tier"
            )
    context = {
        **admin.site.each_context(request),
        "title": title,
        "model": model,
        "form": form,
        "intro": intro,
        "button": button,
        "why": why if request.method == "GET" else "",
    }
    return render(request, "approvals/tier.html", context, status=status_of(error))


def panel_of(model: RegisteredModel, user: Any) -> dict[str, Any]:
    """What the page of a model says about its tier."""
    latest = tier_assessment.newest(model)
    overrides = latest.overrides.select_related("asked_by", "confirmed_by") if latest else ()
    return {
        "assessment": latest,
        "words": tier_assessment.in_words(model),
        "answers": _answers(latest),
        "overrides": [
            {
                "row": row,
                "may_confirm": not tier_assessment.why_not_confirm(row, user),
                "by": ledger.printed_name(row.asked_by),
                "confirmed": ledger.printed_name(row.confirmed_by) if row.confirmed_by else "",
            }
            for row in overrides
        ],
        "may_assess": not tier_assessment.why_not_assess(model, user),
    }


def _answers(latest: Any) -> list[tuple[str, str]]:
    formula = tiering.formula_of(latest.formula) if latest else None
    if formula is None:
        return sorted(latest.answers.items()) if latest else []
    texts = {q.key: (q.text, {choice.value: choice.text for choice in q.choices}) for q in formula.questions}
    return [
        (texts[key][0], texts[key][1].get(value, value)) if key in texts else (key, value)
        for key, value in latest.answers.items()
    ]
