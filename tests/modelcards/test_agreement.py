import dataclasses
import hashlib
import json

import pytest

from modelcards import agreement
from modelcards.approval import CONTRIBUTED
from tests.modelcards.cards import ARTIFACT, POLICY_DIGEST, card, sign_offs
from tests.modelcards.ledgers import ledger_of, payload_of


def changed(number, **changes):
    rows = list(sign_offs())
    rows[number] = dataclasses.replace(rows[number], **changes)
    return tuple(rows)


def test_a_card_in_order_agrees_with_itself():
    document = card()
    problems = (agreement.sign_off_problems, agreement.policy_problems, agreement.ledger_problems)
    assert [find(document) for find in problems] == [[], [], []]


def test_each_required_role_shows_who_signed():
    assert [(q.required.role, q.people) for q in agreement.quorums(card())][:2] == [
        ("business_analyst", ("Ana Ferreira",)),
        ("business_owner", ("Charlotte Dubois",)),
    ]


def test_a_voided_approval_does_not_count():
    assert agreement.quorums(card())[2].people == ("Daniel Okafor",)


def test_one_person_who_signs_twice_is_one_person():
    required = dataclasses.replace(card().policy.required_sign_offs[0], people=2)
    policy = dataclasses.replace(card().policy, required_sign_offs=(required,))
    twice = (*sign_offs(), dataclasses.replace(sign_offs()[1], id=99))
    assert not agreement.quorums(card(policy=policy, sign_offs=twice))[0].met
    other = (*sign_offs(), dataclasses.replace(sign_offs()[1], id=99, signer=77))
    assert agreement.quorums(card(policy=policy, sign_offs=other))[0].met


@pytest.mark.parametrize("decision", ["reject", "request_changes"])
def test_an_objection_that_stands_is_named(decision):
    problems = agreement.sign_off_problems(card(sign_offs=changed(1, decision=decision)))
    assert "asks for changes or rejects, and still stands" in problems[0]


def test_a_sign_off_hidden_as_void_is_named():
    problems = agreement.sign_off_problems(card(sign_offs=changed(1, current=False)))
    assert "shown as voided, but it covers the dossier at issue" in problems[0]


def test_a_signer_who_contributed_afterwards_is_void_and_does_not_count():
    contributed = card(sign_offs=changed(1, current=False, voided_because=CONTRIBUTED))
    assert not any("shown as voided" in problem for problem in agreement.sign_off_problems(contributed))
    assert any("the card shows 0" in problem for problem in agreement.sign_off_problems(contributed))


def test_an_issued_card_whose_policy_asks_nobody_is_named():
    policy = dataclasses.replace(card().policy, required_sign_offs=())
    assert "nothing shows that it was approved" in agreement.sign_off_problems(card(policy=policy))[0]


def test_a_draft_may_still_lack_signatures():
    assert agreement.sign_off_problems(dataclasses.replace(card(), status="draft", sign_offs=sign_offs()[:3])) == []


def test_a_policy_text_with_another_digest_is_named():
    policy = dataclasses.replace(card().policy, text=card().policy.text + "# looser\n")
    assert "does not have the digest" in agreement.policy_problems(card(policy=policy))[0]


@pytest.mark.parametrize("text", ["", "gates: 3", "[", "gates: {scoping: [signoffs]}", "a: b"])
def test_a_policy_text_that_cannot_be_read_is_named(text):
    digest = hashlib.sha256(text.encode()).hexdigest()
    policy = dataclasses.replace(card().policy, text=text, digest=digest)
    assert "cannot be read" in agreement.policy_problems(card(policy=policy))[0]


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("role", {"role": "risk_officer"}),
        ("decision", {"decision": "approve_with_conditions"}),
        ("printed_name", {"printed_name": "A. Ferreira"}),
        ("meaning", {"meaning": "I was there."}),
        ("comment", {"comment": "Fine."}),
        ("signed_at", {"signed_at": "2026-03-01T00:00:00+00:00"}),
        ("dossier", {"dossier": "0" * 64}),
        ("authentication", {"authentication": "one-time code"}),
        ("signer", {"signer": 99}),
        ("ledger entry", {"ledger_seq": 5}),
    ],
)
def test_whatever_the_card_prints_otherwise_than_the_ledger_is_named(part, change):
    (problem,) = agreement.ledger_problems(card(sign_offs=changed(1, **change), ledger=card().ledger))
    assert problem.startswith("The ledger says otherwise about the sign-off of")
    assert part in problem


def test_signatures_on_another_version_or_artifact_do_not_count():
    version = dataclasses.replace(card().version, id=13)
    assert all("version" in problem for problem in agreement.ledger_problems(card(version=version)))
    artifact = dataclasses.replace(card().artifact, sha256="0" * 64)
    problems = agreement.ledger_problems(card(artifact=artifact))
    assert len(problems) == len([signed for signed in sign_offs() if signed.current])


def test_a_sign_off_that_the_ledger_does_not_know_is_named():
    payloads = [payload_of(s, artifact=ARTIFACT, policy_digest=POLICY_DIGEST) for s in sign_offs()[:-1]]
    assert "holds no entry" in agreement.ledger_problems(card(ledger=ledger_of(payloads)))[0]


def test_a_sign_off_that_the_card_leaves_out_is_named():
    assert (
        "which the card does not show"
        in agreement.ledger_problems(card(sign_offs=sign_offs()[1:], ledger=card().ledger))[0]
    )


@pytest.mark.parametrize(
    "proof",
    [
        {},
        {"entries": 3},
        {"entries": [{}]},
        {"entries": [{"payload": "["}]},
        {"entries": [{"payload": "[]"}]},
        {"entries": [{"payload": json.dumps({"event": agreement.SIGNED})}]},
    ],
)
def test_a_proof_that_cannot_be_read_is_named(proof):
    ledger = dataclasses.replace(card().ledger, proof=proof)
    assert agreement.ledger_problems(card(ledger=ledger)) == ["An entry in the ledger proof cannot be read."]


def test_a_card_without_a_ledger_is_named():
    assert agreement.ledger_problems(card(ledger=None)) == ["The card holds no ledger proof."]
