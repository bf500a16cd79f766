"""The decommission checklist on the version page, and the form that answers one of its items."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponseBase
from django.views.decorators.http import require_http_methods

from approvals import decommissioning
from approvals.admin.acting import Act, person, refused, sent, serve, version_for
from approvals.admin.forms import ActForm, long_text
from approvals.models import DecommissionAnswer, ModelVersion
from approvals.stages import Stage
from portal.panels import Panel

ANCHOR = "#decommissioning"


class ItemForm(ActForm):
    """Done, or does not apply, with what shows it."""

    applies = forms.TypedChoiceField(
        label="State",
        choices=[("yes", "Done"), ("no", "Does not apply to this version")],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    evidence = long_text(
        "Evidence or reason", "At least 10 characters: a ticket, a date, who confirmed it; or why not."
    )


def panel(version: ModelVersion, user: User) -> Panel | None:
    """The items with their answers; None before a version was deployed."""
    if version.stage not in decommissioning.DEPLOYED:
        rows = DecommissionAnswer.objects.filter(version=version)
        return _panel(version, []) if rows.exists() else None
    states = decommissioning.checklist(version)
    if not states:
        return None
    mine = [state.item.key for state in states if decommissioning.role_for(version, state.item, user)]
    return _panel(version, mine)


def _panel(version: ModelVersion, mine: list[str]) -> Panel:
    states = decommissioning.checklist(version)
    content: dict[str, Any] = {
        "version": version,
        "states": states,
        "mine": mine,
        "begun": version.stage == Stage.SUSPENDED or any(state.answer for state in states),
        "open": sum(state.answer is None for state in states),
    }
    return Panel("decommissioning", "Decommission checklist", "approvals/decommission_panel.html", content)


@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, version_id: int, item: str) -> HttpResponseBase:
    """Answer one item."""
    version, user = version_for(request, version_id), person(request)
    state = next((one for one in decommissioning.checklist(version) if one.item.key == item), None)
    if state is None:
        raise Http404
    if request.method != "POST" and decommissioning.role_for(version, state.item, user) is None:
        return refused(request, version, f"This item is answered by the {state.item.by_whom} of this model.")

    def run(form: ActForm) -> None:
        decommissioning.answer(version_id=version_id, actor=user, item=item, **form.cleaned_data)

    intro = f"{state.item.text} An earlier answer stays in the ledger."
    page = Act(f"Decommission checklist of {version}", "Record", run, "The answer is recorded.", intro, ANCHOR)
    return serve(request, version, page, ItemForm(sent(request)))
