"""Revalidation on the version page: its panel, and the forms that ask for one, renew the approval or refuse to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from approvals import dossier, judging, policy, repinning, revalidating
from approvals.admin.acting import Act, person, refused, sent, serve, version_for
from approvals.admin.forms import ActForm, ReasonForm
from approvals.judging import Judgement
from approvals.models import Evidence, EvidenceKind, ModelVersion, PassPolicy, Revalidation, RevalidationOutcome
from approvals.models.revalidations import pass_under_way
from approvals.policy_changes import changes
from approvals.policy_document import parse
from portal.ledger import name_of
from portal.panels import Panel

TONES = {
    RevalidationOutcome.OPEN: "wait",
    RevalidationOutcome.RENEWED: "ok",
    RevalidationOutcome.REFUSED: "bad",
    RevalidationOutcome.ENDED: "unknown",
}
ANCHOR = "#revalidation"


@dataclass(frozen=True)
class PassLine:
    """One pass, under way or decided."""

    state: str
    tone: str
    why: str
    trigger: str
    gates: str
    opened_at: datetime
    opened_by: str
    due: str
    decided: str
    because: str
    policies: tuple[str, ...]
    record: Evidence | None


def panel(version: ModelVersion, user: User) -> Panel | None:
    """Every pass with its outcome, the gates of the one under way, and the acts; None before a version was deployed."""
    rows = list(
        Revalidation.objects.filter(version=version)
        .select_related("opened_by", "decided_by")
        .prefetch_related("pins__policy", "pins__by")
    )
    if version.stage not in revalidating.DEPLOYED and not rows:
        return None
    judged, now = judging.of(version), timezone.now()
    document = judged.document
    under_way = next((row for row in rows if row.is_open), None)
    case = dossier.load_case(version, judged) if under_way else None
    day = (
        revalidating.scheduled_for(version, parse(version.policy.text))
        if version.stage in revalidating.DEPLOYED
        else None
    )
    content: dict[str, Any] = {
        "version": version,
        "lines": [_line(row, _records(version)) for row in rows],
        "gates": policy.gates_of_pass(case, document, now=now) if case else (),
        "blocked": bool(case and policy.renewal_blockers(case, document, now=now)),
        "in_the_way": revalidating.why_not_renew(version, now=now) if under_way else (),
        "under_way": under_way,
        "judged_by": judged.policy,
        "differences": changes(parse(version.policy.text), document) if judged.policy != version.policy else None,
        "pins": _pins(version, judged, user) if under_way else (),
        "scheduled": day,
        "may_ask": not revalidating.why_not_ask(version, user),
        "why_not_decide": revalidating.why_not_decide(version, user) if under_way else "",
    }
    return Panel("revalidation", "Revalidation", "approvals/revalidation_panel.html", content)


def _pins(version: ModelVersion, judged: Judgement, user: User) -> tuple[tuple[str, str], ...]:
    """What this person may pin to the pass instead: a newer policy, or that of the approval again."""
    if repinning.why_not_repin(version, user):
        return ()
    newer = repinning.newer_policy(version)
    is_newer = newer is not None and repinning.is_older(version.policy, than=newer)
    found = [(f"Judge it by {newer}…", newer.pk)] if newer is not None and is_newer else []
    found += [(f"Judge it by {version.policy} again…", version.policy_id)] if judged.policy != version.policy else []
    return tuple((words, reverse("admin:approvals_modelversion_repin", args=[version.pk, key])) for words, key in found)


def _records(version: ModelVersion) -> dict[int, Evidence]:
    made = Evidence.objects.filter(version=version, kind=EvidenceKind.MONITORING_RECORD).order_by("pk")
    return {row.details["revalidation"]: row for row in made if row.details.get("revalidation")}


def _pinned(pin: PassPolicy) -> str:
    by = f" by {name_of(pin.by)}" if pin.by else ""
    return f"Judged by {pin.policy} (SHA-256 {pin.policy.digest[:12]}…), pinned{by} on {pin.at:%d %b %Y}: {pin.reason}"


def _line(row: Revalidation, records: dict[int, Evidence]) -> PassLine:
    until = f", until {row.valid_until:%d %b %Y}" if row.valid_until else ""
    decided = f"{name_of(row.decided_by)}, {row.decided_at:%d %b %Y}{until}" if row.decided_at else ""
    late = row.is_open and row.due_on < timezone.now().date()
    return PassLine(
        state="Overdue" if late else row.get_outcome_display(),
        tone="bad" if late else TONES[RevalidationOutcome(row.outcome)],
        why=row.reason,
        trigger=row.get_trigger_display(),
        gates=", ".join(stage.label.lower() for stage in row.stages),
        opened_at=row.opened_at,
        opened_by=name_of(row.opened_by),
        due=f"{row.due_on:%d %b %Y}",
        decided=decided,
        because=row.decided_because,
        policies=tuple(_pinned(pin) for pin in row.pins.all()),
        record=records.get(row.pk),
    )


def _act(
    request: HttpRequest, version_id: int, words: tuple[str, str, str, str], use_case: Callable[..., Any], why: str
) -> HttpResponseBase:
    version, user = version_for(request, version_id), person(request)
    if why and request.method != "POST":
        return refused(request, version, why)
    title, button, done, intro = words

    def run(form: ActForm) -> None:
        use_case(version_id=version_id, actor=user, reason=form.cleaned_data["reason"])

    page = Act(f"{title} {version}", button, run, done, intro, ANCHOR, danger=use_case is revalidating.refuse)
    return serve(request, version, page, ReasonForm(sent(request)))


@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest, version_id: int) -> HttpResponseBase:
    """Have a deployed version revalidated."""
    version = version_for(request, version_id)
    intro = "It passes the gates that its policy names again. The approval holds meanwhile."
    words = ("Revalidate", "Open the revalidation", "The revalidation is open.", intro)
    return _act(request, version_id, words, revalidating.ask, revalidating.why_not_ask(version, person(request)))


@require_http_methods(["GET", "POST"])
def renew(request: HttpRequest, version_id: int) -> HttpResponseBase:
    """Renew the approval at the end of a pass."""
    intro = "Every gate of the revalidation is evaluated again now; if one has closed, nothing is renewed."
    words = ("Renew the approval of", "Renew the approval", "The approval is renewed.", intro)
    why = _why_not(request, version_id)
    if not why and request.method != "POST":
        why = " ".join(revalidating.why_not_renew(version_for(request, version_id), now=timezone.now()))
    return _act(request, version_id, words, revalidating.renew, why)


@require_http_methods(["GET", "POST"])
def refuse(request: HttpRequest, version_id: int) -> HttpResponseBase:
    """End a pass without renewal."""
    intro = "The approval is suspended at once. Whether the version is retired is decided separately."
    words = ("Do not renew", "Do not renew", "The revalidation ended without renewal.", intro)
    return _act(request, version_id, words, revalidating.refuse, _why_not(request, version_id))


def _why_not(request: HttpRequest, version_id: int) -> str:
    version = version_for(request, version_id)
    why = revalidating.why_not_decide(version, person(request))
    return why or ("" if pass_under_way(version) else "No revalidation is under way.")


def act_url(version: ModelVersion, act: str) -> str:
    """The address of one of these acts."""
    return reverse(f"admin:approvals_modelversion_revalidation_{act}", args=[version.pk])
