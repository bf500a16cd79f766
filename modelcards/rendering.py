"""From a card to the one HTML text that is printed. Knows no database, no settings and no PDF engine."""

from __future__ import annotations

import base64
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.template import Context, Engine
from django.utils.safestring import SafeString, mark_safe

from modelcards import placing, sheets, stated
from modelcards.agreement import Quorum, quorums
from modelcards.card import Card, Finding, Passage, Questionnaire, SignOff
from modelcards.long_words import breakable
from modelcards.printable import printable_document
from modelcards.shortening import shortened
from modelcards.tall_rows import loosened

CONTENTS = (
    ("model", "Model details"),
    ("use", "Intended use"),
    ("factors", "Factors"),
    ("metrics", "Metrics"),
    ("evaluation", "Evaluation data"),
    ("training", "Training data and training"),
    ("checks", "Quantitative analyses"),
    ("groups", "Results by group"),
    ("law", "Local Law 144 tables"),
    ("ethics", "Ethical considerations"),
    ("caveats", "Caveats and recommendations"),
    ("changes", "Changes"),
    ("rules", "Rules, oversight and law"),
    ("approvals", "Approvals"),
    ("monitoring", "Monitoring after approval"),
    ("records", "Evidence and history"),
    ("verify", "How to check this card"),
)
TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
WIDEST_HEAD = 41.0
"""What fits into the left part of a page's head, in widths of a wide letter."""
LONGEST_PURPOSE = 450
NARROW = frozenset(string.ascii_lowercase + string.digits + " .,:;-_()/'") - frozenset("mw")
CAPITALS = frozenset(string.ascii_uppercase) - frozenset("MW")
DRAFT = (
    "M0 0V-40H10C24-40 28-30 28-20S24 0 10 0ZM42 0V-40H56C66-40 68-34 68-29S65-18 56-18H42M56-18 68 0"
    "M80 0 94-40 108 0M85-14H103M122 0V-40H144M122-20H140M154-40H182M168-40V0"
)
WATERMARK = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="210" height="297" viewBox="0 0 210 297">'
    '<g transform="translate(53 254) rotate(-52) scale(1.28)" fill="none" stroke-linecap="round" '
    f'stroke-linejoin="round"><path stroke="#d7a29c" stroke-width="3.8" d="{DRAFT}"/>'
    f'<path stroke="#f9e8e6" stroke-width="3.2" d="{DRAFT}"/></g></svg>'
)
"""Pale letters with an edge, on which text is read, in grey too.

They are lines, so that neither a search nor a screen reader meets them on each page.
"""


@dataclass(frozen=True)
class StageSheet:
    """One stage: its gate, the dossier that its signers saw, and who signed what that still counts."""

    title: str
    open: bool
    dossier: str
    requirements: int
    met: int
    unmet: tuple[str, ...]
    sign_offs: tuple[SignOff, ...]

    @property
    def signers(self) -> tuple[str, ...]:
        """Printed names, each once."""
        return tuple(dict.fromkeys(signed.printed_name for signed in self.sign_offs))


@dataclass(frozen=True)
class Page:
    """All that the template prints, besides the card itself."""

    digest: str
    label: str
    running: str
    document_title: str
    purpose: str
    style: SafeString
    contents: tuple[tuple[str, str], ...]
    overrides: bool
    coded: bool
    answers: Mapping[str, tuple[Passage, ...]]
    audit_missing: tuple[str, ...]
    others: tuple[Questionnaire, ...]
    algorithm: str
    task: str
    stages: tuple[StageSheet, ...]
    quorums: tuple[Quorum, ...]
    checks: tuple[sheets.CheckSheet, ...]
    limits: tuple[sheets.LimitLine, ...]
    factors: tuple[tuple[str, str], ...]
    methods: tuple[str, ...]
    unitary: tuple[sheets.GroupSheet, ...]
    intersectional: tuple[sheets.GroupSheet, ...]
    by_slice: bool
    law: tuple[sheets.CheckSheet, ...]
    plans: tuple[sheets.PlanSheet, ...]
    signed: bool
    voided: tuple[SignOff, ...]
    standing_findings: tuple[Finding, ...]
    settled_findings: tuple[Finding, ...]


def html(card: Card, *, cautious: bool = False) -> str:
    """The card as a complete HTML document with its style inside; `cautious` writes foreign letters as codes.

    Nothing of it depends on the language of whoever orders it: the same document gives the same bytes.
    """
    shown = printable_document(card, cautious=cautious)
    template = _engine().get_template("modelcards/card.html")
    coded, shown = shown != card, shortened(shown)
    page = _page(shown, card.digest(), coded=coded)
    return breakable(loosened(template.render(Context({"card": shown, "page": page}, use_l10n=False))))


@cache
def style(*, draft: bool = False) -> SafeString:
    """The style sheet of the card: a file of ours, so it needs no escaping. A draft has its watermark on every page."""
    sheet = (TEMPLATES / "modelcards" / "card.css").read_text(encoding="utf-8")
    if draft:
        address = f"data:image/svg+xml;base64,{base64.b64encode(WATERMARK.encode()).decode()}"
        sheet += f"@page {{ background: url({address}) no-repeat center / 210mm 297mm }}\n"
    return mark_safe(sheet)  # noqa: S308


def _page(card: Card, digest: str, *, coded: bool) -> Page:
    label = f"Model card {card.number}" if card.issued else "DRAFT, not an approval"
    answers = placing.answers(card.questionnaires)
    return Page(
        digest=digest,
        label=_short(label),
        running=_short(f"{card.model.name} {card.version.number}"),
        document_title=f"{label}: {card.model.name} {card.version.number}",
        purpose=_for_the_cover(card.model.purpose),
        style=style(draft=not card.issued),
        contents=CONTENTS,
        coded=coded,
        overrides=any(waiver.is_override for waiver in card.waivers),
        answers=answers,
        audit_missing=placing.audit_facts_missing(answers),
        algorithm=stated.algorithm(card) or "",
        task=stated.TASKS.get(stated.kind(card) or "", ""),
        others=placing.others(card.questionnaires),
        stages=tuple(_stages(card)),
        quorums=quorums(card),
        checks=tuple(sheets.check_sheet(check) for check in card.checks),
        limits=sheets.limits(card.checks),
        factors=sheets.factors(card),
        methods=sheets.methods(card.checks),
        unitary=sheets.group_sheets(card, intersectional=False),
        intersectional=sheets.group_sheets(card, intersectional=True),
        by_slice=any(check.key == "slice_performance" for check in card.checks),
        law=tuple(sheets.check_sheet(check) for check in card.checks if check.key == sheets.LAW),
        plans=sheets.plans(card.mitigations),
        signed=any(signed.current for signed in card.sign_offs),
        voided=tuple(signed for signed in card.sign_offs if not signed.current),
        standing_findings=tuple(finding for finding in card.findings if finding.status.lower() != "closed"),
        settled_findings=tuple(finding for finding in card.findings if finding.status.lower() == "closed"),
    )


def _short(text: str) -> str:
    """What fits into one line at the head of a page, beside the number of the card, which nothing may cover."""
    width, shown = 0.0, text
    for place, letter in enumerate(text):
        width += _width(letter)
        if width > WIDEST_HEAD:
            shown = f"{text[: max(place - 2, 0)]}…"
            break
    return shown


def _width(letter: str) -> float:
    """How wide a letter is at most, in widths of a wide one."""
    if letter in NARROW:
        return 0.62
    return 0.75 if letter in CAPITALS else 1.0


def _for_the_cover(purpose: str) -> str:
    """The purpose as far as the verdict stays on the first page; the next section has all of it."""
    shown = " ".join(purpose.split())
    if len(shown) <= LONGEST_PURPOSE:
        return shown
    return f"{shown[:LONGEST_PURPOSE]}… (all of it stands in “Model details”)"


def _stages(card: Card) -> Iterable[StageSheet]:
    """The gates in their order; a sign-off of a stage without a gate is shown all the same."""
    gated = {gate.stage for gate in card.gates}
    for gate in card.gates:
        yield StageSheet(
            title=gate.title,
            open=gate.open,
            dossier=gate.dossier,
            requirements=len(gate.requirements),
            met=sum(requirement.met for requirement in gate.requirements),
            unmet=tuple(requirement.sentence for requirement in gate.requirements if not requirement.met),
            sign_offs=tuple(signed for signed in card.sign_offs if signed.stage == gate.stage and signed.current),
        )
    for signed in card.sign_offs:
        if signed.current and signed.stage not in gated:
            yield StageSheet(signed.stage_title, False, signed.dossier, 0, 0, (), (signed,))


@cache
def _engine() -> Engine:
    return Engine(dirs=[str(TEMPLATES)], builtins=["modelcards.printing"])
