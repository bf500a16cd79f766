"""Use cases on findings and mitigation plans. A finding is closed by somebody else than its owner."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from approvals import permissions, refusals, telling, voiding
from approvals.events import Event
from approvals.models import CheckRun, Finding, MitigationPlan, ModelVersion
from approvals.models.checks import RunStatus, Verdict
from approvals.models.findings import FindingSource, FindingStatus, Severity
from approvals.stages import ENDS, Role
from portal import ledger
from portal.errors import BadInput, NotPermitted, Refused
from portal.texts import require_reason

CLOSED_VERSION = "This version is closed for good; findings belong to versions that are reviewed or deployed."


def add(  # noqa: PLR0913  (a finding is that many facts)
    *,
    version: ModelVersion,
    actor: User | None,
    severity: int,
    title: str,
    description: str,
    source: str,
    owner: User,
    due_on: date,
    now: datetime,
    source_reference: str = "",
) -> Finding:
    """Write a finding inside the caller's transaction and tell its owner. `actor` None is the system."""
    row = Finding.objects.create(
        version=version,
        severity=severity,
        title=title[:200],
        description=description,
        source=source,
        source_reference=source_reference,
        owner=owner,
        due_on=due_on,
        opened_by=actor,
        opened_at=now,
    )
    telling.announce(
        version.model,
        [owner],
        event=Event.FINDING_OPENED,
        text=f"Finding “{row.title}” on {version} is yours, due {due_on:%d %b %Y}.",
        link=f"{version.get_absolute_url()}#findings",
        asks_for_act=True,
    )
    ledger.record(
        event=Event.FINDING_OPENED,
        actor=actor,
        subject=version,
        scope=version.scope,
        facts={
            "finding": row.pk,
            "severity": row.get_severity_display(),
            "title": row.title,
            "description": row.description,
            "source": row.source,
            "source_reference": row.source_reference,
            "owner": owner.pk,
            "due_on": due_on.isoformat(),
        },
    )
    return row


def open_finding(
    *,
    version_id: int,
    actor: User,
    severity: int,
    title: str,
    description: str,
    owner: User,
    due_on: date,
    now: datetime | None = None,
) -> Finding:
    """Open a finding by hand: anybody who signs for a role on the model may."""
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model", "policy").get(pk=version_id)
    with (
        refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act="open finding"),
        transaction.atomic(),
    ):
        version = ModelVersion.objects.locked().get(pk=version_id)
        if not permissions.roles_of(actor, version.model):
            raise NotPermitted("Only people who sign for a role on this model open findings.")
        if version.stage in ENDS:
            raise Refused(CLOSED_VERSION)
        _require_text(title, field="title")
        if severity not in Severity.values:
            raise BadInput("Choose a severity.", field="severity")
        _require_duty(version, owner, due_on, now)
        with voiding.watched(version, actor=actor):
            return add(
                version=version,
                actor=actor,
                severity=severity,
                title=title.strip(),
                description=description.strip(),
                source=FindingSource.PERSON,
                owner=owner,
                due_on=due_on,
                now=now,
            )


def close_finding(*, finding_id: int, actor: User, evidence: str, now: datetime | None = None) -> Finding:
    """Close a finding with evidence. The model validator or a risk officer, never its owner."""
    now = now or timezone.now()
    _require_text(evidence, field="evidence")
    row = Finding.objects.select_related("version__model").get(pk=finding_id)
    with (
        refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=row.version, act="close finding"),
        transaction.atomic(),
    ):
        version = ModelVersion.objects.locked().get(pk=row.version_id)
        row = Finding.objects.select_for_update().get(pk=finding_id)
        _require_judge(version, row, actor, "closes")
        with voiding.watched(version, actor=actor):
            row.status, row.closed_by, row.closed_at, row.resolution = (
                FindingStatus.CLOSED,
                actor,
                now,
                evidence.strip(),
            )
            row.save()
        _record(Event.FINDING_CLOSED, row, version, actor, evidence, {})
    return row


def accept_finding(*, finding_id: int, actor: User, reason: str, until: date, now: datetime | None = None) -> Finding:
    """Accept a finding until a date; after it the gate closes again. A risk officer or validator, never its owner."""
    now = now or timezone.now()
    _require_text(reason, field="reason")
    if until <= now.date():
        raise BadInput("The acceptance must end in the future.", field="until")
    row = Finding.objects.select_related("version__model").get(pk=finding_id)
    with (
        refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=row.version, act="accept finding"),
        transaction.atomic(),
    ):
        version = ModelVersion.objects.locked().get(pk=row.version_id)
        row = Finding.objects.select_for_update().get(pk=finding_id)
        _require_judge(version, row, actor, "accepts")
        if row.source == FindingSource.CONDITION:
            raise Refused("A condition of an approval is fulfilled or not; it cannot be accepted.")
        with voiding.watched(version, actor=actor):
            row.status, row.accepted_by, row.accepted_until = FindingStatus.ACCEPTED, actor, until
            row.resolution = reason.strip()
            row.save()
        _record(Event.FINDING_ACCEPTED, row, version, actor, reason, {"until": until.isoformat()})
    return row


@dataclass(frozen=True)
class Retest:
    """The measure of a plan as a later run found it, and whether it failed again."""

    run: CheckRun
    measure: dict[str, Any]
    failed: bool


def retest(plan: MitigationPlan) -> Retest | None:
    """The newest finished run after the failed one that measured what the plan is about; None if there is none."""
    later = CheckRun.objects.filter(
        version_id=plan.version_id,
        check_key=plan.failed_run.check_key,
        pk__gt=plan.failed_run_id,
        status=RunStatus.FINISHED,
    ).order_by("-pk")
    for run in later:
        reading = run.reading or {}
        found = next((item for item in reading.get("measures", ()) if item["name"] == plan.measure), None)
        if found is not None:
            again = any(item["name"] == plan.measure for item in reading.get("failed_measures", ()))
            return Retest(run, found, again or not (found.get("value") is not None or found.get("bounds")))
    return None


def record_mitigation(
    *,
    run_id: int,
    measure: str,
    plan: str,
    owner: User,
    due_on: date,
    actor: User,
    now: datetime | None = None,
) -> MitigationPlan:
    """Record what is done about one failed measure of a failed run, by whom and until when."""
    now = now or timezone.now()
    run = CheckRun.objects.select_related("version__model").get(pk=run_id)
    with (
        refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=run.version, act="record mitigation"),
        transaction.atomic(),
    ):
        version = ModelVersion.objects.locked().get(pk=run.version_id)
        if not permissions.may_submit(actor, version.model):
            raise NotPermitted("Only a submitter of this model records mitigation plans.")
        if version.stage in ENDS:
            raise Refused(
                f"The version is {version.get_stage_display().lower()} and closed; nothing is planned for it."
            )
        _require_text(plan, field="plan")
        failed = {str(item["name"]): item for item in run.reading.get("failed_measures", [])}
        if run.verdict != Verdict.FAILED or measure not in failed:
            raise BadInput("A mitigation plan belongs to a measure that failed in this run.", field="measure")
        _require_duty(version, owner, due_on, now)
        with voiding.watched(version, actor=actor):
            row = MitigationPlan.objects.create(
                version=version,
                failed_run=run,
                measure=measure,
                before=failed[measure],
                plan=plan.strip(),
                owner=owner,
                due_on=due_on,
                recorded_by=actor,
                recorded_at=now,
            )
        ledger.record(
            event=Event.MITIGATION_RECORDED,
            actor=actor,
            subject=version,
            scope=version.scope,
            facts={
                "mitigation": row.pk,
                "run": run.pk,
                "measure": measure,
                "owner": owner.pk,
                "due_on": due_on.isoformat(),
            },
        )
    return row


def _record(event: Event, row: Finding, version: ModelVersion, actor: User, reason: str, facts: dict[str, Any]) -> None:
    ledger.record(
        event=event,
        actor=actor,
        subject=version,
        scope=version.scope,
        reason=reason.strip(),
        facts={"finding": row.pk, "title": row.title, **facts},
    )


def _require_judge(version: ModelVersion, row: Finding, actor: User, verb: str) -> None:
    if row.status == FindingStatus.CLOSED:
        raise Refused("This finding is closed already.")
    if row.owner_id == actor.pk:
        raise NotPermitted(f"The owner of a finding never {verb} it; the validator or a risk officer does.")
    if actor.pk in (version.submitted_by_id, version.developer_id):
        raise NotPermitted(f"Whoever submitted or developed a version never {verb} its findings.")
    judges = {Role.MODEL_VALIDATOR, Role.RISK_OFFICER}
    if not judges & set(permissions.roles_of(actor, version.model)):
        raise NotPermitted(f"Only the model validator or a risk officer {verb} findings.")


def _require_duty(version: ModelVersion, owner: User, due_on: date, now: datetime) -> None:
    if due_on < now.date():
        raise BadInput("The due date lies in the past.", field="due_on")
    if not permissions.may_view(owner, version.model):
        raise BadInput("The owner has no right on this model.", field="owner")


def _require_text(text: str, *, field: str) -> None:
    require_reason(text, field=field, asks="Write at least {least} characters.")
