"""Where a timestamp authority answers about its certificates (OCSP) and has no list, its answers go into the card."""

from datetime import UTC, datetime, timedelta

import pytest

from modelcards import offline
from modelcards.renewing import renewed
from modelcards.signing import Level
from modelcards.timestamping import TimestampFailed
from modelcards.trust import trust_of
from modelcards.verification import verify_card
from tests.modelcards.ledgers import vkey
from tests.modelcards.ocsp_server import answering
from tests.modelcards.test_timestamps import DIGEST, signed_at
from tests.modelcards.timestamp_server import make_authority, served


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A timestamp authority that ends in a month, whose two certificates name a responder and no list."""
    with answering() as responder:
        found = make_authority(tmp_path_factory.mktemp("ocsp"), years=30 / 365, responder=responder.url)
        (middle, middle_key), (root, root_key) = found.issuers
        responder.known[found.signer.serial_number] = (found.signer, middle, middle_key)
        responder.known[middle.serial_number] = (middle, root, root_key)
        found.responder = responder
        yield found


@pytest.fixture
def responder(authority):
    authority.responder.fault, authority.responder.asked = "", 0
    return authority.responder


@pytest.mark.parametrize("fault", ["", "deputy"])
def test_a_card_holds_the_answers_and_outlives_the_authority_by_a_renewal(
    authority, responder, identity, revoked, time_authority, fault
):
    """Signed by the issuer or by one whom it certified for that; verified without asking anybody."""
    responder.fault, time_authority.fault, time_authority.sound = fault, "", 0
    with served(authority) as client:
        pdf = signed_at(Level.B_LTA, identity, lambda: client(lists=()))
    assert responder.asked == 2
    with served(time_authority) as client:
        roots = (time_authority.root, authority.root)
        pdf = renewed(pdf, client(roots=roots), now=datetime.now(UTC))
    assert responder.asked == 4
    stamps = [authority.root_pem, time_authority.root_pem]
    for moment in (datetime.now(UTC), datetime.now(UTC) + timedelta(days=60)):
        report = verify_card(
            pdf, roots=[identity.root_pem], vkey=vkey(), timestamp_roots=stamps, revoked=[revoked], moment=moment
        )
        assert report.ok, report.bottom_line
        trust = trust_of(roots=[identity.root_pem], timestamp_roots=stamps, lists=[revoked])
        facts = offline.pdf_facts(pdf, trust=trust, vkey=vkey(), moment=moment)
        assert [fact for fact in facts if fact.holds is False] == []
    assert responder.asked == 4


FAULTS = {
    "revoked": "its certificate was revoked",
    "unknown": "no answer about its certificate that is good now",
    "stale": "no answer about its certificate that is good now",
    "no end": "no answer about its certificate that is good now",
    "another": "no answer about its certificate that is good now",
    "stranger": "no answer about its certificate that is good now",
    "clerk": "no answer about its certificate that is good now",
    "garbage": "no answer about its certificate that is good now",
    "later": "no answer about its certificate that is good now",
    "huge": "larger than any answer",
    "http": "the HTTP status 503",
    "moved": "the HTTP status 302",
}


def test_an_answer_that_says_nothing_good_is_refused(authority, responder):
    with served(authority) as client:
        asking = client(lists=())
        _, stamp = asking.stamp(DIGEST)
        for fault, why in FAULTS.items():
            responder.fault = fault
            with pytest.raises(TimestampFailed, match=why):
                asking.revocation_material(stamp, datetime.now(UTC))
        responder.fault = ""
        lists, answers = asking.revocation_material(stamp, datetime.now(UTC))
    assert (len(lists), len(answers)) == (0, 2)
