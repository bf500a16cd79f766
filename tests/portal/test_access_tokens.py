"""Tokens of programs: who makes and ends them, what does not count, and that the secret is shown once."""

import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse
from django.utils import timezone

from portal import access_tokens
from portal.access_tokens import NotIdentified, TooManyTries
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import AccessToken, LedgerEntry, WrongTokens
from tests.cast import PASSWORD

BACKEND = "django.contrib.auth.backends.ModelBackend"
SOON = timedelta(days=30)


def issue(owner, **changes):
    given = {"name": "Job", "acts": ["read"], "model_ids": [], "expires_at": timezone.now() + SOON, **changes}
    return access_tokens.issue(owner=owner, **given)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": " "}, "what uses"),
        ({"name": "a\x00"}, "cannot be kept"),
        ({"acts": []}, "may do"),
        ({"acts": ["sign"]}, "may do"),
        ({"model_ids": [1]}, "among the models"),
        ({"expires_at": timezone.now() - SOON}, "in the future"),
        ({"expires_at": timezone.now() + timedelta(days=400)}, "within 366 days"),
    ],
)
def test_a_token_without_a_scope_or_an_end_is_not_made(cast, changes, why):
    with pytest.raises(BadInput, match=why):
        issue(cast.outsider, **changes)
    assert not AccessToken.objects.exists()


def test_the_secret_is_nowhere_in_the_database_or_the_ledger(cast):
    row, secret = issue(cast.submitter)
    assert secret.startswith(row.prefix)
    kept = json.dumps([*AccessToken.objects.values(), *LedgerEntry.objects.values("payload")], default=str)
    assert secret not in kept
    assert secret.removeprefix(f"{row.prefix}_") not in kept
    assert LedgerEntry.objects.get(event="portal.token.issued").actor_id == cast.submitter.pk


def test_only_its_owner_or_a_superuser_ends_a_token(cast):
    row, secret = issue(cast.submitter)
    with pytest.raises(NotPermitted):
        access_tokens.revoke(token_id=row.pk, actor=cast.outsider)
    access_tokens.revoke(token_id=row.pk, actor=cast.superuser)
    with pytest.raises(NotIdentified, match="was revoked"):
        access_tokens.identified(secret, address="here")
    with pytest.raises(Refused):
        access_tokens.revoke(token_id=row.pk, actor=cast.submitter)


def test_what_does_not_count_is_told_apart_by_who_holds_the_secret_only(cast):
    row, secret = issue(cast.submitter)
    assert access_tokens.identified(secret, address="here").pk == row.pk
    for wrong in ("", row.prefix, secret[:-1], f"{secret}x", row.digest):
        with pytest.raises(NotIdentified, match="not known"):
            access_tokens.identified(wrong, address="here")
    with pytest.raises(NotIdentified, match="expired"):
        access_tokens.identified(secret, address="here", now=timezone.now() + SOON)
    cast.submitter.is_active = False
    cast.submitter.save()
    with pytest.raises(NotIdentified, match="not active"):
        access_tokens.identified(secret, address="here")


def test_many_wrong_tokens_are_slowed_down_and_right_ones_are_not(cast):
    _, secret = issue(cast.submitter)
    for _ in range(access_tokens.WRONG_TRIES):
        with pytest.raises(NotIdentified):
            access_tokens.identified("guess", address="there")
    cache.clear()  # as another process, which shares nothing but the database
    with pytest.raises(TooManyTries):
        access_tokens.identified("guess", address="there")
    with pytest.raises(NotIdentified):
        access_tokens.identified("guess", address="elsewhere")
    later = timezone.now() + access_tokens.PAUSE
    with pytest.raises(NotIdentified):
        access_tokens.identified("guess", address="there", now=later)
    assert WrongTokens.objects.get().tries == 1, "counts that are over are forgotten"
    assert "there" not in WrongTokens.objects.get().address
    assert access_tokens.identified(secret, address="there")


def test_a_person_makes_a_token_with_the_password_and_sees_it_once(client, cast):
    client.force_login(cast.submitter, backend=BACKEND)
    make, tokens = reverse("admin:portal_accesstoken_issue"), reverse("admin:portal_accesstoken_changelist")
    day = (timezone.now() + SOON).date().isoformat()
    given = {"name": "<b>Job</b>", "acts": ["read"], "expires_on": day, "password": PASSWORD}
    assert "not correct" in client.post(make, {**given, "password": "wrong"}).content.decode()
    assert not AccessToken.objects.exists()
    answer = client.post(make, given)
    row = AccessToken.objects.get()
    page = answer.content.decode()
    secret = page.partition('id="secret">')[2].partition("<")[0]
    assert access_tokens.identified(secret, address="here").pk == row.pk
    assert "no-store" in answer["Cache-Control"]
    assert "<b>Job</b>" not in page
    assert row.prefix in client.get(tokens).content.decode()
    assert secret not in client.get(tokens).content.decode()
    client.force_login(cast.owner, backend=BACKEND)
    revoke = reverse("admin:portal_accesstoken_revoke", args=[row.pk])
    assert client.post(revoke).status_code == 404
    assert row.prefix not in client.get(tokens).content.decode()
    client.force_login(cast.submitter, backend=BACKEND)
    assert client.get(revoke).status_code == 405
    assert "counts no more" in client.post(revoke, follow=True).content.decode()
    row.refresh_from_db()
    assert row.revoked_at
