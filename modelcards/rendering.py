"""From a card to the one HTML text that is printed. Knows no database, no settings and no PDF engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.template import Context, Engine
from django.utils.safestring import SafeString, mark_safe

from modelcards.agreement import Quorum, quorums
from modelcards.card import Card, CheckResult, Finding, GroupTable, SignOff
from modelcards.printable import printable_document

CONTENTS = (
    ("model", "Model and version"),
    ("use", "Intended use and boundaries"),
    ("data", "Data and training"),
    ("checks", "Automated checks"),
    ("groups", "Results by group"),
    ("claims", "Claims beside measurements"),
    ("risks", "Risks, findings and exceptions"),
    ("approvals", "Approvals"),
    ("monitoring", "Monitoring after approval"),
    ("records", "Evidence and history"),
    ("verify", "How to check this card"),
)
TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@dataclass(frozen=True)
class GateLine:
    """One stage in the overview: the gate, and who signed."""

    title: str
    open: bool
    dossier: str
    signers: tuple[str, ...]
    requirements: int
    met: int


@dataclass(frozen=True)
class Page:
    """All that the template prints, besides the card itself."""

    digest: str
    label: str
    document_title: str
    style: SafeString
    contents: tuple[tuple[str, str], ...]
    overrides: bool
    gates: tuple[GateLine, ...]
    quorums: tuple[Quorum, ...]
    unitary: tuple[tuple[CheckResult, GroupTable], ...]
    intersectional: tuple[tuple[CheckResult, GroupTable], ...]
    current: tuple[SignOff, ...]
    voided: tuple[SignOff, ...]
    standing_findings: tuple[Finding, ...]
    settled_findings: tuple[Finding, ...]


def html(card: Card) -> str:
    """The card as a complete HTML document with its style inside."""
    shown = printable_document(card)
    template = _engine().get_template("modelcards/card.html")
    text: str = template.render(Context({"card": shown, "page": _page(shown, card.digest())}))
    return text


@cache
def style() -> SafeString:
    """The style sheet of the card: a file of ours, so it needs no escaping."""
    return mark_safe((TEMPLATES / "modelcards" / "card.css").read_text(encoding="utf-8"))  # noqa: S308


def _page(card: Card, digest: str) -> Page:
    label = f"Model card {card.number}" if card.issued else "DRAFT, not an approval"
    groups = [(check, table) for check in card.checks for table in check.groups]
    return Page(
        digest=digest,
        label=label,
        document_title=f"{label}: {card.model.name} {card.version.number}",
        style=style(),
        contents=CONTENTS,
        overrides=any(waiver.is_override for waiver in card.waivers),
        gates=tuple(_gate_lines(card)),
        quorums=quorums(card),
        unitary=tuple(pair for pair in groups if not _is_intersectional(pair[1])),
        intersectional=tuple(pair for pair in groups if _is_intersectional(pair[1])),
        current=tuple(signed for signed in card.sign_offs if signed.current),
        voided=tuple(signed for signed in card.sign_offs if not signed.current),
        standing_findings=tuple(finding for finding in card.findings if finding.status.lower() != "closed"),
        settled_findings=tuple(finding for finding in card.findings if finding.status.lower() == "closed"),
    )


def _is_intersectional(table: GroupTable) -> bool:
    return len(table.factors) > 1


def _gate_lines(card: Card) -> Iterable[GateLine]:
    for gate in card.gates:
        signers = [s.printed_name for s in card.sign_offs if s.stage == gate.stage and s.current]
        yield GateLine(
            title=gate.title,
            open=gate.open,
            dossier=gate.dossier,
            signers=tuple(dict.fromkeys(signers)),
            requirements=len(gate.requirements),
            met=sum(requirement.met for requirement in gate.requirements),
        )


@cache
def _engine() -> Engine:
    return Engine(dirs=[str(TEMPLATES)], builtins=["modelcards.printing"])
