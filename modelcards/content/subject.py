"""The parts of a card that say what is approved: texts, data, training, evidence, risks, plans."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from approvals import files, tier_assessment, tiering
from approvals.evidence import reference_in_words, reference_of
from approvals.models import Evidence, EvidenceKind, ModelVersion, RegisteredModel, TierOverride
from approvals.policy_changes import slices_in_words
from approvals.policy_document import PolicyDocument
from approvals.requirements.base import Case
from modelcards import card as c
from modelcards.content import monitored
from modelcards.content.texts import iso, limit_words, plain, words
from modelcards.printing import label, wording
from portal.ledger import name_of

BOUNDARIES = ("out_of_scope", "assumptions", "limitations")
USE = "intended_use"
PRINTED_FILES = 20


def model_facts(version: ModelVersion) -> c.ModelFacts:
    """The registered model."""
    model = version.model
    return c.ModelFacts(
        id=model.pk,
        name=model.name,
        purpose=model.purpose,
        owner=name_of(model.owner),
        business_unit=model.business_unit,
        risk_tier=model.get_risk_tier_display(),
        risk_tier_reason=tier_assessment.in_words(model),
        risk_tier_assessment=_assessed(model),
    )


def _assessed(model: RegisteredModel) -> c.TierAssessed | None:
    """The assessment that stands, with the questions as its formula words them, while the portal has that formula."""
    row = tier_assessment.newest(model)
    if row is None:
        return None
    formula = tiering.formula_of(row.formula)
    asked = {} if formula is None else {question.key: question for question in formula.questions}
    return c.TierAssessed(
        tier=row.get_tier_display(),
        formula=row.formula,
        title="" if formula is None else formula.title,
        digest=row.formula_digest,
        assessed_by=name_of(row.assessed_by),
        assessed_at=iso(row.assessed_at),
        answers=tuple(_tier_answer(key, value, asked.get(key)) for key, value in row.answers.items()),
        overridden=_overridden(tier_assessment.standing_override(row)),
    )


def _tier_answer(key: str, value: str, question: tiering.TierQuestion | None) -> c.Fact:
    if question is None:
        return c.Fact(words(key), words(value))
    return c.Fact(question.text, next((one.text for one in question.choices if one.value == value), words(value)))


def _overridden(row: TierOverride | None) -> c.TierOverridden | None:
    if row is None:
        return None
    return c.TierOverridden(
        tier=row.get_tier_display(),
        reason=row.reason,
        asked_by=name_of(row.asked_by),
        asked_at=iso(row.asked_at),
        confirmed_by=name_of(row.confirmed_by),
        confirmed_at=iso(row.confirmed_at),
    )


def version_facts(version: ModelVersion, incumbents: Iterable[ModelVersion]) -> c.VersionFacts:
    """The version."""
    return c.VersionFacts(
        id=version.pk,
        number=version.number,
        summary=version.summary,
        stage=version.get_stage_display(),
        submitted_by=name_of(version.submitted_by),
        developer=name_of(version.developer),
        code_revision=version.code_revision,
        created_at=iso(version.created_at),
        approved_at=iso(version.approved_at),
        approval_expires_at=iso(version.approval_expires_at),
        incumbent=", ".join(other.number for other in incumbents),
    )


def passages(case: Case, document: PolicyDocument) -> dict[str, tuple[c.Passage, ...]]:
    """Answers by the section of the card that prints them: use, boundaries, and the rest by questionnaire."""
    found: dict[str, list[c.Passage]] = {}
    for section, questions in document.questionnaires.items():
        for question in questions:
            key = str(question["key"])
            answer = case.answers.get((section, key))
            if answer is None or not answer.text.strip():
                continue
            place = key if key in BOUNDARIES else section
            passage = c.Passage(
                str(question["text"]), answer.text, answer.answered_by_name, iso(answer.answered_at), key
            )
            found.setdefault(place, []).append(passage)
    return {place: tuple(texts) for place, texts in found.items()}


def questionnaires(found: Mapping[str, tuple[c.Passage, ...]]) -> tuple[c.Questionnaire, ...]:
    """What no section of its own prints."""
    own = {USE, *BOUNDARIES}
    return tuple(c.Questionnaire(words(place), texts, place) for place, texts in found.items() if place not in own)


def artifact(rows: Mapping[str, Evidence]) -> c.Artifact | None:
    """The file that is approved."""
    row = rows.get(EvidenceKind.ARTIFACT)
    return None if row is None else c.Artifact(row.name, row.file.sha256, row.file.size, row.media_type)


def training(rows: Mapping[str, Evidence]) -> c.Training:
    """The training record, entry by entry."""
    row = rows.get(EvidenceKind.TRAINING_RECORD)
    if row is None:
        return c.Training()
    record = files.read_json(row.file.path, size=row.file.size)
    facts = [c.Fact(words(key), plain(value)) for key, value in record.items() if plain(value)]
    return c.Training(tuple(facts), record_sha256=row.file.sha256)


def lineage(rows: Mapping[str, Evidence]) -> tuple[c.Dataset, ...]:
    """Sources with their facts, then what was done to them and on which basis."""
    row = rows.get(EvidenceKind.DATA_LINEAGE)
    if row is None:
        return ()
    record = files.read_json(row.file.path, size=row.file.size)
    found = [_dataset(item, "Source") for item in _listed(record.get("sources"))]
    found += [_dataset(item, "Table") for item in _listed(record.get("tables"))]
    steps = "\n".join(_steps(_listed(record.get("transformations"))))
    rest = {key: value for key, value in record.items() if key not in ("sources", "tables", "transformations")}
    facts = tuple(c.Fact(words(key), plain(value)) for key, value in rest.items())
    found.append(c.Dataset("From sources to tables", "Lineage", row.file.sha256, facts=facts, text=steps))
    return tuple(found)


def _steps(steps: list[Any]) -> Iterator[str]:
    """The steps as a numbered list in Markdown: what was made of what, how, and by which code."""
    code = ""
    for place, step in enumerate(steps, 1):
        if not isinstance(step, dict):
            yield f"{place}. {plain(step)}"
            continue
        used, made = plain(step.get("used")), plain(step.get("generated"))
        yield f"{place}. **{plain(step.get('name')) or 'Step'}**" + (f": {used} → {made}" if used or made else "")
        yield from (f"    - {plain(said)}" for said in _listed(step.get("description")))
        told = ("name", "used", "generated", "description", "code", "code_sha256")
        rest = ", ".join(f"{words(key).lower()}: {plain(item)}" for key, item in step.items() if key not in told)
        by = " ".join(part for part in (plain(step.get("code")), plain(step.get("code_sha256"))) if part)
        if rest:
            yield f"    - {rest}"
        if by and by != code:
            yield f"    - Code: {by}"
        code = by or code


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _dataset(item: Any, role: str) -> c.Dataset:
    if not isinstance(item, dict):
        return c.Dataset(plain(item), role)
    rows = item.get("rows")
    facts = [c.Fact(words(key), plain(value)) for key, value in item.items() if key not in ("name", "rows", "sha256")]
    return c.Dataset(
        name=plain(item.get("name")) or role,
        role=role,
        sha256=plain(item.get("sha256")),
        rows=rows if isinstance(rows, int) and not isinstance(rows, bool) else None,
        facts=tuple(facts),
    )


def evaluation(rows: Mapping[str, Evidence]) -> tuple[c.Dataset, ...]:
    """The tables with what was declared about their columns."""
    found = []
    for kind in (EvidenceKind.EVALUATION_TABLE, EvidenceKind.TRAINING_TABLE):
        row = rows.get(kind)
        if row is not None:
            facts = tuple(
                c.Fact(words(key), _said(key, value)) for key, value in sorted(row.details.items()) if value != {}
            )
            if elsewhere := reference_in_words(row):
                facts = (c.Fact("Where its rows lie", f"Not uploaded: {elsewhere}."), *_digests(row), *facts)
            found.append(c.Dataset(row.name, str(kind.label), row.file.sha256, facts=facts))
    return tuple(found)


def _digests(row: Evidence) -> Iterator[c.Fact]:
    """The digest of each file of a table that is referred to, as many as a page of the card holds."""
    files = getattr(reference_of(row), "files", ())
    for file in files[:PRINTED_FILES]:
        yield c.Fact(f"SHA-256 of {file.path}", file.sha256)
    if len(files) > PRINTED_FILES:
        yield c.Fact("Further files", f"{len(files) - PRINTED_FILES:,}, listed in the attached document")


def _said(entry: str, value: Any) -> str:
    """What is declared, in words; names of classes, slices and columns stay as they are written."""
    if entry == "class_scores" and isinstance(value, dict):
        return "; ".join(f"{name}: {column}" for name, column in value.items())
    if entry == "claims" and isinstance(value, dict):
        return ", ".join(f"{label(wording(name))}: {plain(number)}" for name, number in value.items())
    if entry == "slices" and isinstance(value, dict):
        return slices_in_words(value)
    return plain(value)


def evidence(rows: Mapping[str, Evidence]) -> tuple[c.EvidenceItem, ...]:
    """Everything that is attached."""
    return tuple(
        c.EvidenceItem(
            row.get_kind_display(),
            row.name,
            row.file.sha256,
            row.file.size,
            name_of(row.uploaded_by),
            iso(row.uploaded_at),
        )
        for row in rows.values()
    )


def risks(rows: Mapping[str, Evidence]) -> tuple[c.Risk, ...]:
    """The risk register, line by line; what an entry does not say stays empty."""
    row = rows.get(EvidenceKind.RISK_REGISTER)
    if row is None:
        return ()
    record = files.read_json(row.file.path, size=row.file.size)
    return tuple(_risk(item) for item in _listed(record.get("risks")))


def _risk(item: Any) -> c.Risk:
    names = ("title", "description", "likelihood", "impact", "owner", "mitigation", "residual", "status")
    given = item if isinstance(item, dict) else {"title": plain(item)}
    return c.Risk(**{name: plain(given.get(name)) for name in names})


def monitoring(document: PolicyDocument, rows: Mapping[str, Evidence]) -> c.MonitoringPlan:
    """What the policy watches after approval, and the submitter's own plan."""
    return c.MonitoringPlan(
        tuple(_monitors(document)),
        text_of(rows.get(EvidenceKind.MONITORING_PLAN)),
        monitored.record(rows.get(EvidenceKind.MONITORING_RECORD)),
    )


def _monitors(document: PolicyDocument) -> Iterator[c.MonitorPlan]:
    for entry in document.monitors:
        thresholds = entry.get("thresholds") or {}
        days = entry.get("every_days")
        yield c.MonitorPlan(
            title=words(str(entry["monitor"])),
            measure=words(str(entry["monitor"])),
            thresholds="; ".join(f"{limit_words(name)} {plain(limit)}" for name, limit in thresholds.items()),
            every=f"{f'every {days} days' if days else _DEFAULT}{_patience(entry)}",
            severity=words(str(entry.get("severity", ""))),
            consequence=_consequence(entry),
        )


_DEFAULT = "as the portal's default"


def _patience(entry: Mapping[str, Any]) -> str:
    """How long an answer is waited for, where the policy says it."""
    windows, days = entry.get("unanswered_after"), entry.get("outcomes_within_days")
    found = f"; {windows} windows without an answer are an alert" if windows else ""
    return f"{found}; outcomes within {days} days" if days else found


def _consequence(entry: Mapping[str, Any]) -> str:
    found = ["opens a finding"]
    found += [f"restricts the use: {entry['restriction']}"] if entry.get("restricts") else []
    found += ["suspends the approval"] if entry.get("suspends") else []
    return found[0] if len(found) == 1 else "; ".join(found[1:])


def text_of(row: Evidence | None) -> str:
    """A document's text; a PDF is named instead, because a card does not contain it."""
    if row is None:
        return ""
    if row.media_type == "application/pdf":
        return f"Attached as PDF: {row.name}, SHA-256 {row.file.sha256}."
    return row.file.path.read_text("utf-8")
