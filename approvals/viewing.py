"""Who audits leaves a trace too: what an auditor opened, and when, is in the ledger."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction

from approvals import permissions
from approvals.events import Event
from approvals.models import ModelVersion
from portal import ledger


def viewed(*, version: ModelVersion, actor: User) -> bool:
    """Record that an auditor of the model opened the version; gives whether the actor is one."""
    if not permissions.may_audit(actor, version.model):
        return False
    with transaction.atomic():
        ledger.record(
            event=Event.VERSION_VIEWED,
            actor=actor,
            subject=version,
            scope=version.scope,
            facts={"stage": version.stage, "number": version.number},
        )
    return True
