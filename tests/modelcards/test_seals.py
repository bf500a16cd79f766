"""The seal in use: rotation, revocation, expiry, and what happens to cards when no timestamp is to be had."""

import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from approvals import workflow
from approvals.models import ModelVersion
from approvals.stages import Role
from modelcards import authority, issuing, records, seals
from modelcards.card import CardStatus
from modelcards.models import ModelCard
from modelcards.signing import ensure_signing_identity
from modelcards.timestamping import TimestampFailed
from modelcards.verification import SINCE
from portal.errors import BadInput, Refused, Unavailable
from portal.models import LedgerEntry, Notification, OutgoingMessage
from tests.modelcards.approvals import issued, ordered
from tests.modelcards.test_verify_command import verify
from tests.modelcards.timestamp_server import served

pytestmark = pytest.mark.usefixtures("own_var")


def key(*arguments):
    said = io.StringIO()
    call_command("card_key", *arguments, stdout=said)
    return said.getvalue()


@pytest.fixture
def kept(tmp_path):
    def keep(row):
        path = tmp_path / f"{row.number}.pdf"
        path.write_bytes(row.pdf.path.read_bytes())
        return path

    return keep


@pytest.fixture
def stamping(settings, tsa, tmp_path):
    """The settings of a portal with our timestamp authority; gives a context in which it is served."""
    (tmp_path / "tsa.pem").write_bytes(tsa.root_pem)
    paths = []
    for number, content in enumerate(tsa.lists):
        paths.append(tmp_path / f"tsa-{number}.crl")
        paths[-1].write_bytes(content)

    def configure(**changes):
        settings.TIMESTAMPS = {
            **settings.TIMESTAMPS,
            "URL": tsa.url,
            "CA": str(tmp_path / "tsa.pem"),
            "CRLS": ",".join(map(str, paths)),
            "SECONDS": "5",
            **changes,
        }

    tsa.configure = configure
    return tsa


def facts_of(row):
    entry = LedgerEntry.objects.get(event="modelcards.card.issued", payload__contains=f'"{row.number}"')
    return json.loads(entry.payload)["facts"]


def test_after_a_rotation_old_and_new_cards_verify_and_the_verifier_says_so(with_card, kept):
    cast, old = with_card
    before = seals.identity()
    assert facts_of(old)["certificate"] == before.fingerprint
    assert "sealed with the certificate" in key("rotate", "--reason", "yearly", "--by", cast.superuser.username)
    after = seals.identity()
    assert after.fingerprint != before.fingerprint
    assert after.root == before.root
    entry = LedgerEntry.objects.get(event="modelcards.seal.rotated")
    facts = json.loads(entry.payload)["facts"]
    assert (facts["certificate"], facts["former"]) == (after.fingerprint, before.fingerprint)
    assert entry.actor_id == cast.superuser.pk
    status, said = verify(kept(old), "--ledger")
    assert status == 0, said
    assert "seals with another key since" in said
    assert before.fingerprint in key("show")
    assert after.fingerprint in key("show")


def test_a_compromised_key_is_revoked_and_its_cards_are_named(with_card, kept):
    _, row = with_card
    old = seals.identity()
    said = key("revoke", old.fingerprint, "--why", "compromised", "--reason", "The server was broken into.")
    assert "It is revoked" in said
    with pytest.raises(Unavailable, match="card_key rotate"):
        seals.identity()
    status, said = verify(kept(row), "--ledger")
    assert status == 1
    assert said.startswith("Do not rely on this file. The seal's certificate was revoked as of")
    assert json.loads(LedgerEntry.objects.get(event="modelcards.seal.revoked").payload)["facts"]["why"] == "compromised"
    key("rotate", "--reason", "the old one is compromised")
    assert seals.identity().fingerprint != old.fingerprint
    assert "revoked on" in key("show")
    with pytest.raises(CommandError, match="revoked already"):
        key("revoke", old.fingerprint, "--why", "superseded", "--reason", "again")


def test_nothing_is_revoked_or_rotated_without_a_reason_or_by_nobody(cast):
    fingerprint = seals.identity().fingerprint
    for wrong, why in (
        (["rotate", "--reason", " "], "Say why"),
        (["rotate", "--reason", "x", "--by", "nobody"], "no active account"),
        (["revoke", "00" * 32, "--why", "compromised", "--reason", "x"], "knows no seal"),
        (["revoke", fingerprint, "--why", "compromised", "--reason", "x", "--since", "tomorrow"], "--since is a day"),
        (["revoke", fingerprint, "--why", "compromised", "--reason", "x", "--since", "2999-01-01"], "or an earlier"),
    ):
        with pytest.raises(CommandError, match=why):
            key(*wrong)
    with pytest.raises(BadInput):
        seals.revoke(fingerprint=fingerprint, why="mood", since=timezone.now(), actor=None, reason="x")
    assert not LedgerEntry.objects.filter(event__startswith="modelcards.seal").exists()
    assert seals.identity().fingerprint == fingerprint


def test_a_certificate_of_another_authority_is_not_revoked_here(own_var, tmp_path):
    seals.identity()
    stranger = ensure_signing_identity(tmp_path / "stranger", organisation="Another Bank").certificate
    with pytest.raises(Refused, match="not issued by this portal"):
        authority.revoke(
            own_var, stranger, passphrase=authority.passphrase_of(own_var, ""), reason=authority.COMPROMISED,
            since=timezone.now(), now=timezone.now(),
        )  # fmt: skip


@pytest.mark.django_db
def test_the_list_is_made_anew_each_day_and_loses_nobody(own_var):
    made = datetime.now(UTC) - timedelta(days=40)
    identity = ensure_signing_identity(own_var, now=made)
    secret = authority.passphrase_of(own_var, "")
    authority.revoke(
        own_var, identity.certificate, passphrase=secret, reason=authority.SUPERSEDED, since=made, now=made
    )
    first = x509.load_der_x509_crl(authority.list_path(own_var).read_bytes())
    assert seals.look_after() == 0
    second = x509.load_der_x509_crl(authority.list_path(own_var).read_bytes())
    assert second.last_update_utc > first.last_update_utc
    assert [entry.serial_number for entry in second] == [identity.certificate.serial_number]
    assert "The list names 1 certificates" in key("list")


@pytest.mark.django_db
def test_administrators_are_told_before_something_ends(cast, own_var, settings):
    settings.ADMINISTRATORS = ["portal@bank.example"]
    ensure_signing_identity(own_var)
    (own_var / "keys" / "card-root.p12").unlink()
    assert list(seals.needs_care(timezone.now())) == []
    later = timezone.now() + timedelta(days=80)
    assert seals.look_after(now=later) == 1
    told = Notification.objects.get(user=cast.superuser, event="modelcards.seal.needs_care")
    assert "list of revoked certificates ends on" in told.text
    assert OutgoingMessage.objects.filter(recipient="portal@bank.example", body__startswith=told.text).exists()
    at_the_end = list(seals.needs_care(timezone.now() + timedelta(days=365 * 12 - 10)))
    assert any("certificate of the card seal ends on" in sentence for sentence in at_the_end)


def test_the_key_is_opened_by_the_passphrase_of_the_environment_only(settings, own_var):
    settings.CARD_KEY_PASSPHRASE = "of the environment"
    first = seals.identity()
    assert not (own_var / "keys" / "card-passphrase").exists()
    assert seals.identity().certificate == first.certificate
    settings.CARD_KEY_PASSPHRASE = "another"
    with pytest.raises(Unavailable, match="CARD_KEY_PASSPHRASE"):
        seals.identity()


WRONG_SETTINGS = [
    ({"LEVEL": "B-X"}, "modelcards.E001"),
    ({"ABSENT": "maybe"}, "modelcards.E002"),
    ({"SECONDS": "soon"}, "modelcards.E003"),
    ({"URL": "file:///etc/passwd", "CA": "x"}, "modelcards.E004"),
    ({"URL": "https://time.example"}, "modelcards.E005"),
    ({"URL": "https://time.example", "CA": "/nowhere.pem"}, "modelcards.E007"),
]


@pytest.mark.parametrize(("changes", "wanted"), WRONG_SETTINGS)
def test_settings_that_cannot_be_are_named_at_start(settings, changes, wanted):
    assert seals.check_settings() == []
    settings.TIMESTAMPS = {**settings.TIMESTAMPS, **changes}
    assert [found.id for found in seals.check_settings()] == [wanted]


def test_a_seal_that_cannot_be_opened_is_a_warning_at_start(settings):
    seals.identity()
    settings.CARD_KEY_PASSPHRASE = "another"
    assert [found.id for found in seals.check_settings()] == ["modelcards.W002"]


def test_a_token_without_a_pin_is_named_at_start(settings):
    settings.CARD_TOKEN = {"MODULE": "/usr/lib/softhsm/libsofthsm2.so", "LABEL": "cards", "PIN": ""}
    assert [found.id for found in seals.check_settings()] == ["modelcards.E006"]


def test_with_an_authority_a_card_is_issued_at_the_level_asked_for(cast, stamping, kept):
    with served(stamping):
        stamping.configure()
        row = issued(cast)
    assert facts_of(row)["level"] == "PAdES B-LTA"
    assert json.loads(row.content)["seal"]["timestamps_by"] == "CN=Time Signer"
    status, said = verify(kept(row), "--ledger")
    assert status == 0, said
    assert "Timestamp of the whole" in said


def test_without_its_timestamp_no_card_is_issued_and_the_failure_is_named(cast, stamping):
    with served(stamping):
        stamping.configure()
        stamping.fault = "http"
        row = ordered(cast)
        assert not issuing.execute(row.pk)
    row = ModelCard.objects.get(pk=row.pk)
    assert row.status == "crashed"
    assert "gave no timestamp: it answered with the HTTP status 503" in row.error
    assert "No card is issued without one" in row.error
    assert not LedgerEntry.objects.filter(event="modelcards.card.issued").exists()


def test_where_the_settings_allow_it_the_card_says_that_it_has_no_timestamp(cast, stamping, kept):
    with served(stamping):
        stamping.configure(ABSENT="issue")
        stamping.fault = "garbage"
        row = issued(cast)
    facts = facts_of(row)
    assert facts["level"] == "PAdES B-B"
    assert "PAdES B-LTA was asked for, but the timestamp authority 127.0.0.1 gave no timestamp" in facts["note"]
    assert json.loads(row.content)["seal"]["note"] == facts["note"]
    status, said = verify(kept(row), "--ledger")
    assert status == 0, said
    assert "The card is sealed as it says: PAdES B-B. PAdES B-LTA was asked for" in said


def test_an_authority_that_fails_after_the_print_makes_the_card_print_again(cast, stamping):
    """The plan asks once; the second question, for the seal itself, is answered with rubbish."""
    with served(stamping):
        stamping.configure(ABSENT="issue", LEVEL="B-T")
        stamping.fault, stamping.sound = "garbage", 1
        row = issued(cast)
    assert stamping.asked == 2
    assert facts_of(row)["level"] == "PAdES B-B"
    assert "PAdES B-T was asked for" in facts_of(row)["note"]


def test_the_settings_decide_about_a_failure():
    failure = TimestampFailed("The authority is down.")
    with pytest.raises(TimestampFailed, match="No card is issued without one"):
        seals.without_timestamps(failure)


def test_a_superseded_or_withdrawn_card_is_genuine_and_no_longer_stands(with_card, kept):
    _, row = with_card
    path = kept(row)
    fact = records._since(ModelCard.objects.select_related("version").get(pk=row.pk))
    assert (fact.name, fact.holds) == (SINCE, True)
    with transaction.atomic():
        newer = issuing.order(row.version, CardStatus.ISSUED, None, timezone.now())
    assert issuing.execute(newer.pk), ModelCard.objects.get(pk=newer.pk).error
    status, said = verify(path, "--ledger")
    assert status == 1
    assert said.startswith(f"This is card {row.number} as issued")
    assert f"but it no longer stands. It was superseded by the card {newer.number}" in said.splitlines()[0]


def test_an_approval_whose_time_is_over_does_not_stand_even_before_anybody_suspends_it(cast, kept):
    row = issued(cast)
    ModelVersion.objects.filter(pk=row.version_id).update(approval_expires_at=timezone.now() - timedelta(minutes=1))
    status, said = verify(kept(row), "--ledger")
    assert status == 1
    assert "but it no longer stands. The approval ended on" in said.splitlines()[0]


@pytest.mark.parametrize("act", [workflow.suspend, workflow.retire])
def test_a_card_of_an_approval_that_ended_is_genuine_and_no_longer_stands(with_card, kept, act):
    cast, row = with_card
    actor = cast.owner if act is workflow.retire else cast.signers[Role.RISK_OFFICER]
    act(version_id=row.version_id, actor=actor, reason="Scores drifted for two months.")
    status, said = verify(kept(row), "--ledger")
    assert status == 1
    assert said.startswith(f"This is card {row.number} as issued")
    assert "but it no longer stands. The approval does not hold any more: the version is" in said.splitlines()[0]
    assert verify(kept(row))[0] == 0


def test_a_download_never_signs_or_prints_again(own_var, with_card):
    """Each signature differs from each other, so the same bytes are the same act; and no key is left to sign with."""
    cast, row = with_card
    first = b"".join(issuing.download(card_id=row.pk, actor=cast.auditor).chunks)
    for path in (own_var / "keys").glob("card-*"):
        path.unlink()
    again = b"".join(issuing.download(card_id=row.pk, actor=cast.auditor).chunks)
    assert again == first == row.pdf.path.read_bytes()
