"""Statements about a card: what they say, who signed them, and every trick on them that we know."""

import base64
import copy
import dataclasses
import hashlib
import json
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer._key import SSlibKey

from modelcards import authority
from modelcards.attesting import attested_statements
from modelcards.envelopes import SUMMARY, TESTS, attestation_findings
from modelcards.exporters import load
from modelcards.exporters.in_toto import statements
from modelcards.signing import ensure_signing_identity
from modelcards.trust import trust_of
from tests.modelcards.cards import ARTIFACT, POLICY_DIGEST, card, smallest_card
from tests.modelcards.test_verify_command import verify

APPROVAL = "urn:model-approval-portal:approval:1"


@pytest.fixture(scope="session")
def signed(identity):
    return attested_statements(statements(card()), identity)


@pytest.fixture
def findings(identity, revoked):
    def found(data, **changes):
        given = {"roots": [identity.root_pem], "lists": [revoked], **changes}
        moment = given.pop("moment", None)
        return list(attestation_findings(data, trust_of(**given), moment))

    return found


def wrong(found):
    return [name for name, holds, _ in found if holds is False]


def of(document):
    tests, summary = (json.loads(one) for one in statements(document))
    return tests, summary


def test_the_statements_are_about_the_artifact_and_the_card_document():
    for statement in of(card()):
        assert statement["_type"] == "https://in-toto.io/Statement/v1"
        assert [(one["name"], one["digest"]["sha256"]) for one in statement["subject"]] == [
            ("consumer-pd-2.1.0.safetensors", ARTIFACT),
            ("card.json", card().digest()),
        ]
    assert [one["predicateType"] for one in of(card())] == [TESTS, SUMMARY]


def test_checks_that_failed_or_could_not_be_computed_are_failed_tests():
    predicate = of(card())[0]["predicate"]
    verdicts = {check.key: check.verdict for check in card().checks}
    assert predicate["result"] == "FAILED"
    assert predicate["failedTests"] == [
        key for key, verdict in verdicts.items() if verdict in ("failed", "not_computable")
    ]
    assert set(predicate["passedTests"]) == {key for key, verdict in verdicts.items() if verdict == "passed"}
    assert predicate["configuration"][0]["digest"]["sha256"] == POLICY_DIGEST


@pytest.mark.parametrize(
    ("verdicts", "result"),
    [
        ((), "FAILED"),
        (("passed",), "PASSED"),
        (("passed", "warning"), "WARNED"),
        (("error", "passed"), "FAILED"),
        (("",), "FAILED"),
    ],
)
def test_the_worst_check_is_the_result_and_none_is_no_pass(verdicts, result):
    checks = tuple(dataclasses.replace(card().checks[0], verdict=verdict) for verdict in verdicts)
    assert of(card(checks=checks))[0]["predicate"]["result"] == result


def test_the_summary_names_policy_evidence_checks_and_everybody_who_signed():
    tests, _ = statements(card())
    predicate = of(card())[1]["predicate"]
    assert predicate["verificationResult"] == "PASSED"
    assert predicate["timeVerified"] == card().made_at
    assert predicate["policy"]["digest"]["sha256"] == POLICY_DIGEST
    inputs = [one["digest"]["sha256"] for one in predicate["inputAttestations"]]
    assert inputs == [hashlib.sha256(tests).hexdigest(), *(one.sha256 for one in card().evidence)]
    people = [one["printedName"] for one in predicate[APPROVAL]["signOffs"]]
    assert people == [one.printed_name for one in card().sign_offs if one.current]
    assert not any(level.startswith("SLSA_") for level in predicate["verifiedLevels"])


def test_a_draft_is_not_passed_and_goes_out_unsigned():
    lines = load()["in_toto"]().export(smallest_card()).splitlines()
    predicates = [json.loads(line)["predicate"] for line in lines]
    assert predicates[1]["verificationResult"] == "FAILED"
    assert (predicates[1]["verifiedLevels"], predicates[1][APPROVAL]["status"]) == ([], "draft")
    assert all("signatures" not in json.loads(line) for line in lines)


def test_the_same_card_and_key_give_the_same_bytes(signed, identity):
    assert attested_statements(statements(card()), identity) == signed


def test_an_independent_library_verifies_each_envelope(signed, identity):
    for line in signed.splitlines():
        data = json.loads(line)
        stated = data["signatures"][0].pop("certificate")
        key = SSlibKey.from_crypto(
            x509.load_pem_x509_certificate(stated.encode()).public_key(), keyid=data["signatures"][0]["keyid"]
        )
        other = SSlibKey.from_crypto(ec.generate_private_key(ec.SECP256R1()).public_key(), keyid=key.keyid)
        envelope = TheirEnvelope.from_dict(copy.deepcopy(data))
        assert envelope.payload_type == "application/vnd.in-toto+json"
        assert list(envelope.verify([key], 1)) == [key.keyid]
        with pytest.raises(VerificationError):
            envelope.verify([other], 1)
        envelope.payload = envelope.payload.replace(b"card.json", b"Card.json")
        with pytest.raises(VerificationError):
            envelope.verify([key], 1)


def test_what_the_portal_attested_is_found_to_hold(signed, findings):
    found = findings(signed)
    assert wrong(found) == []
    assert all(holds for _, holds, _ in found)
    said = [sentence for name, _, sentence in found if name == "signed by"]
    assert len(said) == sum(one.current for one in card().sign_offs)
    assert any("Łucja Wójcik, Model validator, Approve" in sentence for sentence in said)


def test_nobody_to_trust_is_not_known_and_another_authority_is_wrong(signed, findings, tmp_path):
    assert [holds for name, holds, _ in findings(signed, roots=None) if name == "Attestation authority"] == [None]
    stranger = ensure_signing_identity(tmp_path, organisation="Nordhaven Bank")
    assert wrong(findings(signed, roots=[stranger.root_pem])) == ["Attestation authority"]
    forged = attested_statements(statements(card()), stranger)
    assert wrong(findings(forged)) == ["Attestation authority"]


def test_a_key_that_was_revoked_is_named_and_no_list_is_not_known(signed, findings, tmp_path):
    assert [name for name, holds, _ in findings(signed, lists=[]) if holds is None] == ["Attestation revocation"]
    stolen = ensure_signing_identity(tmp_path, organisation="Nordhaven Bank")
    now = datetime.now(UTC)
    found = authority.revoke(
        tmp_path,
        stolen.certificate,
        passphrase=authority.passphrase_of(tmp_path, ""),
        reason=authority.COMPROMISED,
        since=now,
        now=now,
    )
    lists = [found.public_bytes(Encoding.DER)]
    forged = attested_statements(statements(card()), stolen)
    assert wrong(findings(forged, roots=[stolen.root_pem], lists=lists)) == ["Attestation revocation"]


def test_a_certificate_that_ended_is_named(signed, findings):
    assert wrong(findings(signed, moment=datetime(2045, 1, 1, tzinfo=UTC))) == ["Attestation validity"]


def test_a_flipped_bit_is_found_wherever_it_is(signed, findings):
    for place in range(0, len(signed), 97):
        damaged = bytearray(signed)
        damaged[place] ^= 0x04
        assert wrong(findings(bytes(damaged))), place


def repacked(signed, change):
    """Both envelopes with something changed and their signatures kept."""
    lines = [json.loads(line) for line in signed.splitlines()]
    for line in lines:
        statement = json.loads(base64.b64decode(line["payload"]))
        change(statement)
        line["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    return b"".join(json.dumps(line, separators=(",", ":"), sort_keys=True).encode() + b"\n" for line in lines)


def test_a_changed_statement_does_not_hold(signed, findings):
    changed = repacked(signed, lambda statement: statement["subject"][0]["digest"].update(sha256="0" * 64))
    assert wrong(findings(changed)) == ["Attestation signature"]


def test_a_statement_taken_out_or_from_another_card_is_found(signed, findings, identity):
    first, second = signed.splitlines(keepends=True)
    assert wrong(findings(second)) == ["Attestation"]
    assert wrong(findings(first + first)) == ["Attestation"]
    other = attested_statements(statements(card(number="MC-2026-0008")), identity).splitlines(keepends=True)
    assert wrong(findings(other[0] + second)) == ["Attestation"]
    assert wrong(findings(signed + first)) == ["Attestation"]


def test_a_signed_draft_approves_nothing(findings, identity):
    drafted = attested_statements(statements(smallest_card()), identity)
    assert wrong(findings(drafted)) == ["Attestation"]


@pytest.mark.parametrize(
    "data", [b"", b"{}\n", b"[]\n", b"\n", b"null\n", b'{"payload":1,"payloadType":2,"signatures":[]}\n', b"[" * 9000]
)
def test_what_is_no_attestation_is_an_answer_and_no_crash(findings, data):
    assert wrong(findings(data)) == ["Attestation"]


def test_the_command_verifies_attestations_and_says_who_signed(signed, identity, revoked, tmp_path):
    path, root = tmp_path / "card.intoto.jsonl", tmp_path / "root.pem"
    path.write_bytes(signed)
    root.write_bytes(identity.root_pem)
    (tmp_path / "revoked.crl").write_bytes(revoked)
    status, said = verify(path, "--root", root, "--revoked", tmp_path / "revoked.crl")
    assert status == 0, said
    assert f"about the artifact {ARTIFACT}" in said
    assert "signed by: Charlotte Dubois, Business owner, Approve" in said
    path.write_bytes(signed.replace(b'"keyid":"', b'"keyid":"0', 1))
    status, said = verify(path, "--root", root)
    assert (status, "Do not rely on this file." in said) == (1, True)
