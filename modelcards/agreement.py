"""Whether a card agrees with itself: sign-offs with dossiers, required roles with signatures, digests with texts.

Pure: a card in, problems out, each one sentence. The printer shows it and the verifier repeats it without a database.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from modelcards.approval import CONTRIBUTED, EITHER
from modelcards.card import Card, RequiredSignOff, SignOff

APPROVALS = frozenset({"approve", "approve_with_conditions"})
SIGNED = "approvals.signoff.signed"
APPROVED = "monitoring"
SAME_IN_LEDGER = ("stage", "role", "decision", "printed_name", "meaning", "signed_at", "dossier")


@dataclass(frozen=True)
class Quorum:
    """One required role with the people whose current approval counts for it."""

    required: RequiredSignOff
    people: tuple[str, ...]

    @property
    def met(self) -> bool:
        return len(self.people) >= self.required.people


def quorums(card: Card) -> tuple[Quorum, ...]:
    """Every role that the policy requires, with who has signed for it."""
    return tuple(Quorum(required, _signers(card, required)) for required in card.policy.required_sign_offs)


def _signers(card: Card, required: RequiredSignOff) -> tuple[str, ...]:
    people = {
        signed.signer: signed.printed_name
        for signed in card.sign_offs
        if signed.stage == required.stage
        and signed.role in required.role.split(EITHER)
        and signed.decision in APPROVALS
        and signed.current
        and _covers_the_dossier(card, signed)
    }
    return tuple(people.values())


def _covers_the_dossier(card: Card, signed: SignOff) -> bool:
    return any(gate.stage == signed.stage and gate.dossier == signed.dossier for gate in card.gates)


def sign_off_problems(card: Card) -> list[str]:
    """Sign-offs that claim to be current on another dossier, objections that stand, and roles without enough people."""
    problems = []
    for signed in card.sign_offs:
        covers = _covers_the_dossier(card, signed)
        who = f"The sign-off of {signed.printed_name} as {signed.role_title.lower()}"
        if signed.current and not covers:
            problems.append(f"{who} is shown as current, but it covers another dossier than the one at issue.")
        if not signed.current and covers and signed.voided_because != CONTRIBUTED:
            problems.append(f"{who} is shown as voided, but it covers the dossier at issue.")
        if card.issued and covers and signed.decision not in APPROVALS:
            problems.append(f"{who} asks for changes or rejects, and still stands.")
    if card.issued:
        if not card.policy.required_sign_offs:
            problems.append("The card names no required sign-off, so nothing shows that it was approved.")
        problems += [_missing(quorum) for quorum in quorums(card) if not quorum.met]
    return problems


def _missing(quorum: Quorum) -> str:
    required = quorum.required
    return (
        f"The policy asks for {required.people} sign-off(s) as {required.role_title.lower()} in {required.stage}; "
        f"the card shows {len(quorum.people)}."
    )


def policy_problems(card: Card) -> list[str]:
    """Whether the policy's text has the printed digest and asks for exactly the sign-offs that the card names."""
    policy = card.policy
    if hashlib.sha256(policy.text.encode()).hexdigest() != policy.digest:
        return ["The policy's text in the card does not have the digest that the card prints."]
    try:
        asked = sorted(_required_by(yaml.safe_load(policy.text)))
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError):
        return ["The policy's text in the card cannot be read."]
    named = sorted((required.stage, required.role, required.people) for required in policy.required_sign_offs)
    return (
        [] if asked == named else ["The sign-offs that the card names as required are not those of the policy's text."]
    )


def _required_by(document: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    for stage, requirements in document["gates"].items():
        for requirement in requirements:
            for kind, settings in requirement.items():
                if kind == "signoffs":
                    roles = settings["any_of"] if "any_of" in settings else [settings["role"]]
                    yield str(stage), EITHER.join(str(role) for role in roles), int(settings.get("people", 1))


def ledger_problems(card: Card) -> list[str]:
    """Whether each printed sign-off is, word for word, one of the signing acts in the ledger proof, and the reverse."""
    if card.ledger is None:
        return ["The card holds no ledger proof."]
    try:
        acts, taken = _signing_acts(card.ledger.proof), _taken_over(card)
        return [*_differing(card, acts, taken), *_unprinted(card, acts)]
    except (KeyError, TypeError, ValueError, AttributeError):
        return ["An entry in the ledger proof cannot be read."]


def _taken_over(card: Card) -> frozenset[tuple[str, str]]:
    """Stage and dossier of what was signed under an earlier policy and approved under the card's, by the ledger.

    A renewal under another policy records the dossiers that the approval rests on from then on.
    """
    payloads = [json.loads(entry["payload"]) for entry in card.ledger.proof["entries"]] if card.ledger else []
    facts = [act["facts"] for act in payloads if act["facts"].get("policy_digest") == card.policy.digest]
    return frozenset(
        (str(stage), str(dossier))
        for one in facts
        if one.get("to") == APPROVED
        for stage, dossier in one.get("dossiers", {}).items()
    )


def _differing(card: Card, acts: Mapping[int, Mapping[str, Any]], taken: frozenset[tuple[str, str]]) -> Iterator[str]:
    for signed in card.sign_offs:
        who = f"the sign-off of {signed.printed_name} as {signed.role_title.lower()}"
        if signed.id not in acts:
            yield f"The ledger proof holds no entry for {who}."
        elif differing := _differences(card, signed, acts[signed.id], taken):
            yield f"The ledger says otherwise about {who}: {', '.join(differing)}."


def _unprinted(card: Card, acts: Mapping[int, Mapping[str, Any]]) -> Iterator[str]:
    printed = {signed.id for signed in card.sign_offs}
    for number in sorted(set(acts) - printed):
        yield f"The ledger proof holds the sign-off {number}, which the card does not show."


def _signing_acts(proof: Mapping[str, Any]) -> dict[int, Mapping[str, Any]]:
    payloads = [json.loads(entry["payload"]) for entry in proof["entries"]]
    return {int(act["facts"]["sign_off"]): act for act in payloads if act.get("event") == SIGNED}


def _differences(card: Card, signed: SignOff, act: Mapping[str, Any], taken: frozenset[tuple[str, str]]) -> list[str]:
    facts = act["facts"]
    pairs = {name: (getattr(signed, name), facts.get(name)) for name in SAME_IN_LEDGER}
    pairs["comment"] = (signed.comment, act["reason"])
    pairs["authentication"] = (signed.authentication, act["authentication"])
    pairs["ledger entry"] = (signed.ledger_seq, act["seq"])
    pairs["signer"] = (signed.signer, act["actor"]["id"])
    pairs["version"] = (f"approvals.modelversion:{card.version.id}", f"{act['object']['type']}:{act['object']['id']}")
    if signed.current:
        pairs["artifact"] = (card.artifact.sha256 if card.artifact else "", facts.get("artifact"))
        earlier = {one.digest for one in card.policy.earlier if signed.stage in one.stages}
        if not (facts.get("policy_digest") in earlier and (signed.stage, signed.dossier) in taken):
            pairs["policy"] = (card.policy.digest, facts.get("policy_digest"))
    return [name for name, (printed, recorded) in pairs.items() if printed != recorded]
