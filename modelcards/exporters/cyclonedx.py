"""A card as a CycloneDX bill of materials for machine learning (ML-BOM): the model with its model card, and its data.

The fields are those that versions 1.6 and 1.7 share. What the standard has no field for (n, thresholds, sign-offs)
stands in properties of our own namespace. Values are texts there; numbers keep all their digits.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from typing import Any

import rfc8785

from modelcards import stated
from modelcards.card import Card, Dataset
from modelcards.exporters.base import Exporter

VERSIONS = ("1.6", "1.7")
FORM = "1"
"""Raised when the same card is written differently: a verifier compares a bill word for word only in its own form."""
SPACE = "model-approval-portal"
MODEL = "model"
APPROACHES = ("supervised", "unsupervised", "reinforcement-learning", "semi-supervised", "self-supervised")
KINDS_OF_EVIDENCE = {
    "Bill of materials": "bom",
    "Risk register": "risk-assessment",
    "Independent validation report": "certification-report",
    "Training record": "build-meta",
}


class CycloneDxExporter(Exporter):
    """CycloneDX 1.6; the audit pack also has 1.7."""

    title = "Bill of materials (CycloneDX)"
    sentence = "For inventories of software and models: the model, its data, its measurements and limits, by digest."
    media_type = "application/vnd.cyclonedx+json"
    suffix = ".cdx.json"

    def export(self, card: Card) -> bytes:
        return rfc8785.dumps(bill(card))


def bill(card: Card, version: str = VERSIONS[0]) -> dict[str, Any]:
    """The bill of materials in one version of the standard."""
    datasets = [*card.lineage, *card.evaluation]
    references = [f"data:{place}" for place in range(1, len(datasets) + 1)]
    libraries, are_all = stated.libraries(card)
    used = [f"library:{place}" for place in range(1, len(libraries) + 1)]
    found: dict[str, Any] = _filled(
        {
            "bomFormat": "CycloneDX",
            "specVersion": version,
            "serialNumber": serial_number(card.digest()),
            "version": 1,
            "metadata": {
                "timestamp": card.made_at,
                "component": _model(card, references),
                "supplier": {"name": card.issuer.organisation},
                "properties": [
                    _property("form", FORM),
                    _property("status", card.status),
                    _property("card", card.number),
                    _property("card-sha256", card.digest()),
                ],
            },
            "components": [
                *(_data(*pair) for pair in zip(references, datasets, strict=True)),
                *(_library(*pair) for pair in zip(used, libraries, strict=True)),
            ],
            "dependencies": [
                {"ref": MODEL, "dependsOn": [*references, *used]},
                *({"ref": one} for one in (*references, *used)),
            ],
            "compositions": [{"aggregate": "incomplete", "dependencies": [MODEL]}] if used and not are_all else [],
        }
    )
    return found


def serial_number(card_digest: str) -> str:
    """The one serial number of the bill of a card: a UUID made of the card's digest (RFC 9562, version 5)."""
    return f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'urn:sha256:{card_digest}')}"


def _filled(value: Any) -> Any:
    """Without what is empty: what the card does not know is absent."""
    if isinstance(value, dict):
        return {name: found for name, item in value.items() if (found := _filled(item)) not in ("", None, [], {})}
    if isinstance(value, list):
        return [found for item in value if (found := _filled(item)) not in ("", None, [], {})]
    return value


def _property(name: str, value: object) -> dict[str, str]:
    return {"name": f"{SPACE}:{name}", "value": str(value)} if str(value) else {}


def _hashes(sha256: str) -> list[dict[str, str]]:
    """A digest in the standard's field; a lineage may state something else under that name, which is no digest."""
    return [{"alg": "SHA-256", "content": sha256}] if re.fullmatch("[0-9a-fA-F]{64}", sha256) else []


def _model(card: Card, references: list[str]) -> dict[str, Any]:
    licence = stated.licence(card)
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": card.model.name,
        "version": card.version.number,
        "group": card.model.business_unit,
        "description": card.model.purpose,
        "mime-type": card.artifact.media_type if card.artifact else "",
        "hashes": _hashes(card.artifact.sha256 if card.artifact else ""),
        "authors": [{"name": card.version.developer}],
        "licenses": [{"license": {"name": licence}}] if licence else [],
        "externalReferences": list(_references(card)),
        "modelCard": {
            "modelParameters": _parameters(card, references),
            "quantitativeAnalysis": {"performanceMetrics": list(_metrics(card))},
            "considerations": _considerations(card),
            "properties": list(_metric_properties(card)),
        },
        "properties": list(_approval(card)),
    }


def _references(card: Card) -> Iterator[dict[str, Any]]:
    digest = card.digest()
    yield {"type": "model-card", "url": f"urn:sha256:{digest}", "comment": "card.json", "hashes": _hashes(digest)}
    for one in card.evidence:
        yield {
            "type": KINDS_OF_EVIDENCE.get(one.kind, "evidence"),
            "url": f"urn:sha256:{one.sha256}",
            "comment": f"{one.kind}: {one.name}",
            "hashes": _hashes(one.sha256),
        }


def _parameters(card: Card, references: list[str]) -> dict[str, Any]:
    approach = (stated.fact(card.training.facts, "approach", "learning type") or "").lower()
    kind = stated.kind(card)
    return {
        "approach": {"type": approach if approach in APPROACHES else ""},
        "task": stated.TASKS[kind] if kind else "",
        "architectureFamily": stated.fact(card.training.facts, "architecture family"),
        "modelArchitecture": stated.algorithm(card),
        "datasets": [{"ref": one} for one in references],
    }


def _metrics(card: Card) -> Iterator[dict[str, Any]]:
    for one in stated.measured(card):
        number = one.number
        if number.value is None or not one.of_the_model:
            continue
        interval = {"lowerBound": _text(number.low), "upperBound": _text(number.high)}
        yield {
            "type": number.name,
            "value": _text(number.value),
            "slice": one.rows,
            "confidenceInterval": interval,
        }


def _metric_properties(card: Card) -> Iterator[dict[str, str]]:
    """What belongs to a metric and has no field in the standard, by its number among all that were measured."""
    computable = 0
    for one in stated.measured(card):
        number = one.number
        where = f" of {one.rows}" if one.rows else ""
        if number.value is None:
            yield _property("not-computable", f"{number.name}{where}: {number.reason}")
            continue
        if not one.of_the_model:
            yield _property(f"measured:{one.check.key}", f"{number.name}{where}: {_text(number.value)}")
            continue
        computable += 1
        level = "" if number.level is None else f"{number.level:g} "
        said = (f"check={one.check.key}", f"n={number.n}" if number.n is not None else "", f"{level}{number.method}")
        yield _property(f"metric:{computable}", "; ".join(part.strip() for part in said if part.strip()))


def _text(value: float | None) -> str:
    return "" if value is None else stated.digits(value)


def _considerations(card: Card) -> dict[str, Any]:
    uses = [one for one in card.intended_use if one.key != "users"]
    return {
        "users": [one.text for one in stated.answered(card, "users")],
        "useCases": [
            *(f"{one.heading} {one.text}" for one in uses),
            *(f"Out of scope. {one.heading} {one.text}" for one in card.out_of_scope),
        ],
        "technicalLimitations": [
            *(f"{one.heading} {one.text}" for one in (*card.limitations, *card.assumptions)),
            *(f"Not looked at by “{check.title}”: {text}" for check in card.checks for text in check.not_looked_at),
        ],
        "ethicalConsiderations": [
            {"name": f"{one.title}. {one.description}".strip(), "mitigationStrategy": one.mitigation}
            for one in card.risks
        ],
        "fairnessAssessments": list(_fairness(card)),
    }


def _fairness(card: Card) -> Iterator[dict[str, str]]:
    for one in card.mitigations:
        rows = " and ".join(f"{name} = {level}" for name, level in one.before.slice)
        yield {
            "groupAtRisk": rows or one.measure,
            "harms": f"{one.measure} was {_text(one.before.value) or one.before.reason}",
            "mitigationStrategy": f"{one.plan} {one.result}".strip(),
        }
    for passage in stated.answered(card, "harms", "known_disparities"):
        yield {"harms": f"{passage.heading} {passage.text}"}


def _data(reference: str, dataset: Dataset) -> dict[str, Any]:
    facts = [_property(f"fact:{one.label}", one.value) for one in dataset.facts]
    rows = [] if dataset.rows is None else [_property("rows", dataset.rows)]
    odd = "" if _hashes(dataset.sha256) else dataset.sha256
    owner = stated.fact(dataset.facts, "owner")
    licence = stated.fact(dataset.facts, "licence", "license")
    return {
        "type": "data",
        "bom-ref": reference,
        "name": dataset.name,
        "description": dataset.text,
        "hashes": _hashes(dataset.sha256),
        "licenses": [{"license": {"name": licence}}] if licence else [],
        "data": [
            {
                "type": "dataset",
                "name": dataset.name,
                "governance": {"owners": [{"organization": {"name": owner}}] if owner else []},
            }
        ],
        "properties": [_property("role", dataset.role), _property("stated-digest", odd), *rows, *facts],
    }


def _library(reference: str, library: stated.Library) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": reference,
        "name": library.name,
        "version": library.version,
        "licenses": [{"license": {"name": library.licence}}] if library.licence else [],
    }


def _approval(card: Card) -> Iterator[dict[str, str]]:
    yield _property("verdict", card.summary.verdict)
    yield _property("risk-tier", card.model.risk_tier)
    yield _property("policy", f"{card.policy.name} no. {card.policy.number}, SHA-256 {card.policy.digest}")
    for check in card.checks:
        yield _property(f"check:{check.key}", check.verdict)
        for limit in check.thresholds:
            yield _property(f"threshold:{check.key}", f"{limit.name}: {limit.value}, fixed {limit.fixed_at}")
    for signed in card.sign_offs:
        if signed.current:
            said = (signed.printed_name, signed.role_title, signed.decision_title, signed.signed_at)
            yield _property(f"sign-off:{signed.stage}", ", ".join(said))
    for condition in card.conditions:
        yield _property("condition", f"{condition.text} Due {condition.due_on}; {condition.status}.")
    for waiver in card.waivers:
        yield _property("waiver", f"{waiver.title}. Until {waiver.expires_on}.")
