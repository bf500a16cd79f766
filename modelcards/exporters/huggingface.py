"""A card as README.md for a Hugging Face repository: YAML front matter with results, then the sections of a model card.

The sections are those of “Model Cards for Model Reporting” (Mitchell et al. 2019). What nobody stated is said to be
unstated in the text and is absent from the front matter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from approvals.measures.values import said_between
from modelcards import stated
from modelcards.card import Card, Passage
from modelcards.exporters.base import Exporter
from modelcards.plain_markdown import block, inline, visible

PIPELINES = {
    "binary": "tabular-classification",
    "multiclass": "tabular-classification",
    "regression": "tabular-regression",
}
TASKS = {"binary": "classification", "multiclass": "classification", "regression": "regression"}
# Identifiers that the Hub knows, by their SPDX names; anything else is “other” with the name as stated.
LICENCES = {
    "Apache-2.0": "apache-2.0",
    "MIT": "mit",
    "BSD-2-Clause": "bsd-2-clause",
    "BSD-3-Clause": "bsd-3-clause",
    "GPL-3.0-only": "gpl-3.0",
    "CC-BY-4.0": "cc-by-4.0",
    "CC-BY-SA-4.0": "cc-by-sa-4.0",
    "CC-BY-NC-4.0": "cc-by-nc-4.0",
    "CC0-1.0": "cc0-1.0",
    "MPL-2.0": "mpl-2.0",
    "ISC": "isc",
}
UNSTATED = "Not stated."
NAME_LIMIT = 200


class HuggingFaceExporter(Exporter):
    """README.md."""

    title = "Hugging Face model card (README.md)"
    sentence = "For a model repository: its front matter carries the measured results, its text the whole card."
    media_type = "text/markdown; charset=utf-8"
    suffix = ".README.md"

    def export(self, card: Card) -> bytes:
        front = yaml.safe_dump(_in_lines(front_matter(card)), sort_keys=False, allow_unicode=True, width=10**9)
        return f"---\n{front}---\n\n{_body(card)}\n".encode()


def front_matter(card: Card) -> dict[str, Any]:
    """The metadata: what the card knows, and nothing that it would have to guess."""
    kind, licence, languages = stated.kind(card), stated.licence(card), stated.language(card)
    found: dict[str, Any] = {"model_name": _line(f"{card.model.name} {card.version.number}")}
    if languages:
        found["language"] = list(languages)
    if licence:
        known = LICENCES.get(licence)
        found |= {"license": known} if known else {"license": "other", "license_name": _line(licence)}
    if kind and stated.is_tabular(card):
        found["pipeline_tag"] = PIPELINES[kind]
    status = card.summary.verdict if card.issued else "draft, not an approval"
    found["tags"] = ["model-approval-portal", _slug(status), f"risk-tier-{_slug(card.model.risk_tier)}"]
    results = list(_results(card))
    if results:
        found["metrics"] = list(dict.fromkeys(metric["type"] for one in results for metric in one["metrics"]))
        found["model-index"] = [{"name": found["model_name"], "results": results}]
    return found


def _results(card: Card) -> Iterator[dict[str, Any]]:
    """One result for all rows and one for each group, of the data set that was evaluated."""
    table, kind = stated.evaluated(card), stated.kind(card)
    tabular = stated.is_tabular(card)
    task = (PIPELINES[kind] if tabular else TASKS[kind]) if kind else "other"
    metrics: dict[str, list[dict[str, Any]]] = {}
    for one in stated.measured(card):
        if one.number.value is not None and one.of_the_model:
            metrics.setdefault(_line(one.rows), []).append(_metric(one))
    name = _line(table.name) if table else "evaluation data (not named by the card)"
    dataset = {"name": name, "type": _slug(name), "revision": table.sha256 if table else ""}
    for rows, measured in metrics.items():
        yield {
            "task": {"type": task, **({"name": stated.TASKS[kind]} if kind else {})},
            "dataset": {key: value for key, value in (dataset | {"config": rows}).items() if value},
            "metrics": measured,
            **_source(card),
        }


def _source(card: Card) -> dict[str, Any]:
    if not card.issuer.address:
        return {}
    return {"source": {"name": _line(f"{card.issuer.portal}, card {card.number}"), "url": _line(card.issuer.address)}}


def _metric(one: stated.Measured) -> dict[str, Any]:
    number = one.number
    interval = None if number.low is None or number.high is None else [_plain(number.low), _plain(number.high)]
    said = {
        "n": number.n,
        "confidence_interval": interval,
        "confidence_level": number.level,
        "method": _line(number.method) or None,
        "check": one.check.key,
    }
    return {
        "type": _slug(number.name).replace("-", "_"),
        "name": _line(one.title),
        "value": _plain(number.value or 0),
        "args": {name: value for name, value in said.items() if value is not None},
    }


def _plain(value: float) -> Any:
    """A number as the card document holds it."""
    return json.loads(stated.digits(value))


def _in_lines(value: Any) -> Any:
    """The same with every text on one line: a front matter ends at the first line of dashes."""
    if isinstance(value, dict):
        return {name: _in_lines(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_in_lines(item) for item in value]
    return _line(value) if isinstance(value, str) else value


def _line(text: str) -> str:
    return " ".join(visible(text).split())[:NAME_LIMIT].strip()


def _slug(text: str) -> str:
    return re.sub("[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"


def _body(card: Card) -> str:
    parts: list[str] = [f"# {inline(card.model.name)} {inline(card.version.number)}"]
    parts += _opening(card)
    for title, lines in (
        ("Model Details", _details(card)),
        ("Intended Use", _use(card)),
        ("Factors", _factors(card)),
        ("Metrics", _metrics(card)),
        ("Evaluation Data", _datasets(card, of_evaluation=True)),
        ("Training Data", _datasets(card, of_evaluation=False)),
        ("Quantitative Analyses", _analyses(card)),
        ("Ethical Considerations", _ethics(card)),
        ("Caveats and Recommendations", _caveats(card)),
        ("Approval", _approval(card)),
        ("How to verify this card", _verifying(card)),
    ):
        parts += [f"## {title}", *(list(lines) or [UNSTATED])]
    return "\n\n".join(parts)


def _opening(card: Card) -> Iterator[str]:
    if not card.issued:
        yield "**DRAFT, not an approval.** Nothing on this page was approved, and it is not signed."
    yield f"**{inline(card.summary.verdict)}.** {inline(card.summary.sentence)}"


def _facts(pairs: Iterable[tuple[str, object]]) -> str:
    return "\n".join(f"- **{label}:** {inline(str(value))}" for label, value in pairs if value not in ("", None))


def _details(card: Card) -> Iterator[str]:
    artifact = card.artifact
    yield _facts(
        (
            ("Purpose", card.model.purpose),
            ("Organisation", card.issuer.organisation),
            ("Owner", f"{card.model.owner}, {card.model.business_unit}"),
            ("Developer", card.version.developer),
            ("Version", card.version.number),
            ("What is new", card.version.summary),
            ("Registered", card.version.created_at),
            ("Algorithm", stated.algorithm(card) or UNSTATED),
            ("Licence", stated.licence(card) or UNSTATED),
            ("Risk tier", f"{card.model.risk_tier}. {card.model.risk_tier_reason}"),
            ("Code", card.version.code_revision),
            ("Artifact", f"{artifact.name}, {artifact.size} bytes, SHA-256 {artifact.sha256}" if artifact else ""),
        )
    )


def _passages(passages: Iterable[Passage]) -> Iterator[str]:
    for one in passages:
        yield f"**{inline(one.heading)}**"
        yield block(one.text)


def _use(card: Card) -> Iterator[str]:
    yield from _passages(card.intended_use)
    if card.out_of_scope:
        yield "### Out-of-scope use"
        yield from _passages(card.out_of_scope)


def _factors(card: Card) -> Iterator[str]:
    tables = [(check, table) for check in card.checks for table in check.groups]
    names = dict.fromkeys(" and ".join(table.factors) for _, table in tables)
    if names:
        yield "Results are given for these factors, alone and together:"
        yield "\n".join(f"- {inline(name)}" for name in names)
    yield from _passages(stated.answered(card, "groups", "proxies", "representativeness"))


def _metrics(card: Card) -> Iterator[str]:
    rows = [
        (check.title, limit.name, limit.value, limit.fixed_by, limit.fixed_at)
        for check in card.checks
        for limit in check.thresholds
    ]
    if rows:
        yield "Limits were fixed before the checks ran."
        yield _table(("Check", "Limit", "Value", "Fixed by", "Fixed at"), rows)


def _datasets(card: Card, *, of_evaluation: bool) -> Iterator[str]:
    tables = [one for one in card.evaluation if (one.role in stated.TRAINING_ROLES) is not of_evaluation]
    for one in (*tables, *(() if of_evaluation else card.lineage)):
        yield f"### {inline(one.name)}"
        size = "" if one.rows is None else f"{one.rows} rows"
        yield _facts(
            (
                ("Role", one.role),
                ("SHA-256", one.sha256),
                ("Size", size),
                *((inline(fact.label), fact.value) for fact in one.facts),
            )
        )
        if one.text:
            yield block(one.text)
    if not of_evaluation and card.training.facts:
        yield "### Training record"
        yield _facts((inline(fact.label), fact.value) for fact in card.training.facts)


def _analyses(card: Card) -> Iterator[str]:
    for title, wanted in (
        ("All rows", 0),
        ("Unitary results: by one factor", 1),
        ("Intersectional results: by several factors together", 2),
    ):
        rows = [_measured_row(one) for one in stated.measured(card) if min(one.factors, 2) == wanted]
        yield f"### {title}"
        columns = ("Check", "Measure", "Rows", "Value", "Interval", "n", "Note")
        yield _table(columns, rows) if rows else "Nothing was measured."
    yield "### Verdicts of the checks"
    rows = [(check.title, check.verdict.replace("_", " "), " ".join(check.sentences)) for check in card.checks]
    yield _table(("Check", "Verdict", "In words"), rows) if rows else "No check was run."


def _measured_row(one: stated.Measured) -> tuple[object, ...]:
    number = one.number
    missing = said_between(number.reason) or "not computable"
    value = missing if number.value is None else stated.digits(number.value)
    ends = [stated.digits(end) for end in (number.low, number.high) if end is not None]
    level = "" if number.level is None else f"{number.level:.0%} {number.method}"
    note = "; ".join(part for part in (number.reason, level, "small group" if one.small else "") if part)
    return (
        one.check.title,
        one.title,
        one.rows or "all",
        value,
        " to ".join(ends),
        "" if number.n is None else number.n,
        note,
    )


def _table(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    head = f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}"
    return "\n".join([head, *(f"| {' | '.join(inline(str(cell)) for cell in row)} |" for row in rows)])


def _ethics(card: Card) -> Iterator[str]:
    if card.risks:
        columns = ("Risk", "Likelihood", "Impact", "Owner", "Mitigation", "What remains")
        rows = [
            (f"{one.title}. {one.description}", one.likelihood, one.impact, one.owner, one.mitigation, one.residual)
            for one in card.risks
        ]
        yield _table(columns, rows)
    for plan in card.mitigations:
        yield f"**{inline(plan.measure)}:** {inline(plan.plan)} {inline(plan.result)}"
    yield from _passages(stated.answered(card, "harms", "known_disparities", "sensitive_attributes", "affected_people"))


def _caveats(card: Card) -> Iterator[str]:
    yield from _passages((*card.limitations, *card.assumptions))
    missing = [f"- {inline(check.title)}: {inline(text)}" for check in card.checks for text in check.not_looked_at]
    if missing:
        yield "Not looked at by the checks:\n\n" + "\n".join(missing)
    for condition in card.conditions:
        yield f"**Condition:** {inline(condition.text)} Due {inline(condition.due_on)}, {inline(condition.status)}."
    for waiver in card.waivers:
        yield f"**Exception until {inline(waiver.expires_on)}:** {inline(waiver.title)}. {inline(waiver.reason)}"
    standing = [one for one in card.findings if one.status.lower() != "closed"]
    for finding in standing:
        yield f"**Open finding, {inline(finding.severity)}:** {inline(finding.title)}. {inline(finding.resolution)}"


def _approval(card: Card) -> Iterator[str]:
    policy = card.policy
    yield _facts(
        (
            ("Card", card.number),
            ("Policy", f"{policy.title}, {policy.name} no. {policy.number}, SHA-256 {policy.digest}"),
            ("Approved", card.version.approved_at),
            ("Approval ends", card.version.approval_expires_at),
        )
    )
    rows = [
        (one.stage_title, one.printed_name, one.role_title, one.decision_title, one.signed_at)
        for one in card.sign_offs
        if one.current
    ]
    yield _table(("Stage", "Name", "Role", "Decision", "Signed at"), rows) if rows else "Nobody has signed."


def _verifying(card: Card) -> Iterator[str]:
    yield (
        "This page is not signed: it is made from the card document `card.json` with the SHA-256 digest "
        f"`{card.digest()}`. The signed card (PDF) and the signed attestations of the same card, which the portal "
        "hands out, carry that digest; check them and compare."
    )
