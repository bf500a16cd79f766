"""Which section of the card prints the answer to which question of a policy. Unknown questions are printed too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from modelcards.card import Passage, Questionnaire

OTHER = "other"
PLACES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "licence": (("model_card", "licence"),),
    "interactions": (("model_card", "interactions"),),
    "factors": (("model_card", "factors"), ("fairness", "groups")),
    "measures": (("model_card", "measures"),),
    "decision_threshold": (("model_card", "decision_threshold"),),
    "variation": (("model_card", "variation"),),
    "evaluation_data": (("model_card", "evaluation_data"),),
    "preprocessing": (("model_card", "preprocessing"),),
    "training": (
        ("data_governance", "representativeness"),
        ("data_governance", "labels"),
        ("data_governance", "retention"),
    ),
    "people": (("data_governance", "sensitive_attributes"), ("classification", "effect_on_people")),
    "harms": (
        ("fairness", "harms"),
        ("fairness", "known_disparities"),
        ("fairness", "proxies"),
        ("model_card", "misuse"),
    ),
    "recommendations": (("model_card", "recommendations"),),
    "planned_changes": (("model_card", "planned_changes"),),
    "oversight": (("classification", "human_oversight"), ("classification", "exposure")),
    "legal": (
        ("classification", "legal_category"),
        ("regulation", "rules"),
        ("regulation", "explanation"),
        ("regulation", "complaints"),
        ("regulation", "record_keeping"),
    ),
    "role": (("classification", "eu_role"), ("classification", "market_date")),
    "conformity": (
        ("declaration_of_conformity", "declaration"),
        ("declaration_of_conformity", "changes"),
    ),
    "audit": tuple(("bias_audit", key) for key in ("auditor", "audited_on", "unknown", "median"))
    + tuple(("publication", key) for key in ("address", "notice", "retention")),
}
"""Place, and the questions (section of the policy's questionnaires, key) whose answers stand there, in this order."""
AUDIT = {
    "auditor": "the auditor and what shows their independence",
    "audited_on": "the day of the audit, and the source, kind and period of its data",
    "unknown": "people of unknown category and categories left out, with the justification",
    "address": "where summary and distribution date are published",
    "notice": "the notice to candidates",
    "retention": "which data are kept and for how long",
}
"""What Local Law 144 wants told besides the tables, by the question that asks it."""


def answers(questionnaires: Iterable[Questionnaire]) -> dict[str, tuple[Passage, ...]]:
    """The passages by place; what no place names is in OTHER, under its own heading."""
    given = {
        (questionnaire.section, passage.key): passage
        for questionnaire in questionnaires
        for passage in questionnaire.answers
        if passage.key
    }
    return {place: tuple(given[name] for name in named if name in given) for place, named in PLACES.items()}


def others(questionnaires: Iterable[Questionnaire]) -> tuple[Questionnaire, ...]:
    """Questionnaires with the answers that no place names."""
    placed = {name for named in PLACES.values() for name in named}
    left = [
        Questionnaire(
            one.title,
            tuple(passage for passage in one.answers if (one.section, passage.key) not in placed),
            one.section,
        )
        for one in questionnaires
    ]
    return tuple(one for one in left if one.answers)


def audit_facts_missing(placed: Mapping[str, tuple[Passage, ...]]) -> tuple[str, ...]:
    """What the law wants told of audit and publication, and nobody answered."""
    told = {passage.key for passage in placed.get("audit", ())}
    return tuple(words for key, words in AUDIT.items() if key not in told)
