"""The cards of a version, for the version page."""

from __future__ import annotations

from django.contrib.auth.models import User

from approvals import permissions
from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from modelcards import reissuing
from modelcards.card import CardStatus
from modelcards.models import ModelCard
from portal.panels import Panel


def cards_panel(version: ModelVersion, user: User) -> Panel:
    """Every card with its state, and the button for a draft."""
    rows = ModelCard.objects.filter(version=version).select_related("pdf")
    content = {
        "version": version,
        "cards": rows,
        "may_order": permissions.may_submit(user, version.model),
        "may_reissue": any(row.kind == CardStatus.ISSUED for row in rows)
        and not reissuing.why_not_reissue(version, user),
        "under_way": any(row.status in (RunStatus.QUEUED, RunStatus.RUNNING) for row in rows),
    }
    return Panel("cards", "Model cards", "modelcards/admin_panel.html", content)
