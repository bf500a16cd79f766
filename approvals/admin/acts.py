"""Views of everything a person does on the version page except signing. Each calls one use case."""

from __future__ import annotations

import json
from functools import partial

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals import checking, evidence, findings, judging, policy, referring, workflow
from approvals.admin import forms, version_page
from approvals.admin.acting import Act, do, person, refused, sent, serve, version_for
from approvals.admin.attach_forms import ReferToTableForm, attach_form
from approvals.models import CheckRun, EvidenceKind, Finding
from approvals.models.evidence import MADE_BY_THE_PORTAL
from approvals.models.findings import FindingStatus
from approvals.stages import ENDS, Stage, Transition

form_view = require_http_methods(["GET", "POST"])
POLLING_IS_DONE = 286
MOVES = {
    "withdraw": (workflow.withdraw, "Withdraw", "It was withdrawn.", "A withdrawn version is closed for good."),
    "suspend": (
        workflow.suspend,
        "Suspend",
        "The approval is suspended.",
        "The approval no longer holds until it is reinstated with fresh sign-offs.",
    ),
    "reinstate": (
        workflow.reinstate,
        "Reinstate",
        "The approval holds again.",
        "Needs open gates and sign-offs given after the suspension.",
    ),
    "retire": (workflow.retire, "Retire", "It is out of service.", "A retired version is closed for good."),
}


@form_view
def move(request: HttpRequest, version_id: int, act: str) -> HttpResponseBase:
    """Confirm and make one move."""
    version, user = version_for(request, version_id), person(request)
    if act not in ("advance", *MOVES):
        raise Http404
    impossible = policy.why_illegal(Stage(version.stage), Transition(act))
    if impossible and request.method == "GET":
        return refused(request, version, impossible)
    if act == "advance":
        return _advance(request, version_id)
    use_case, verb, done, intro = MOVES[act]

    def run(form: forms.ActForm) -> None:
        use_case(version_id=version_id, actor=user, reason=form.cleaned_data["reason"])

    page = Act(f"{verb} {version}", verb, run, done, intro, danger=act in ("withdraw", "suspend", "retire"))
    return serve(request, version, page, forms.ReasonForm(sent(request)))


def _advance(request: HttpRequest, version_id: int) -> HttpResponseBase:
    version, user = version_for(request, version_id), person(request)
    entering = version.stage == Stage.DEPLOYMENT_APPROVAL
    others = workflow.incumbents(version) if entering else ()

    def run(form: forms.ActForm) -> None:
        plan = form.cleaned_data.get("incumbent_plan", "")
        workflow.advance(version_id=version_id, actor=user, incumbent_plan=plan)

    intro = "Every gate up to this stage is evaluated again now; if one has closed, nothing moves."
    page = Act(f"Advance {version} from {version.get_stage_display().lower()}", "Advance", run, "It advanced.", intro)
    return serve(request, version, page, forms.AdvanceForm(sent(request), incumbents=others))


@form_view
def attach(request: HttpRequest, version_id: int, kind: str) -> HttpResponseBase:
    """Attach or replace evidence of one kind."""
    version, user = version_for(request, version_id), person(request)
    if kind not in EvidenceKind.values or kind in MADE_BY_THE_PORTAL:
        raise Http404
    label = str(EvidenceKind(kind).label)

    def run(form: forms.ActForm) -> None:
        details = form.details() if isinstance(form, forms.AttachForm) else {}
        if isinstance(form, ReferToTableForm) and (asked := form.asked):
            evidence.attach_reference(version_id=version_id, actor=user, kind=kind, asked=asked, details=details)
            return
        given = form.cleaned_data["file"]
        evidence.attach(
            version_id=version_id, actor=user, kind=kind, stream=given.file, name=given.name, details=details
        )

    before = evidence.current(version, kind)
    intro = "Sign-offs that covered the earlier file stop counting." if before else ""
    page = Act(f"Attach {label.lower()}", "Attach", run, f"{label} is attached.", intro, "#evidence")
    initial = _declared(before.details) if before else {}
    places = referring.places_for(user, version.model)
    uploaded = request.FILES if request.method == "POST" else None
    form = attach_form(kind, places, sent(request), uploaded, initial=initial)
    return serve(request, version, page, form)


def _declared(details: dict[str, object]) -> dict[str, object]:
    """The earlier declaration as the form shows it."""
    shown: dict[str, object] = {}
    for name, value in details.items():
        if isinstance(value, list):
            shown[name] = ", ".join(str(item) for item in value)
        elif name == "slices" and isinstance(value, dict):
            lines = (
                f"{json.dumps(key, ensure_ascii=False)}: {json.dumps(slice_, ensure_ascii=False)}"
                for key, slice_ in value.items()
            )
            shown[name] = "\n".join(lines)
        elif isinstance(value, dict):
            shown[name] = "\n".join(f"{key}: {number}" for key, number in value.items())
        else:
            shown[name] = value
    return shown


@form_view
def answers(request: HttpRequest, version_id: int, section: str) -> HttpResponseBase:
    """Answer one questionnaire."""
    version, user = version_for(request, version_id), person(request)
    questions = judging.document_of(version).questionnaires.get(section)
    if questions is None:
        raise Http404

    def run(form: forms.ActForm) -> None:
        evidence.record_answers(version_id=version_id, actor=user, section=section, answers=form.cleaned_data)

    title = section.replace("_", " ").capitalize()
    page = Act(title, "Save answers", run, "The answers are recorded.", anchor="#answers")
    rows = version.answers.filter(section=section)
    initial = {row.question: row.text for row in rows}
    return serve(request, version, page, forms.AnswersForm(sent(request), questions=questions, initial=initial))


@require_GET
def checks(request: HttpRequest, version_id: int) -> HttpResponse:
    """The list of checks while one is running; 286 tells the page to load again because all are done."""
    version = version_for(request, version_id)
    lines = version_page.checks_of(version, person(request))
    status = 200 if any(line.running for line in lines) else POLLING_IS_DONE
    return render(request, "approvals/version_checks.html", {"checks": lines, "version": version}, status=status)


@require_POST
def run_check(request: HttpRequest, version_id: int, check: str) -> HttpResponse:
    """Queue one check."""
    version, user = version_for(request, version_id), person(request)

    def run() -> str:
        checking.request_check(version_id=version_id, check_key=check, actor=user)
        return "The check is queued."

    return do(request, version, run, anchor=f"#check-{check}")


@require_POST
def run_checks(request: HttpRequest, version_id: int) -> HttpResponse:
    """Queue every check that has not run on the current inputs."""
    version, user = version_for(request, version_id), person(request)

    def run() -> str:
        runs = checking.request_open_checks(version_id=version_id, actor=user)
        if not runs:
            return "No check waits: all ran on the current inputs, or miss evidence."
        return f"{len(runs)} checks are queued." if len(runs) > 1 else "1 check is queued."

    return do(request, version, run, anchor="#checks")


@require_POST
def stop_check(request: HttpRequest, version_id: int, run_id: int) -> HttpResponse:
    """End a run that waits or is under way."""
    version, user = version_for(request, version_id), person(request)
    run = get_object_or_404(CheckRun, pk=run_id, version=version)

    def stop() -> str:
        checking.stop(run_id=run.pk, actor=user)
        return "The run is stopped."

    return do(request, version, stop, anchor=f"#check-{run.check_key}")


@require_POST
def comment(request: HttpRequest, version_id: int) -> HttpResponse:
    """Add to the discussion."""
    version, user = version_for(request, version_id), person(request)

    def run() -> str:
        workflow.comment(version_id=version_id, actor=user, text=request.POST.get("text", ""))
        return "The comment is added."

    return do(request, version, run, anchor="#discussion")


@form_view
def open_finding(request: HttpRequest, version_id: int) -> HttpResponseBase:
    """Open a finding by hand."""
    version, user = version_for(request, version_id), person(request)
    if request.method == "GET" and version.stage in ENDS:
        return refused(request, version, findings.CLOSED_VERSION)

    def run(form: forms.ActForm) -> None:
        findings.open_finding(version_id=version_id, actor=user, **form.cleaned_data)

    page = Act(f"Open a finding on {version}", "Open finding", run, "The finding is open.", anchor="#findings")
    return serve(request, version, page, forms.FindingForm(sent(request), model=version.model))


@form_view
def settle_finding(request: HttpRequest, version_id: int, finding_id: int, act: str) -> HttpResponseBase:
    """Close or accept a finding."""
    version, user = version_for(request, version_id), person(request)
    row = get_object_or_404(Finding, pk=finding_id, version=version)
    intro = f"{row.get_severity_display()}: {row.title}"
    if row.status == FindingStatus.CLOSED:
        intro += " (closed already)"
    form: forms.ActForm
    if act == "close":

        def close(form: forms.ActForm) -> None:
            findings.close_finding(finding_id=finding_id, actor=user, evidence=form.cleaned_data["evidence"])

        page = Act("Close the finding", "Close", close, "The finding is closed.", intro, "#findings")
        form = forms.CloseForm(sent(request))
    elif act == "accept":

        def accept(form: forms.ActForm) -> None:
            findings.accept_finding(finding_id=finding_id, actor=user, **form.cleaned_data)

        page = Act("Accept the finding", "Accept", accept, "The finding is accepted.", intro, "#findings")
        form = forms.AcceptForm(sent(request))
    else:
        raise Http404
    return serve(request, version, page, form)


@form_view
def mitigate(request: HttpRequest, version_id: int, run_id: int) -> HttpResponseBase:
    """Record a mitigation plan for a failed measure."""
    version, user = version_for(request, version_id), person(request)
    run = get_object_or_404(CheckRun, pk=run_id, version=version)
    measures = [str(item["name"]) for item in run.reading.get("failed_measures", ())]
    if not measures:
        raise Http404
    record = partial(findings.record_mitigation, run_id=run_id, actor=user)
    page = Act(
        f"Mitigation plan for {version}",
        "Record plan",
        lambda form: record(**form.cleaned_data),
        "The plan is recorded.",
        f"For what failed in run {run.pk} on {timezone.localtime(run.requested_at):%d %b %Y}.",
        "#mitigations",
    )
    form = forms.MitigationForm(
        sent(request), model=version.model, measures=measures, initial={"measure": request.GET.get("measure")}
    )
    return serve(request, version, page, form)
