"""Writes every refusal of an act into the ledger, in a transaction of its own, and lets the refusal go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from django.contrib.auth.models import User
from django.db import transaction

from approvals.models import ModelVersion
from portal import ledger
from portal.errors import DomainError, NotPermitted, Refused, Stale


@contextmanager
def recorded(
    *,
    event: StrEnum,
    actor: User | None,
    version: ModelVersion,
    act: str,
    also: tuple[type[DomainError], ...] = (),
) -> Iterator[None]:
    """Run an act on a version; a refusal is recorded with its sentence before it reaches the person.

    Bad input is a form to correct and no refusal, unless `also` names it.
    """
    refusals: tuple[type[DomainError], ...] = (NotPermitted, Refused, Stale, *also)
    try:
        yield
    except refusals as refusal:
        if refusal.recorded:  # by an inner block already
            raise
        refusal.recorded = True
        with transaction.atomic():
            ledger.record(
                event=event,
                actor=actor,
                subject=version,
                scope=version.scope,
                facts={"act": act, "code": refusal.code, "sentence": refusal.sentence},
            )
        raise
