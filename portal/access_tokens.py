"""Tokens by which programs act as a person: issued by that person for themself, shown once, ended at any moment.

A token never widens rights: whoever it acts for must hold them at that moment, and the token must name the act.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Q, TextChoices
from django.utils import timezone

from portal import ledger
from portal.errors import BadInput, DomainError, NotPermitted, Refused
from portal.models import AccessToken, WrongTokens
from portal.tasks import PortalEvent
from portal.texts import require_storable

LONGEST = timedelta(days=366)
WRONG_TRIES, PAUSE = 20, timedelta(minutes=15)
_START = "map"
_USED_EVERY = timedelta(minutes=1)

MODELS: list[Callable[[User], Iterable[tuple[int, str]]]] = []
"""Sources of the models, key and name, that a person may limit a token to."""


class TokenAct(TextChoices):
    """What a token may do."""

    READ = "read", "Read versions, monitors, batches and readings"
    DELIVER = "deliver", "Deliver batches and outcomes"


class NotIdentified(DomainError):
    """No token that counts was given."""

    code = "not-identified"


class TooManyTries(DomainError):
    """Too many wrong tokens came from one address."""

    code = "too-many-tries"


def offered(user: User) -> list[tuple[int, str]]:
    """Models that the person may limit a token to."""
    return [pair for source in MODELS for pair in source(user)]


def issue(
    *,
    owner: User,
    name: str,
    acts: Collection[str],
    model_ids: Collection[int],
    expires_at: datetime,
    now: datetime | None = None,
) -> tuple[AccessToken, str]:
    """A new token and its secret, which nobody is shown again. BadInput for what is no scope or lasts too long."""
    now = now or timezone.now()
    require_storable(name, field="name")
    if not owner.is_active:
        raise NotPermitted("This account is not active, so nothing acts for it.")
    if not name.strip():
        raise BadInput("Say what uses the token.", field="name")
    if not acts or not set(acts) <= set(TokenAct.values):
        raise BadInput("Choose what the token may do.", field="acts")
    if not set(model_ids) <= {key for key, _ in offered(owner)}:
        raise BadInput("You can choose among the models that you may see.", field="model_ids")
    if not now < expires_at <= now + LONGEST:
        raise BadInput(f"A token ends in the future, within {LONGEST.days} days.", field="expires_at")
    prefix = f"{_START}_{secrets.token_hex(4)}"
    secret = f"{prefix}_{secrets.token_urlsafe(32)}"
    with transaction.atomic():
        row = AccessToken.objects.create(
            owner=owner,
            name=name.strip()[:100],
            prefix=prefix,
            digest=_digest(secret),
            acts=sorted(acts),
            model_ids=sorted(model_ids),
            created_at=now,
            expires_at=expires_at,
        )
        _record(PortalEvent.TOKEN_ISSUED, row, owner)
    return row, secret


def revoke(*, token_id: int, actor: User, now: datetime | None = None) -> AccessToken:
    """End a token at once. Its owner may, and a superuser for anybody."""
    with transaction.atomic():
        row = AccessToken.objects.select_for_update(of=("self",)).select_related("owner").get(pk=token_id)
        if row.owner_id != actor.pk and not actor.is_superuser:
            raise NotPermitted("Only its owner or an administrator revokes a token.")
        if row.revoked_at is not None:
            raise Refused("This token was revoked already.")
        row.revoked_at = now or timezone.now()
        row.save(update_fields=["revoked_at"])
        _record(PortalEvent.TOKEN_REVOKED, row, actor)
    return row


def identified(secret: str, *, address: str, now: datetime | None = None) -> AccessToken:
    """The token with that secret. NotIdentified with a sentence, or TooManyTries after many wrong ones.

    A right token counts from every address: behind one proxy all have the same, and nobody shall lock others out.
    """
    now = now or timezone.now()
    # The secret has 256 random bits, so a plain hash of it gives nothing away.
    row = AccessToken.objects.select_related("owner").filter(digest=_digest(secret)).first()
    if row is None or not hmac.compare_digest(row.digest, _digest(secret)):
        _count_wrong(address, now)
        raise NotIdentified("This token is not known; make one under “Access tokens” and send it whole.")
    if row.revoked_at is not None:
        raise NotIdentified(f"The token {row.prefix}… was revoked on {row.revoked_at:%d %b %Y}.")
    if row.expires_at <= now:
        raise NotIdentified(f"The token {row.prefix}… expired on {row.expires_at:%d %b %Y}; make a new one.")
    if not row.owner.is_active:
        raise NotIdentified(f"The account that the token {row.prefix}… acts for is not active.")
    stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - _USED_EVERY)
    AccessToken.objects.filter(stale, pk=row.pk).update(last_used_at=now)
    return row


def require_act(token: AccessToken, act: TokenAct) -> None:
    """Raise NotPermitted unless the token may do this."""
    if act not in token.acts:
        raise NotPermitted(f"The token {token.prefix}… may not: {act.label.lower()}.")


def facts_of(token: AccessToken | None) -> dict[str, str]:
    """What the ledger says of the token that an act came by: its beginning and its name, never the secret."""
    return {} if token is None else {"token": token.prefix, "token_name": token.name}


def authentication_of(token: AccessToken | None) -> str:
    """How whoever acted was identified; empty for a person who was signed in."""
    return "" if token is None else f"access token {token.prefix}"


def _count_wrong(address: str, now: datetime) -> None:
    """Counted in the database, so that every process sees the same. Counts that are over go with the next wrong one."""
    key = hashlib.sha256(address.encode()).hexdigest()
    WrongTokens.objects.filter(since__lte=now - PAUSE).delete()
    row, _ = WrongTokens.objects.get_or_create(address=key, defaults={"tries": 0, "since": now})
    mine = WrongTokens.objects.filter(pk=row.pk)
    mine.update(tries=F("tries") + 1)
    if (mine.values_list("tries", flat=True).first() or 1) > WRONG_TRIES:
        minutes = int(PAUSE.total_seconds() // 60)
        raise TooManyTries(f"Too many wrong tokens came from this address; try again in {minutes} minutes.")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _record(event: PortalEvent, row: AccessToken, actor: User) -> None:
    ledger.record(
        event=event,
        actor=actor,
        subject=row,
        scope="portal",
        facts={
            "prefix": row.prefix,
            "name": row.name,
            "owner": row.owner_id,
            "acts": row.acts,
            "models": row.model_ids,
            "expires": row.expires_at.isoformat(),
        },
    )
