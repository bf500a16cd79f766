"""Use cases on revalidations: open one in time, by a trigger or by hand; at its end renew the approval, or refuse."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals import (
    dossier,
    findings,
    judging,
    passes,
    permissions,
    policy,
    refusals,
    telling,
    timeline,
    voiding,
    workflow,
)
from approvals.events import Event
from approvals.models import (
    Finding,
    ModelVersion,
    Policy,
    Revalidation,
    RevalidationOutcome,
    RevalidationTrigger,
    TimeNotice,
    TimeNoticeKind,
)
from approvals.models.findings import FindingSource, FindingStatus, Severity
from approvals.models.policies import PolicyStatus
from approvals.models.revalidations import pass_under_way
from approvals.policy_document import PolicyDocument, parse, pinned
from approvals.requirements.base import Case
from approvals.revalidation_rules import FINDING, RevalidationRule, months_after
from approvals.signals import approval_renewed, renewal_decided, renewal_examined
from approvals.stages import Role, Stage
from portal import ledger
from portal.errors import BadInput, NotPermitted, Refused
from portal.texts import require_reason

ASKS = frozenset({Role.RISK_OFFICER, Role.COMPLIANCE_OFFICER, Role.MODEL_VALIDATOR})
DEPLOYED = (Stage.MONITORING, Stage.SUSPENDED)
REMIND_DAYS = 14
DAYS_WITHOUT_A_RULE = 60


def scheduled_for(version: ModelVersion, document: PolicyDocument) -> date | None:
    """The day by which an approval is renewed on schedule; None where the policy asks no revalidation."""
    rule = document.rules.revalidation
    if rule is None or version.approved_at is None:
        return None
    last = Revalidation.objects.filter(version=version, outcome=RevalidationOutcome.RENEWED).first()
    base = last.decided_at if last is not None and last.decided_at is not None else version.approved_at
    days = [version.approval_expires_at.date()] if version.approval_expires_at else []
    days += [months_after(base.date(), rule.every_months)] if rule.every_months else []
    return min(days, default=None)


def open_due(*, now: datetime | None = None) -> tuple[Revalidation, ...]:
    """Open every pass for which it is time: on schedule or by a trigger. One at a time; two callers are harmless."""
    now = now or timezone.now()
    found: list[Revalidation] = []
    waiting = ModelVersion.objects.filter(stage__in=DEPLOYED).exclude(revalidations__outcome=RevalidationOutcome.OPEN)
    for version_id in waiting.order_by("pk").values_list("pk", flat=True):
        try:
            with transaction.atomic():
                version = ModelVersion.objects.locked().get(pk=version_id)
                row = _opened_if_due(version, now)
        except IntegrityError:
            continue  # another was faster
        except (BadInput, Refused) as refusal:
            telling.tell_refused(version_id, refusal.sentence, "Its revalidation cannot be opened.", now=now)
            continue  # the others are opened all the same, and this one is tried again next time
        found += [row] if row else []
    return tuple(found)


def _opened_if_due(version: ModelVersion, now: datetime) -> Revalidation | None:
    document = parse(version.policy.text)
    rule = document.rules.revalidation
    if rule is None or version.stage not in DEPLOYED or pass_under_way(version) is not None:
        return None
    day = scheduled_for(version, document)
    if version.stage == Stage.MONITORING and day is not None and now.date() >= day - timedelta(days=rule.days):
        sentence = f"By its policy the approval is renewed by {day:%d %b %Y} or ends."
        return _opened(version, RevalidationTrigger.SCHEDULED, sentence, None, now)
    for trigger, look in (
        (RevalidationTrigger.SUSPENDED, _suspended),
        (RevalidationTrigger.OPEN_FINDINGS, _many_findings),
    ):
        sentence = look(version, document, rule) if trigger in rule.triggers else ""
        if sentence:
            return _opened(version, trigger, sentence, None, now)
    return _opened_for_policy(version, document, now) if RevalidationTrigger.POLICY_CHANGED in rule.triggers else None


def _opened_for_policy(version: ModelVersion, document: PolicyDocument, now: datetime) -> Revalidation | None:
    """A pass that opens because a newer policy asks something else is judged by that one from the beginning."""
    newer = _changed_policy(version, document)
    if newer is None:
        return None
    sentence = f"The policy {newer} asks or watches something else than {version.policy}, by which it was approved."
    row = _opened(version, RevalidationTrigger.POLICY_CHANGED, sentence, None, now)
    passes.repinned(row, version=version, policy=newer, actor=None, reason="It was opened because of it.", now=now)
    return row


def _since(version: ModelVersion) -> datetime:
    """From when on events count: the last pass was opened about everything before."""
    last = Revalidation.objects.filter(version=version).first()
    return last.opened_at if last is not None else version.approved_at or version.created_at


def _suspended(version: ModelVersion, _document: PolicyDocument, _rule: RevalidationRule) -> str:
    if version.stage != Stage.SUSPENDED:
        return ""
    last = Revalidation.objects.filter(version=version).first()
    known = last is not None and max(last.opened_at, last.decided_at or last.opened_at) >= version.stage_entered_at
    return "" if known else f"The approval was suspended on {version.stage_entered_at:%d %b %Y}."


def _many_findings(version: ModelVersion, _document: PolicyDocument, rule: RevalidationRule) -> str:
    rows = Finding.objects.filter(version=version, opened_at__gt=_since(version)).exclude(status=FindingStatus.CLOSED)
    count = rows.exclude(source=FindingSource.CONDITION).count()
    if count < rule.open_findings:
        return ""
    return f"{count} findings are open that came since the approval was last looked at."


def _changed_policy(version: ModelVersion, document: PolicyDocument) -> Policy | None:
    """A newer policy of the tier that asks, watches or measures something else: wording alone changes nothing."""
    newest = (
        Policy.objects.filter(tier=version.model.risk_tier, name=document.name, status=PolicyStatus.PUBLISHED)
        .filter(published_at__gt=_since(version))
        .exclude(pk=version.policy_id)
        .order_by("-published_at", "-pk")
        .first()
    )
    if newest is None:
        return None
    return newest if judging.asks_otherwise(document, pinned(newest)) else None


def open_by_trigger(version: ModelVersion, trigger: RevalidationTrigger, *, reason: str, now: datetime) -> bool:
    """Open a pass of a locked version inside the caller's transaction where its policy names the trigger.

    Gives whether one was opened: none is while another is under way.
    """
    rule = parse(version.policy.text).rules.revalidation
    if rule is None or trigger not in rule.triggers or version.stage not in DEPLOYED or pass_under_way(version):
        return False
    _opened(version, trigger, reason, None, now)
    return True


def why_not_ask(version: ModelVersion, actor: User) -> str:
    """Why this person may not have the version revalidated now; empty if they may."""
    roles = set(permissions.roles_of(actor, version.model))
    if not (ASKS & roles or permissions.is_owner(actor, version.model)):
        return "A revalidation is asked for by the owner, the model validator, or a risk or compliance officer."
    if version.stage not in DEPLOYED:
        return f"Deployed versions are revalidated; this one is {version.get_stage_display().lower()}."
    return "A revalidation is under way." if pass_under_way(version) is not None else ""


def ask(*, version_id: int, actor: User, reason: str, now: datetime | None = None) -> Revalidation:
    """Have a deployed version revalidated. Raises BadInput, NotPermitted or Refused."""
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model", "policy").get(pk=version_id)
    require_reason(reason)
    with (
        refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act="ask for a revalidation"),
        transaction.atomic(),
    ):
        version = ModelVersion.objects.locked().get(pk=version_id)
        if sentence := why_not_ask(version, actor):
            allowed = ASKS & set(permissions.roles_of(actor, version.model)) or permissions.is_owner(
                actor, version.model
            )
            raise Refused(sentence) if allowed else NotPermitted(sentence)
        return _opened(version, RevalidationTrigger.PERSON, reason.strip(), actor, now)


def _opened(
    version: ModelVersion, trigger: RevalidationTrigger, reason: str, actor: User | None, now: datetime
) -> Revalidation:
    document = parse(version.policy.text)
    rule, day = document.rules.revalidation, scheduled_for(version, document)
    due = now.date() + timedelta(days=rule.days if rule else DAYS_WITHOUT_A_RULE)
    if day is not None and day >= now.date() and version.stage == Stage.MONITORING:
        due = min(due, day)
    return passes.opened(version=version, trigger=trigger, reason=reason, due_on=due, actor=actor, now=now)


def why_not_decide(version: ModelVersion, actor: User) -> str:
    """Why this person may not decide the revalidation; empty if they may."""
    deciders = passes.deciders_of(judging.document_of(version))
    if not set(deciders) & set(permissions.roles_of(actor, version.model)):
        return f"The revalidation is decided by the {' or '.join(role.in_words for role in deciders)} of this model."
    if actor.pk in (version.submitted_by_id, version.developer_id):
        return "You submitted or developed this version; somebody else decides its revalidation."
    return ""


def why_not_renew(version: ModelVersion, *, now: datetime) -> tuple[str, ...]:
    """What stands in the way of a renewal beside its gates, and who clears it: one sentence each."""
    policy_then = judging.of(version).policy
    found = renewal_examined.send(sender=Revalidation, version=version, policy=policy_then, now=now)
    return tuple(sentence for _, sentence in found if sentence)


def renew(*, version_id: int, actor: User, reason: str, now: datetime | None = None) -> ModelVersion:
    """Renew the approval from now on, if every gate of the pass is open. A suspended one still has to be reinstated.

    Raises BadInput, NotPermitted, or Refused with what is open.
    """
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model", "policy").get(pk=version_id)
    require_reason(reason)
    with (
        refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act="renew the approval"),
        transaction.atomic(),
    ):
        version, row = _under_way(version_id, actor)
        judged = judging.of(version)
        document, case = pinned(judged.policy), dossier.load_case(version, judged)
        blockers = policy.renewal_blockers(case, document, now=now)
        if blockers:
            raise Refused(" ".join(blocker.sentence for blocker in blockers[:3]), blockers=blockers)
        if standing := why_not_renew(version, now=now):
            raise Refused(" ".join(standing))
        before, old = timeline.dossiers_at_approval(version), version.policy
        waived = timeline.exceptions_at_approval(version) | _exceptions_used(case, document, now)
        version.policy = judged.policy
        version.approval_expires_at = now + timedelta(days=document.approval_valid_days)
        version.save()
        again = {stage.value: case.dossiers[stage.value] for stage in row.stages}
        passes.decided(
            row,
            version=version,
            outcome=RevalidationOutcome.RENEWED,
            actor=actor,
            reason=reason,
            now=now,
            valid_until=version.approval_expires_at,
            facts={
                "to": version.stage,
                "artifact": case.artifact_sha256,
                "policy_digest": case.policy_digest,
                "dossiers": {**(before or case.dossiers), **again},
                "exceptions": sorted(waived),
                **({"policy": str(judged.policy), "policy_before": str(old)} if old.pk != judged.policy.pk else {}),
            },
        )
        renewal_decided.send(sender=Revalidation, version=version, revalidation=row, actor=actor, now=now)
        if version.stage == Stage.MONITORING:
            approval_renewed.send(sender=ModelVersion, version=version, actor=actor, now=now)
    return version


def _exceptions_used(case: Case, document: PolicyDocument, now: datetime) -> frozenset[int]:
    gates = policy.gates_of_pass(case, document, now=now)
    details = [outcome.details for state in gates for outcome in state.outcomes]
    return frozenset(int(entry["waiver"]) for entry in details if "waiver" in entry)


def refuse(*, version_id: int, actor: User, reason: str, now: datetime | None = None) -> ModelVersion:
    """End the pass without renewal: the approval is suspended. Retirement is a decision of its own."""
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model", "policy").get(pk=version_id)
    require_reason(reason)
    with (
        refusals.recorded(event=Event.ACT_REFUSED, actor=actor, version=version, act="refuse the renewal"),
        transaction.atomic(),
    ):
        version, row = _under_way(version_id, actor)
        workflow.refuse_renewal(version, row, actor=actor, reason=reason, now=now)
    return version


def _under_way(version_id: int, actor: User) -> tuple[ModelVersion, Revalidation]:
    version = ModelVersion.objects.locked().get(pk=version_id)
    if sentence := why_not_decide(version, actor):
        raise NotPermitted(sentence)
    row = pass_under_way(version)
    if row is None:
        raise Refused("No revalidation is under way.")
    return version, row


def watch(*, now: datetime | None = None) -> int:
    """Remind people of passes that are due soon, and open a finding for those that are overdue. Each once."""
    now = now or timezone.now()
    told = 0
    soon = (now + timedelta(days=REMIND_DAYS)).date()
    rows = Revalidation.objects.filter(outcome=RevalidationOutcome.OPEN, due_on__lte=soon)
    for row_id in rows.order_by("pk").values_list("pk", flat=True):
        try:
            with transaction.atomic():
                told += _told(row_id, now)
        except IntegrityError:
            continue  # another scheduler said it a moment ago
        except (BadInput, Refused) as refusal:
            version_id = Revalidation.objects.values_list("version_id", flat=True).get(pk=row_id)
            said = "People cannot be reminded of its revalidation."
            telling.tell_refused(version_id, refusal.sentence, said, now=now)
    return told


def _told(row_id: int, now: datetime) -> bool:
    version = ModelVersion.objects.locked().get(
        pk=Revalidation.objects.values_list("version_id", flat=True).get(pk=row_id)
    )
    row = pass_under_way(version)
    if row is None:
        return False
    overdue = row.due_on < now.date()
    kind = TimeNoticeKind.ESCALATION if overdue else TimeNoticeKind.REMINDER
    stay = {"version": version, "stage": Stage.MONITORING, "entered_at": row.opened_at, "kind": kind}
    if TimeNotice.objects.filter(**stay).exists():
        return False
    TimeNotice.objects.create(**stay, at=now)
    document = parse(version.policy.text)
    if overdue and document.rules.revalidation is not None and document.rules.revalidation.overdue == FINDING:
        _overdue_finding(version, row, document, now)
    event = Event.REVALIDATION_OVERDUE if overdue else Event.REVALIDATION_REMINDED
    words = f"is overdue since {row.due_on:%d %b %Y}" if overdue else f"is due on {row.due_on:%d %b %Y}"
    telling.tell(
        version,
        {
            *passes.people_of(version, judging.document_of(version), row.stages),
            version.submitted_by,
            version.model.owner,
        },
        event=event,
        text=f"The revalidation of {version} {words}.",
        link=f"{version.get_absolute_url()}#revalidation",
        asks_for_act=True,
    )
    ledger.record(event=event, actor=None, subject=version, scope=version.scope, facts=row.facts())
    return True


def _overdue_finding(version: ModelVersion, row: Revalidation, document: PolicyDocument, now: datetime) -> None:
    with voiding.watched(version, actor=None):
        findings.add(
            version=version,
            actor=None,
            severity=Severity.HIGH,
            title="The revalidation is overdue",
            description=f"It was due on {row.due_on:%d %b %Y}. Opened because: {row.reason}",
            source=FindingSource.REVIEW,
            source_reference=f"revalidation:{row.pk}",
            owner=version.model.owner,
            due_on=(now + timedelta(days=document.rules.due_days(Severity.HIGH))).date(),
            now=now,
        )
