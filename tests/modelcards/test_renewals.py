"""Timestamps of cards are renewed before their certificates end, and each is judged at the time of the next one."""

import itertools
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from modelcards import issuing, renewals, seals
from modelcards.continuations import continued_state
from modelcards.countersigning import countersigned
from modelcards.models import CardRenewal
from modelcards.proofs import judged_in_turn, whole_stamps
from modelcards.renewing import ends_at, renewed
from modelcards.revisions import STAMP_FIELDS
from modelcards.sealed_part import sealed_part
from modelcards.signing import Level
from modelcards.timestamping import TimestampAuthority, TimestampFailed
from modelcards.trust import Trust
from modelcards.verification import verify_card
from portal.errors import Refused
from portal.models import LedgerEntry, Notification
from tests.modelcards.approvals import issued
from tests.modelcards.ledgers import vkey
from tests.modelcards.signers import signer
from tests.modelcards.test_countersignatures import key_of, part_of
from tests.modelcards.test_downloads import BACKEND
from tests.modelcards.test_seals import facts_of, kept, stamping
from tests.modelcards.test_tampering import check_alone
from tests.modelcards.test_timestamps import signed_at
from tests.modelcards.test_verification import wrong
from tests.modelcards.test_verify_command import verify
from tests.modelcards.timestamp_server import crl, make_authority, served

__all__ = ["check_alone", "kept", "stamping"]

DAY = timedelta(days=1)


@pytest.fixture(scope="session")
def aging(identity, tmp_path_factory):
    """A card whose timestamps are of an authority that ends in a month, and the authority."""
    authority = make_authority(tmp_path_factory.mktemp("aging"), years=30 / 365)
    with served(authority) as client:
        return authority, signed_at(Level.B_LTA, identity, client)


@pytest.fixture(scope="session")
def successor(aging, time_authority):
    """How the portal asks its new authority, with what it needs about the former one."""
    former, _ = aging
    return {"roots": (time_authority.root, former.root), "lists": (*time_authority.lists, *former.lists)}


@pytest.fixture(scope="session")
def young(aging, successor, time_authority):
    """The same card, renewed."""
    time_authority.fault, time_authority.sound = "", 0
    with served(time_authority) as client:
        return renewed(aging[1], client(**successor), now=datetime.now(UTC))


@pytest.fixture
def check(identity, revoked, aging, time_authority):
    def verify(pdf, **changes):
        stamps = [aging[0].root_pem, time_authority.root_pem]
        given = {"roots": [identity.root_pem], "vkey": vkey(), "revoked": [revoked], "timestamp_roots": stamps}
        return verify_card(pdf, **{**given, **changes})

    return verify


def told(report):
    return {fact.name: (fact.holds, fact.sentence) for fact in report.facts if "imestamp" in fact.name}


def test_a_renewed_card_outlives_the_certificate_of_its_first_timestamp(check, aging, young):
    """Before and after the end of that certificate; the card that was not renewed proves nothing then."""
    _, old = aging
    assert young.startswith(old)
    assert check(young).ok, check(young).bottom_line
    later = datetime.now(UTC) + 60 * DAY
    assert told(check(old, moment=later))["Timestamp of the whole"][0] is None
    report = check(young, moment=later)
    assert report.ok, report.bottom_line
    assert "was made before" in told(report)["Timestamp of the whole"][1]
    assert told(report)["Renewed timestamp 1"][0] is True
    assert told(report)["Timestamp"][0] is True


def test_the_new_authority_alone_does_not_vouch_for_the_former_timestamp(check, young, time_authority, aging):
    report = check(young, timestamp_roots=[time_authority.root_pem])
    assert "does not vouch for it" in wrong(report)["Timestamp of the whole"]
    later = datetime.now(UTC) + 60 * DAY
    report = check(young, timestamp_roots=[aging[0].root_pem], moment=later)
    assert told(report)["Renewed timestamp 1"][0] is False
    assert told(report)["Timestamp of the whole"][0] is None


def test_it_may_be_signed_further_before_and_after_its_renewal(check, aging, successor, tsa):
    auditor = signer("Auditor")
    with served(tsa) as client:
        pdf, _ = countersigned(aging[1], key_of(auditor))
        pdf = renewed(pdf, client(**successor), now=datetime.now(UTC))
        pdf, _ = countersigned(pdf, key_of(auditor))
    report = check(pdf, moment=datetime.now(UTC) + 60 * DAY)
    assert report.ok, report.bottom_line
    assert sum(fact.name.startswith("Further signature") for fact in report.facts) == 2


def test_every_part_of_the_renewal_counts(aging, young, time_authority):
    """A changed byte makes the file another one, or the timestamp one of another file."""
    trust, missed = Trust(None, (aging[0].root, time_authority.root)), []
    start = len(aging[1])
    tried = (
        range(start, start + 300, 3),
        range(start + 300, len(young) - 500, 97),
        range(len(young) - 500, len(young), 5),
        # How many bits of a certificate's signature are unused: its reader takes 0 and 1 for the same.
        [young.upper().rindex(time_authority.issuers[0][0].signature.hex().upper().encode()) - 1],
    )
    for place in itertools.chain(*tried):
        damaged = bytearray(young)
        damaged[place] ^= 0x01
        part = sealed_part(bytes(damaged))
        if hasattr(part, "additions"):
            stamps = whole_stamps(bytes(damaged), part.additions)
            found, _ = judged_in_turn(stamps, trust, datetime.now(UTC))
            missed += [place - start] if all(found) else []
    assert missed == []


def test_material_that_is_no_portals_is_named(check_alone, young, aging):
    """A renewal without what the former timestamp is judged by, or taken from another place."""
    start = len(aging[1])
    assert "no further signature" in check_alone(aging[1] + young[start:].replace(b"/CRLs", b"/CRLz"))[0]
    assert "bytes were added" in check_alone(young + young[start:])[0]


class Asked(TimestampAuthority):
    """One that gives other lists than it should."""

    def revocation_material(self, stamp, now):
        return self.lists, ()


def test_a_renewal_that_would_prove_nothing_is_refused(aging, successor, tsa, sealed, young):
    former, pdf = aging
    now = datetime.now(UTC)
    with served(tsa) as client:
        good = client(**successor)
        revealing = Asked(**{**vars(good), "lists": former.revoking})
        for authority, content, moment, error, why in (
            (good, sealed, now, Refused, "issued without a timestamp over the whole"),
            (good, pdf + b"\n", now, Refused, "no sealed card"),
            (good, pdf, now + 60 * DAY, Refused, "proves nothing now"),
            (replace(good, roots=(tsa.root,)), pdf, now, Refused, "does not vouch"),
            (replace(good, lists=tsa.lists), pdf, now, TimestampFailed, "no revocation list"),
            (replace(good, lists=former.revoking), pdf, now, TimestampFailed, "was revoked"),
            (replace(good, lists=stale(former)), pdf, now, TimestampFailed, "too old"),
            (revealing, pdf, now, Refused, "holds that its certificate was revoked"),
        ):  # fmt: skip
            with pytest.raises(error, match=why):
                renewed(content, authority, now=moment)
        tsa.fault = "garbage"
        with pytest.raises(TimestampFailed, match="is no timestamp"):
            renewed(pdf, good, now=now)
        tsa.fault = ""
        for _ in STAMP_FIELDS[2:]:
            young = renewed(young, good, now=now)
        with pytest.raises(Refused, match="no room for another"):
            renewed(young, good, now=now)
    assert set(continued_state(young, part_of(young).end).fields().values()) == {
        f"CounterSignature{number}" for number in range(1, 5)
    }
    assert ends_at(sealed) is None


def stale(authority):
    """Lists of the authority that ended yesterday."""
    now = datetime.now(UTC)
    return tuple(crl(issuer, key, until=now - DAY) for issuer, key in authority.issuers)


def test_the_nights_work_renews_what_ends_soon_and_the_portal_gives_the_renewed_file(
    cast, stamping, kept, own_var, client
):
    with served(stamping):
        stamping.configure()
        row = issued(cast)
        assert renewals.renew_due() == []
        (found,) = renewals.renew_due(within=timedelta(days=365 * 60))
    assert (found.done, row.number in found.sentence) == (True, True)
    made = CardRenewal.objects.get(card=row)
    before, after = row.pdf.path.read_bytes(), made.pdf.path.read_bytes()
    assert after.startswith(before)
    facts = json.loads(LedgerEntry.objects.get(event="modelcards.card.renewed").payload)["facts"]
    assert (facts["before"], facts["after"]) == (row.pdf.sha256, made.pdf.sha256)
    assert facts_of(row)["pdf"] == row.pdf.sha256
    assert issuing.download(card_id=row.pk, actor=cast.auditor).content == after
    given = LedgerEntry.objects.filter(event="modelcards.card.downloaded").latest("seq")
    assert json.loads(given.payload)["facts"]["renewed"] == made.pdf.sha256
    client.force_login(cast.auditor, backend=BACKEND)
    page = client.get(row.get_absolute_url()).content.decode()
    assert "downloads give this file, which begins with the one above" in page
    assert made.pdf.sha256 in page
    path = kept(row)
    assert verify(path, "--ledger")[0] == 0
    path.write_bytes(after)
    status, said = verify(path, "--ledger")
    assert status == 0, said
    assert f"in the records, with its timestamp renewed on {made.made_at:%Y-%m-%d} behind it." in said
    # Now nobody answers: the card is told to administrators, and stays what it is.
    with pytest.raises(CommandError, match="1 of 1 cards that are due were not renewed"):
        call_command("renew_timestamps", "--within", str(365 * 60), "--card", row.number)
    stamping.configure(URL="")
    assert seals.clock() is None
    (found,) = renewals.renew_due(within=timedelta(days=365 * 60), now=timezone.now())
    assert "no timestamp authority is named in the settings" in found.sentence
    assert Notification.objects.filter(user=cast.superuser, text=found.sentence).exists()
    assert CardRenewal.objects.count() == 1
