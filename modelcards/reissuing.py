"""Issues the card of an approval that holds once more, with what monitors read since."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from approvals import permissions, refusals
from approvals.events import Event as ApprovalsEvent
from approvals.models import ModelVersion
from approvals.models.checks import RunStatus
from approvals.models.revalidations import pass_under_way
from approvals.signals import record_wanted
from approvals.stages import Role, Stage
from modelcards import issuing
from modelcards.card import CardStatus
from modelcards.models import ModelCard
from portal.errors import NotPermitted, Refused
from portal.texts import require_reason


def why_not_reissue(version: ModelVersion, actor: User) -> str:
    """Why this person may not have the card issued again; empty if they may."""
    officer = Role.RISK_OFFICER in permissions.roles_of(actor, version.model)
    if not (permissions.may_move(actor, version.model) or officer):
        return "Only the model's owner, a submitter or a risk officer has its card issued again."
    if version.stage != Stage.MONITORING:
        return f"The approval does not hold now: the version is {version.get_stage_display().lower()}."
    if pass_under_way(version) is not None:
        return "A revalidation is under way; a new card is issued when the approval is renewed."
    return ""


def reissue(*, version_id: int, actor: User, reason: str, now: datetime | None = None) -> ModelCard:
    """Issue the card of an approval that holds once more, with the record of monitoring as it stands now.

    Raises BadInput (reason), NotPermitted or Refused. One that is being made already is given back.
    """
    now = now or timezone.now()
    version = ModelVersion.objects.select_related("model").get(pk=version_id)
    require_reason(reason)
    recorded = refusals.recorded(event=ApprovalsEvent.ACT_REFUSED, actor=actor, version=version, act="reissue card")
    with recorded, transaction.atomic():
        version = ModelVersion.objects.locked().get(pk=version_id)
        if sentence := why_not_reissue(version, actor):
            raise (NotPermitted if sentence.startswith("Only") else Refused)(sentence)
        under_way = ModelCard.objects.filter(
            version=version, kind=CardStatus.ISSUED, status__in=(RunStatus.QUEUED, RunStatus.RUNNING)
        ).first()
        if under_way is not None:
            return under_way
        record_wanted.send(sender=ModelVersion, version=version, now=now)
        return issuing.order(version, CardStatus.ISSUED, actor, now, reason=reason.strip())
