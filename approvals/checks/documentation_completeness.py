"""Whether the words are there: every required answer, the training record and the data lineage, without placeholders.

Reads whether something is said, never whether it is true; that is the reviewers' part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from approvals.checks._documents import is_empty, placeholder_in, read_object, texts_in
from approvals.checks._verdicts import at_most, judge_by
from approvals.checks.base import Check, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.values import Measure, not_computable

OPEN, SHORT = "required questions without an answer", "answers that are too short"
PLACEHOLDERS, ENTRIES, EVIDENCE = "placeholder texts", "missing entries of documents", "missing pieces of evidence"
LABELS = {"training_record": "training record", "data_lineage": "data lineage"}


@dataclass(frozen=True)
class Parameters:
    """What must be there. No sections named: all of the policy's questionnaires."""

    sections: tuple[str, ...] = ()
    training_record: tuple[str, ...] = ("algorithm", "hyperparameters", "seed", "code_revision", "artifact_sha256")
    data_lineage: tuple[str, ...] = ("sources", "transformations", "lawful_basis", "sensitive_attributes")
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Thresholds:
    """How much may be missing; nothing, unless the policy says otherwise. None is not asked."""

    max_open_questions: int | None = 0
    max_short_answers: int | None = 0
    max_placeholders: int | None = 0
    max_missing_entries: int | None = 0
    max_missing_evidence: int | None = 0


@dataclass(frozen=True)
class _Problem:
    kind: str
    where: str
    sentence: str


class DocumentationCompleteness(Check):
    """Every required question answered at its length, training record and lineage complete, no placeholder text."""

    title = "Documentation completeness"
    version = "2"
    optional_inputs = ("training_record", "data_lineage")
    facts = ("questions", "answers", "evidence")
    Parameters = Parameters
    Thresholds = Thresholds

    @classmethod
    def looks_at(cls, name: str, value: Any, parameters: Mapping[str, Any]) -> Any:
        """Only the kinds of evidence and the questionnaires that the policy names; all of these if it names none."""
        if name == "evidence":
            return {kind: piece for kind, piece in value.items() if kind in (parameters.get("evidence") or ())}
        sections = parameters.get("sections") or tuple(value)
        return {section: content for section, content in value.items() if section in sections}

    def measure(self, job: Job, report: Report) -> Reading:
        questions, answers, evidence = job.fact("questions"), job.fact("answers"), job.fact("evidence")
        asked = [
            (section, question)
            for section, items in questions.items()
            if section in (job.parameters.sections or questions)
            for question in items
        ]
        report(0.0, "Reading the answers")
        problems = [problem for item in asked for problem in _judge_answer(*item, answers)]
        report(0.5, "Reading the documents")
        for kind in LABELS:
            problems += _judge_document(job, kind, getattr(job.parameters, kind))
        problems += [
            _Problem(EVIDENCE, kind, f"No {kind.replace('_', ' ')} is attached.")
            for kind in job.parameters.evidence
            if kind not in evidence
        ]
        unknown = [section for section in job.parameters.sections if section not in questions]
        return Reading(
            measures=_measures(problems, len(asked), unknown, job),
            looked_at=(
                f"{len(asked):,} questions of {len({section for section, _ in asked}):,} questionnaires.",
                *(f"The {LABELS[kind]} {job.inputs[kind].name}." for kind in LABELS if kind in job.inputs),
                *_attached(evidence, job.parameters.evidence),
            ),
            not_looked_at=("Whether what is said is true, sufficient or well put.", "Documents in PDF."),
            tables=(_table(problems),) if problems else (),
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        rules = (
            at_most(OPEN, thresholds.max_open_questions),
            at_most(SHORT, thresholds.max_short_answers),
            at_most(PLACEHOLDERS, thresholds.max_placeholders),
            at_most(ENTRIES, thresholds.max_missing_entries),
            at_most(EVIDENCE, thresholds.max_missing_evidence),
        )
        return judge_by(reading, rules)


def _attached(evidence: Mapping[str, Any], asked: tuple[str, ...]) -> tuple[str, ...]:
    if not asked:
        return ()
    found = sum(kind in evidence for kind in asked)
    return (f"Whether the {len(asked):,} kinds of evidence that the policy names are attached: {found:,} are.",)


def _judge_answer(section: str, question: Mapping[str, Any], answers: Mapping[str, Any]) -> Iterable[_Problem]:
    key, needed = str(question["key"]), int(question.get("min_length", 1))
    text = str(answers.get(section, {}).get(key, "")).strip()
    where = f"{section.replace('_', ' ')}: {question['text']}"
    if not text:
        if question.get("required", True):
            yield _Problem(OPEN, where, "There is no answer.")
        return
    if len(text) < needed:
        yield _Problem(SHORT, where, f"The answer has {len(text):,} of at least {needed:,} characters.")
    found = placeholder_in(text)
    if found:
        yield _Problem(PLACEHOLDERS, where, f"The answer contains the placeholder “{found}”.")


def _judge_document(job: Job, kind: str, keys: tuple[str, ...]) -> Iterable[_Problem]:
    label = LABELS[kind]
    if not keys:
        return
    if kind not in job.inputs:
        yield from (_Problem(ENTRIES, f"{label}: {key}", f"No {label} is attached.") for key in keys)
        return
    content = read_object(job.inputs[kind])
    for key in keys:
        if is_empty(content.get(key)):
            yield _Problem(ENTRIES, f"{label}: {key}", f"The {label} does not state “{key}”.")
    for place, text in texts_in(content):
        found = placeholder_in(text)
        if found:
            yield _Problem(PLACEHOLDERS, f"{label}: {place}", f"The entry contains the placeholder “{found}”.")


def _measures(problems: list[_Problem], asked: int, unknown: list[str], job: Job) -> tuple[Measure, ...]:
    documents = sum(len(getattr(job.parameters, kind)) for kind in LABELS)
    sizes = {OPEN: asked, SHORT: asked, PLACEHOLDERS: None, ENTRIES: documents, EVIDENCE: len(job.parameters.evidence)}
    measures = []
    for name, size in sizes.items():
        if name in (OPEN, SHORT) and (unknown or not asked):
            what = f"no questionnaire “{unknown[0]}”" if unknown else "no questions"
            measures.append(not_computable(name, f"Not computable: the policy defines {what}."))
        else:
            count = sum(1 for problem in problems if problem.kind == name)
            measures.append(Measure(name, count, size, method="count"))
    return tuple(measures)


def _table(problems: list[_Problem]) -> NumberTable:
    rows = tuple((problem.where, problem.sentence) for problem in problems)
    return NumberTable("What is missing", ("Where", "What"), rows)
