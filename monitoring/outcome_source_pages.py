"""Relations that outcomes are taken from, in the admin: the forms to declare, correct and end them."""

from __future__ import annotations

from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_http_methods, require_POST

from approvals import referring
from approvals.admin.acting import Act, do, person, refused, sent, serve, version_for
from approvals.admin.forms import ActForm, long_text
from approvals.referring import CONNECTION
from monitoring import batches, outcome_sources
from monitoring.models import OutcomeSource, Schedule
from monitoring.source_pages import ConnectionForm, source_for

NO_CONNECTION = (
    "The administrator has named no connection that you may refer to for this model, so outcomes come by upload, by "
    "the API or from a watched folder."
)


class OutcomeSourceForm(ConnectionForm):
    """What outcomes are taken from."""

    relation = forms.CharField(
        label="Table or view",
        max_length=200,
        help_text="With the key and the outcome column, for example: lending.defaults.",
    )
    schedule = forms.ChoiceField(label="Looked into", choices=Schedule.choices, initial=Schedule.DAILY)


class CorrectionForm(ActForm):
    """Why outcomes change."""

    reason = long_text("Why other outcomes than before are right", "At least 10 characters; the ledger keeps it.")


@require_http_methods(["GET", "POST"])
def declare(request: HttpRequest, version_id: int) -> HttpResponseBase:
    """Name the relation that outcomes are taken from."""
    version, user = version_for(request, version_id), person(request)
    names = referring.places_for(user, version.model)[CONNECTION]
    why_not = batches.why_not_deliver(user, version)
    if request.method == "GET" and not names and not why_not:
        return refused(request, version, NO_CONNECTION)

    def run(form: ActForm) -> None:
        outcome_sources.declare(version_id=version.pk, actor=user, **form.cleaned_data)

    intro = (
        "It has the key and the outcome column that were declared at approval, under the same names. Each time, the "
        "keys with an outcome that nobody delivered before become a delivery in a file; rows without an outcome wait. "
        "The connection needs no right to write."
    )
    title = f"Take outcomes of {version} from a relation"
    act = Act(title, "Declare", run, "It is declared.", intro, "#monitoring", not_permitted=why_not)
    return serve(request, version, act, OutcomeSourceForm(sent(request), names=names))


@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, source_id: int) -> HttpResponseBase:
    """Let what the relation says next replace what was delivered before."""
    source, user = source_for(request, OutcomeSource, source_id), person(request)

    def run(form: ActForm) -> None:
        outcome_sources.correct(source_id=source.pk, actor=user, **form.cleaned_data)

    intro = (
        f"What {source} says is taken at once. Outcomes that differ from those before replace them; the owner and the "
        "risk officers are told, with the reason. Earlier readings stay as they are."
    )
    title, why_not = f"Take {source} as a correction", batches.why_not_deliver(user, source.version)
    act = Act(title, "Take it", run, "It is being taken.", intro, "#monitoring", not_permitted=why_not)
    return serve(request, source.version, act, CorrectionForm(sent(request)))


@require_POST
def again(request: HttpRequest, source_id: int) -> HttpResponse:
    """Look into a relation now that nothing could be taken from."""
    source, user = source_for(request, OutcomeSource, source_id), person(request)

    def run() -> str:
        outcome_sources.try_again(source_id=source.pk, actor=user)
        return f"{source} is tried again."

    return do(request, source.version, run, anchor="#monitoring")


@require_POST
def end(request: HttpRequest, source_id: int) -> HttpResponse:
    """Take no more outcomes from a relation."""
    source, user = source_for(request, OutcomeSource, source_id), person(request)

    def run() -> str:
        outcome_sources.end(source_id=source.pk, actor=user)
        return f"No more outcomes are taken from {source}."

    return do(request, source.version, run, anchor="#monitoring")
