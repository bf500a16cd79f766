"""Proof of identity within an act: the password again, and a one-time code where one is set up (21 CFR 11.200).

In a series of signings in one continuous session the code of the first counts for the next minutes; the password is
asked each time.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from axes.handlers.proxy import AxesProxyHandler
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.http import HttpRequest

from portal import second_factor
from portal.errors import BadInput, Refused

SERIES = timedelta(minutes=10)
SESSION_KEY = "signing_series"
WRONG_PASSWORD = "That password is not correct. Nothing was signed."  # noqa: S105  (a sentence, no secret)
LOCKED_OUT = (
    "Too many wrong passwords or codes: signing is locked for this account until "
    f"{int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)} minutes after the last attempt, "
    "or until an administrator lifts the lock. Nothing was signed."
)
NO_CODES = (
    "The policy asks for a one-time code of whoever signs in this role, and none is set up for your account. "
    "Set one up under “One-time codes” at the top of the page."
)


@dataclass(frozen=True)
class Proof:
    """What a signer gives to prove identity."""

    password: str
    code: str = ""


def code_asked(actor: User, http_request: HttpRequest, *, now: datetime) -> bool:
    """Whether a form has to ask for a code: one is set up, and no series is under way."""
    return second_factor.device_of(actor) is not None and not _series_since(actor, http_request, now)


def confirm(*, actor: User, proof: Proof, http_request: HttpRequest, code_needed: bool, now: datetime) -> str:
    """Authenticate again. Gives how, for the record.

    Raises Refused if a code is needed and none is set up, BadInput for a wrong password or code or while locked out.
    """
    device = second_factor.device_of(actor)
    if code_needed and device is None:
        raise Refused(NO_CODES, code="no-codes")
    require_password(actor=actor, password=proof.password, http_request=http_request)
    if device is None:
        return "password"
    since = _series_since(actor, http_request, now)
    if since:
        return f"password; one-time code at {since} in the same session"
    try:
        second_factor.accept(person=actor, code=proof.code)
    except BadInput as error:
        _count_failure(actor, http_request)
        if _locked(actor, http_request):
            raise BadInput(LOCKED_OUT, field="password", code="locked-out") from error
        raise
    _begin_series(actor, http_request, now)
    return "password and one-time code"


def require_password(*, actor: User, password: str, http_request: HttpRequest) -> None:
    """Raise BadInput unless this is the password of the person, who is not locked out."""
    if _locked(actor, http_request):
        raise BadInput(LOCKED_OUT, field="password", code="locked-out")
    user = authenticate(http_request, username=actor.get_username(), password=password)
    if user is None or user.pk != actor.pk:
        locked = _locked(actor, http_request)
        sentence, code = (LOCKED_OUT, "locked-out") if locked else (WRONG_PASSWORD, "wrong-password")
        raise BadInput(sentence, field="password", code=code)


def _locked(actor: User, http_request: HttpRequest) -> bool:
    return not AxesProxyHandler.is_allowed(http_request, {"username": actor.get_username()})


def _count_failure(actor: User, http_request: HttpRequest) -> None:
    """A wrong code counts as a wrong password does."""
    user_login_failed.send(sender=__name__, credentials={"username": actor.get_username()}, request=http_request)


def _begin_series(actor: User, http_request: HttpRequest, now: datetime) -> None:
    session = getattr(http_request, "session", None)
    if session is not None:
        session[SESSION_KEY] = {"person": actor.pk, "since": now.isoformat()}


def _series_since(actor: User, http_request: HttpRequest, now: datetime) -> str:
    """When the code of the running series was given, for reading; empty if none is under way."""
    session = getattr(http_request, "session", None)
    found = session.get(SESSION_KEY) if session is not None else None
    if not isinstance(found, dict) or found.get("person") != actor.pk:
        return ""
    since = datetime.fromisoformat(str(found["since"]))
    return f"{since:%H:%M} UTC" if since <= now < since + SERIES else ""
