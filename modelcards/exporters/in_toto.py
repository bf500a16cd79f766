"""A card as in-toto statements: a test result for its checks and a summary of its approval, both about the artifact.

The checks are in-toto's test-result v0.1, the summary is SLSA's verification summary (VSA) v1. An issued card's
statements are signed once, when it is issued; those of a draft are handed out unsigned, one statement a line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import rfc8785

from modelcards.card import Card, CheckResult
from modelcards.envelopes import APPROVAL, STATEMENT, SUMMARY, TESTS
from modelcards.exporters.base import Exporter, Records
from portal.errors import Refused

OUTCOMES = {"passed": "passedTests", "warning": "warnedTests"}
"""Whatever is neither, be it failed, broken or not computable, counts as failed."""
RESULTS = {"passedTests": "PASSED", "warnedTests": "WARNED", "failedTests": "FAILED"}
DETAILS = "urn:model-approval-portal:checks:1"


class InTotoExporter(Exporter):
    """JSON lines: the statement about the checks, and the summary that names its digest."""

    title = "Attestations (in-toto)"
    sentence = "For pipelines and admission controllers: what was approved and how the checks ended, signed (DSSE)."
    media_type = "application/vnd.in-toto.bundle"
    suffix = ".intoto.jsonl"

    def export(self, card: Card) -> bytes:
        """The statements without signatures."""
        return b"".join(statement + b"\n" for statement in statements(card))

    def handed_out(self, card: Card, records: Records) -> Iterator[bytes]:
        """The signed statements, as they were signed when the card was issued; those of a draft without signatures."""
        if not card.issued:
            yield self.export(card)
            return
        signed = records.attestations()
        if signed is None:
            raise Refused("This card was issued before attestations were made with cards, so it has none.")
        yield signed


def statements(card: Card) -> tuple[bytes, bytes]:
    """The two statements in canonical JSON, to be signed or shown. About the card itself where it has no artifact."""
    tests = _statement(card, TESTS, _tests(card))
    return tests, _statement(card, SUMMARY, _summary(card, hashlib.sha256(tests).hexdigest()))


def _statement(card: Card, kind: str, predicate: dict[str, Any]) -> bytes:
    subject: list[dict[str, Any]] = [{"name": "card.json", "digest": {"sha256": card.digest()}}]
    if card.artifact is not None:
        subject.insert(0, {"name": card.artifact.name, "digest": {"sha256": card.artifact.sha256}})
    return rfc8785.dumps({"_type": STATEMENT, "subject": subject, "predicateType": kind, "predicate": predicate})


def _tests(card: Card) -> dict[str, Any]:
    listed: dict[str, list[str]] = {name: [] for name in RESULTS}
    for check in card.checks:
        listed[OUTCOMES.get(check.verdict, "failedTests")].append(check.key)
    worst = [name for name in RESULTS if listed[name]]
    return {
        # Nothing tested is no pass.
        "result": RESULTS[worst[-1]] if worst else "FAILED",
        "configuration": [_policy(card), *_tables(card)],
        **listed,
        DETAILS: [_check(check) for check in card.checks],
    }


def _policy(card: Card) -> dict[str, Any]:
    name = f"{card.policy.name} no. {card.policy.number}"
    return {
        "name": name,
        "uri": _address(card, "policy", card.policy.name, str(card.policy.number)),
        "digest": {"sha256": card.policy.digest},
    }


def _tables(card: Card) -> list[dict[str, Any]]:
    return [{"name": one.name, "digest": {"sha256": one.sha256}} for one in card.evaluation if one.sha256]


def _check(check: CheckResult) -> dict[str, Any]:
    return {
        "name": check.key,
        "title": check.title,
        "version": check.version,
        "verdict": check.verdict,
        "sentences": list(check.sentences),
        "thresholds": [{"name": one.name, "value": one.value, "fixedAt": one.fixed_at} for one in check.thresholds],
        "run": {fact.label: fact.value for fact in check.run},
    }


def _summary(card: Card, tests: str) -> dict[str, Any]:
    passed = card.issued
    evidence = [{"uri": f"urn:sha256:{one.sha256}", "digest": {"sha256": one.sha256}} for one in card.evidence]
    return {
        "verifier": {"id": card.issuer.address or _address(card)},
        "timeVerified": card.made_at,
        "resourceUri": _address(card, "version", str(card.version.id)),
        "policy": {
            "uri": _address(card, "policy", card.policy.name, str(card.policy.number)),
            "digest": {"sha256": card.policy.digest},
        },
        "inputAttestations": [{"uri": TESTS, "digest": {"sha256": tests}}, *evidence],
        "verificationResult": "PASSED" if passed else "FAILED",
        "verifiedLevels": [f"MODEL_{card.summary.verdict.upper().replace(' ', '_')}"] if passed else [],
        APPROVAL: _approval(card),
    }


def _approval(card: Card) -> dict[str, Any]:
    return {
        "number": card.number,
        "status": card.status,
        "verdict": card.summary.verdict,
        "model": card.model.name,
        "version": card.version.number,
        "expiresAt": card.version.approval_expires_at,
        "signOffs": [
            {
                "printedName": one.printed_name,
                "role": one.role_title,
                "stage": one.stage,
                "decision": one.decision_title,
                "signedAt": one.signed_at,
                "dossier": one.dossier,
                "ledgerEntry": one.ledger_seq,
            }
            for one in card.sign_offs
            if one.current
        ],
        "conditions": [{"text": one.text, "dueOn": one.due_on} for one in card.conditions],
        "waivers": [{"title": one.title, "expiresOn": one.expires_on} for one in card.waivers],
        "checkpoint": card.ledger.checkpoint if card.ledger else "",
    }


def _address(card: Card, *what: str) -> str:
    """A name for what has a page at the portal, but no address that everybody could follow."""
    parts = ("model-approval-portal", card.issuer.portal, *what)
    return ":".join(("urn", *(re.sub("[^A-Za-z0-9._-]+", "-", part) for part in parts)))
