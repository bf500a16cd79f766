"""Says which sign-offs stop counting because of a change. Nothing is flagged: this only records and tells people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import User

from approvals import dossier
from approvals.events import Event
from approvals.models import ModelVersion, SignOff
from approvals.requirements.base import Case
from approvals.stages import REVIEW_STAGES, Stage
from portal import ledger, notify


def current_sign_offs(case: Case) -> frozenset[int]:
    """Ids of the sign-offs whose dossier still stands."""
    return frozenset(signed.id for signed in case.sign_offs if case.dossiers.get(signed.stage) == signed.dossier)


@contextmanager
def watched(version: ModelVersion, *, actor: User | None) -> Iterator[None]:
    """Run a change inside the caller's transaction; afterwards record which sign-offs no longer count."""
    before = current_sign_offs(dossier.load_case(version))
    yield
    if not before:
        return
    voided = sorted(before - current_sign_offs(dossier.load_case(version)))
    if not voided:
        return
    rows = list(SignOff.objects.filter(pk__in=voided).select_related("signer"))
    may_sign_again = version.stage in (*REVIEW_STAGES, Stage.SUSPENDED)
    what_now = "Read it again and sign again." if may_sign_again else "The approval stands; nobody signs now."
    notify.notify(
        recipients=[row.signer for row in rows],
        event=Event.SIGN_OFFS_VOIDED,
        text=f"Your sign-off on {version} no longer counts: what it covered has changed. {what_now}",
        link=version.get_absolute_url(),
        asks_for_act=may_sign_again,
    )
    ledger.record(
        event=Event.SIGN_OFFS_VOIDED,
        actor=actor,
        subject=version,
        scope=version.scope,
        facts={"sign_offs": [{"id": row.pk, "role": row.role, "stage": row.stage} for row in rows]},
    )
