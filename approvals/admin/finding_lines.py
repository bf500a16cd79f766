"""What the version page says about findings and mitigation plans, as finished lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.auth.models import User
from django.urls import reverse

from approvals import findings, judging, permissions
from approvals.admin.version_lines import BAD, OK, ORDER, WAIT, requirements_of
from approvals.checks._verdicts import number
from approvals.models import CheckRun, Finding, MitigationPlan, ModelVersion
from approvals.models.checks import Verdict
from approvals.models.findings import FindingStatus
from approvals.stages import Role
from portal.ledger import name_of


@dataclass(frozen=True)
class SourcePage:
    """The page of what a finding is about, and where this person answers it; empty where there is nothing to answer."""

    url: str
    answer: str = ""


SOURCE_PAGES: dict[str, Callable[[Finding, User], SourcePage | None]] = {}
"""By source of findings, told by the app that writes such findings."""


def source_page(row: Finding, user: User) -> SourcePage | None:
    """The page of what a finding is about; None where there is none."""
    page = SOURCE_PAGES.get(row.source)
    return page(row, user) if page is not None else None


@dataclass(frozen=True)
class FindingLine:
    """One finding, with what this person may do about it."""

    id: int
    title: str
    description: str
    severity: str
    state: str
    tone: str
    owner: str
    due_on: date
    source: str
    resolution: str
    url: str
    may_judge: bool


@dataclass(frozen=True)
class MitigationLine:
    """A failed measure of a check with its plan, or without one yet."""

    measure: str
    check: str
    before: str
    after: str
    state: str
    tone: str
    plan: str
    owner: str
    due_on: date | None
    record_url: str


def finding_lines(version: ModelVersion, user: User) -> tuple[FindingLine, ...]:
    """Every finding, open ones first."""
    judges = {Role.MODEL_VALIDATOR, Role.RISK_OFFICER} & set(permissions.roles_of(user, version.model))
    tones = {FindingStatus.OPEN: BAD, FindingStatus.ACCEPTED: WAIT, FindingStatus.CLOSED: OK}
    rows = Finding.objects.filter(version=version).select_related("owner").order_by("-severity", "due_on", "pk")
    lines = [
        FindingLine(
            id=row.pk,
            title=row.title,
            description=row.description,
            severity=row.get_severity_display(),
            state=row.get_status_display()
            if row.status != FindingStatus.ACCEPTED
            else f"Accepted until {row.accepted_until:%d %b %Y}",
            tone=tones[FindingStatus(row.status)],
            owner=name_of(row.owner),
            due_on=row.due_on,
            source=row.get_source_display(),
            resolution=row.resolution,
            url=reverse("admin:approvals_finding_change", args=[row.pk]),
            may_judge=bool(judges) and row.owner_id != user.pk and row.status != FindingStatus.CLOSED,
        )
        for row in rows
    ]
    return tuple(sorted(lines, key=lambda line: ORDER[line.tone]))


def mitigation_lines(version: ModelVersion, *, may_record: bool) -> tuple[MitigationLine, ...]:
    """Every measure that ever failed on this version and needs a plan, with its plans."""
    plans: dict[tuple[str, str], list[MitigationPlan]] = {}
    for plan in MitigationPlan.objects.filter(version=version).select_related("owner", "failed_run").order_by("pk"):
        plans.setdefault((plan.failed_run.check_key, plan.measure), []).append(plan)
    failed: dict[tuple[str, str], tuple[CheckRun, dict[str, Any]]] = {}
    asked = {
        requirement.check
        for _, requirement in requirements_of(judging.document_of(version))
        if requirement.key == "mitigations" and hasattr(requirement, "check")
    }
    for run in CheckRun.objects.filter(version=version, verdict=Verdict.FAILED, check_key__in=asked).order_by("-pk"):
        for measure in run.reading.get("failed_measures", ()):
            failed.setdefault((run.check_key, str(measure["name"])), (run, measure))
    lines = []
    for (check, measure), (run, numbers) in failed.items():
        url = reverse("admin:approvals_modelversion_mitigate", args=[version.pk, run.pk]) if may_record else ""
        recorded = plans.get((check, measure), [])
        if not recorded:
            before = value_of(numbers)
            lines.append(MitigationLine(measure, check, before, "", "No plan", BAD, "", "", None, url))
        lines += [_planned(plan, check) for plan in recorded]
    return tuple(lines)


def _planned(plan: MitigationPlan, check: str) -> MitigationLine:
    """A plan with the measure before, and after where a later run measured it again."""
    again = findings.retest(plan)
    if again is None:
        after, state, tone = "", "Planned", WAIT
    else:
        after = value_of(again.measure)
        state, tone = ("Failed again", BAD) if again.failed else ("Repaired", OK)
    before, owner = value_of(plan.before), name_of(plan.owner)
    return MitigationLine(plan.measure, check, before, after, state, tone, plan.plan, owner, plan.due_on, "")


def value_of(measure: Mapping[str, Any]) -> str:
    """A measured number as pages write it."""
    return number(measure.get("value"))
