"""Says which sign-offs stop counting, or do again, by a change. Nothing is flagged: this records and tells people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.contrib.auth.models import User

from approvals import dossier, telling
from approvals.events import Event
from approvals.models import ModelVersion, SignOff
from approvals.models.revalidations import pass_under_way
from approvals.requirements.base import Case
from approvals.stages import REVIEW_STAGES, Stage
from portal import ledger


def current_sign_offs(case: Case) -> frozenset[int]:
    """Ids of the sign-offs whose dossier still stands."""
    return frozenset(signed.id for signed in case.sign_offs if case.counts(signed))


def of_pass(case: Case, ids: Iterable[int]) -> frozenset[int]:
    """Those of these sign-offs that were given in the pass under way; all of them where there is none.

    What the approval rests on was signed before, and no gate of the pass counts it.
    """
    since = case.under_way.opened_at if case.under_way is not None else None
    given = {signed.id for signed in case.sign_offs if since is None or signed.signed_at >= since}
    return frozenset(ids) & given


@contextmanager
def watched(version: ModelVersion, *, actor: User | None) -> Iterator[None]:
    """Run a change inside the caller's transaction; afterwards record which sign-offs no longer count, or do again."""
    if not SignOff.objects.filter(version=version).exists():
        yield
        return
    case = dossier.load_case(version)
    before, policy = current_sign_offs(case), case.policy_digest
    yield
    case = dossier.load_case(version)
    after = current_sign_offs(case)
    gone, back = before - after, after - before
    if case.policy_digest != policy:
        gone, back = of_pass(case, gone), of_pass(case, back)
    if gone:
        _record_voided(version, gone, actor)
    if back:
        _record_restored(version, back, actor)


def _record_voided(version: ModelVersion, ids: frozenset[int], actor: User | None) -> None:
    rows = _rows(ids)
    may_sign_again = version.stage in (*REVIEW_STAGES, Stage.SUSPENDED) or pass_under_way(version) is not None
    what_now = "Read it again and sign again." if may_sign_again else "The approval stands; nobody signs now."
    telling.announce(
        version.model,
        [row.signer for row in rows],
        event=Event.SIGN_OFFS_VOIDED,
        text=f"Your sign-off on {version} no longer counts: what it covered has changed. {what_now}",
        link=version.get_absolute_url(),
        asks_for_act=may_sign_again,
    )
    _record(Event.SIGN_OFFS_VOIDED, version, rows, actor)


def _record_restored(version: ModelVersion, ids: frozenset[int], actor: User | None) -> None:
    rows = _rows(ids)
    telling.announce(
        version.model,
        [row.signer for row in rows],
        event=Event.SIGN_OFFS_RESTORED,
        text=f"Your sign-off on {version} counts again: what it covered is again exactly as you signed it.",
        link=version.get_absolute_url(),
    )
    _record(Event.SIGN_OFFS_RESTORED, version, rows, actor)


def _rows(ids: frozenset[int]) -> list[SignOff]:
    return list(SignOff.objects.filter(pk__in=ids).select_related("signer").order_by("pk"))


def _record(event: Event, version: ModelVersion, rows: list[SignOff], actor: User | None) -> None:
    ledger.record(
        event=event,
        actor=actor,
        subject=version,
        scope=version.scope,
        facts={"sign_offs": [{"id": row.pk, "role": row.role, "stage": row.stage} for row in rows]},
    )
