"""What this app adds to the sidebar and the front page: only what leads to an act, within what the person may see."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from approvals import permissions
from approvals.admin.standing import awaited_of, blockers_of
from approvals.models import Finding, ModelVersion
from approvals.models.findings import FindingStatus
from approvals.stages import PATH, REVIEW_STAGES, Blocker, Stage
from portal.panels import Panel, WorkEntry

SHOWN = 8
EXPIRES_SOON = timedelta(days=90)


@dataclass(frozen=True)
class StageLine:
    """How many versions stand in one stage."""

    label: str
    url: str
    count: int
    most: int


def awaiting_entry(user: User) -> WorkEntry:
    """The first entry of the sidebar."""
    return WorkEntry("Awaiting my sign-off", reverse("admin:approvals_modelversion_awaiting"), len(awaited_of(user)))


def ledger_scopes(user: User) -> list[str]:
    """The parts of the ledger about models that this person may see."""
    return [model.scope for model in permissions.visible_models(user)]


def awaiting_panel(user: User) -> Panel:
    """The signatures asked of this person."""
    lines = awaited_of(user)
    in_review = permissions.visible_versions(user).filter(stage__in=REVIEW_STAGES).count()
    content = {"lines": lines[:SHOWN], "more": max(0, len(lines) - SHOWN), "in_review": in_review}
    return Panel("awaiting", "Awaiting my sign-off", "approvals/awaiting_table.html", content)


def pipeline_panel(user: User) -> Panel:
    """Versions by stage."""
    versions = permissions.visible_versions(user).order_by()
    counts = dict(versions.values_list("stage").annotate(n=Count("pk")))
    stages = (*PATH, Stage.SUSPENDED, Stage.REJECTED, Stage.WITHDRAWN, Stage.RETIRED)
    most = max(counts.values(), default=1)
    url = reverse("admin:approvals_modelversion_changelist")
    lines = [
        StageLine(stage.label, f"{url}?stage__exact={stage.value}", counts.get(stage.value, 0), most)
        for stage in stages
        if stage in PATH or counts.get(stage.value)
    ]
    return Panel(
        "pipeline",
        "Versions by stage",
        "approvals/pipeline.html",
        {"lines": lines, "total": sum(counts.values()), "as_of": timezone.now()},
    )


def attention_panel(user: User) -> Panel | None:
    """Versions in review with open items, findings of this person, approvals that end soon."""
    now = timezone.now()
    versions = permissions.visible_versions(user).select_related("model", "policy")
    in_review = versions.filter(stage__in=REVIEW_STAGES).order_by("stage_entered_at")[:SHOWN]
    blocked = [(version, blockers, (now - version.stage_entered_at).days) for version, blockers in _blocked(in_review)]
    ending = versions.filter(stage=Stage.MONITORING, approval_expires_at__lt=now + EXPIRES_SOON)
    findings = Finding.objects.filter(
        owner=user, status=FindingStatus.OPEN, version__in=permissions.visible_versions(user)
    ).select_related("version__model")
    content = {"blocked": blocked, "ending": ending, "findings": findings[:SHOWN], "today": now.date()}
    return Panel("attention", "Needs attention", "approvals/attention.html", content)


def _blocked(versions: Iterable[ModelVersion]) -> list[tuple[ModelVersion, tuple[Blocker, ...]]]:
    return [(version, blockers) for version in versions if (blockers := blockers_of(version))]
