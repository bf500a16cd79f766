"""Whether the data lineage leads from named sources to the attached tables without a gap, and says what must be said.

Reads what is stated and compares digests; whether it is true is the data steward's part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.checks._documents import placeholder_in, read_object
from approvals.checks._lineage import (
    ARTIFACT,
    EVALUATION,
    PERSONAL_DATA,
    TRAINING,
    VALIDATION,
    Dataset,
    Lineage,
    Step,
    read_lineage,
)
from approvals.checks._lineage_graph import Parents, before, broken_links, in_order, makers, only_out_of, parents
from approvals.checks._verdicts import at_least, at_most, judge_by
from approvals.checks.base import Check, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.values import Measure

COMPLETE, MISSING = "share of complete datasets", "missing entries of datasets"
STEPS, LINKS = "incomplete steps", "broken links between steps and datasets"
PERSONAL, DIGESTS = "gaps in the declaration of personal data", "digests that differ from attached files"
LEAKS, ROLES = "evaluation data among training data", "roles without a dataset"
ATTACHED = {"training_table": TRAINING, "evaluation_table": EVALUATION, "artifact": ARTIFACT}
WANTED = {
    "origin": ("origin",),
    "owner": ("owner",),
    "licence or lawful basis": ("licence", "lawful_basis"),
    "period": ("period",),
}
DIGEST_OF_TABLE = "_table_sha256"
MOST_ROWS = 500


@dataclass(frozen=True)
class Parameters:
    """Which roles some dataset must have."""

    roles: tuple[str, ...] = (TRAINING, EVALUATION)


@dataclass(frozen=True)
class Thresholds:
    """How much may be missing; None is not asked. Wrong digests and evaluation data in training always fail."""

    min_complete_share: float | None = 1.0
    max_incomplete_steps: int | None = 0
    max_broken_links: int | None = 0
    max_gaps_in_personal_data: int | None = 0


@dataclass(frozen=True)
class _Problem:
    kind: str
    where: str
    sentence: str


class LineageCompleteness(Check):
    """Every dataset with its origin, terms, period and digest, every step with its code, and no gap between them."""

    title = "Data lineage"
    version = "2"
    inputs = ("data_lineage",)
    optional_inputs = ("training_table", "evaluation_table", "training_record", "artifact")
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        piece = job.input("data_lineage")
        report(0.0, "Reading the lineage")
        lineage = read_lineage(piece)
        made_of = parents(lineage)
        report(0.3, "Following the steps")
        facts = _inherited(lineage, made_of)
        problems = [
            *(_Problem(ROLES, "datasets", f"No dataset has the role “{role}”.") for role in _missing(job, lineage)),
            *_leaks(lineage, made_of),
            *_digests(job, lineage),
            *(_Problem(LINKS, place, sentence) for place, sentence in broken_links(lineage, made_of)),
            *(problem for dataset in lineage.datasets for problem in _entries(dataset, facts[dataset.name])),
            *(problem for step in lineage.steps for problem in _step(step)),
            *(problem for dataset in lineage.datasets for problem in _personal(dataset, facts[dataset.name])),
            *_undeclared_groups(job, lineage),
        ]
        compared = [job.inputs[kind].name for kind in (*ATTACHED, "training_record") if kind in job.inputs]
        return Reading(
            measures=tuple(_measures(problems, lineage, job)),
            looked_at=(
                f"{len(lineage.datasets):,} datasets and {len(lineage.steps):,} steps in {piece.name}.",
                f"Attached files that digests were compared with: {', '.join(compared) or 'none'}.",
            ),
            not_looked_at=(
                "Whether what is stated is true, and whether a licence or lawful basis suffices.",
                "Whether rows of a table are copies of rows of another; “Data quality” compares attached tables.",
                "Files that are not attached, and the code that the steps name.",
            ),
            tables=tuple(_tables(problems, lineage, made_of)),
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        rules = (
            at_least(COMPLETE, thresholds.min_complete_share),
            at_most(STEPS, thresholds.max_incomplete_steps),
            at_most(LINKS, thresholds.max_broken_links),
            at_most(PERSONAL, thresholds.max_gaps_in_personal_data),
        )
        return judge_by(reading, rules, required=(at_most(ROLES, 0), at_most(LEAKS, 0), at_most(DIGESTS, 0)))


def _missing(job: Job, lineage: Lineage) -> Iterator[str]:
    found = {dataset.role for dataset in lineage.datasets}
    return (role for role in job.parameters.roles if role not in found)


def _inherited(lineage: Lineage, made_of: Parents) -> dict[str, dict[str, str]]:
    """What each dataset states, and what it does not state itself if all that it was made out of states it.

    A model that was used to make a table, for its scores, is no data and hands nothing on.
    """
    by_name = {dataset.name: dataset for dataset in lineage.datasets}
    facts: dict[str, dict[str, str]] = {}
    for name in in_order(lineage, made_of):
        own = {key: text for key, text in by_name[name].stated.items() if text and not placeholder_in(text)}
        sources = [facts.get(parent, {}) for parent in made_of[name] if by_name[parent].role != ARTIFACT]
        for keys in WANTED.values():
            if sources and not any(key in own for key in keys) and all(_says(source, keys) for source in sources):
                own |= {key: source[key] for source in sources for key in keys if key in source}
        if sources and not own.get("category") and all(source.get("category") for source in sources):
            own["category"] = max((source["category"] for source in sources), key=PERSONAL_DATA.index)
            own |= dict.fromkeys(("purpose", "retention"), "as at its sources")
        facts[name] = own
    return facts


def _says(facts: Mapping[str, str], keys: Iterable[str]) -> bool:
    return any(facts.get(key) for key in keys)


def _entries(dataset: Dataset, facts: Mapping[str, str]) -> Iterator[_Problem]:
    if not dataset.sha256:
        yield _Problem(MISSING, dataset.name, "It states no sha256.")
    if dataset.role != ARTIFACT:
        for what, keys in WANTED.items():
            if not _says(facts, keys):
                yield _Problem(MISSING, dataset.name, f"It states no {what}.")


def _step(step: Step) -> Iterator[_Problem]:
    stated = {"used": step.used, "generated": step.generated, "code": step.code, "code_sha256": step.code_sha256}
    missing = [key for key, value in stated.items() if not value or (key == "code" and placeholder_in(step.code))]
    if missing:
        yield _Problem(STEPS, f"{step.place} {step.name}", f"It states no {', no '.join(missing)}.")


def _personal(dataset: Dataset, facts: Mapping[str, str]) -> Iterator[_Problem]:
    category = facts.get("category", "")
    if dataset.role == ARTIFACT:
        return
    if not category:
        yield _Problem(PERSONAL, dataset.name, "It does not say whether it holds personal data.")
    elif category != "none":
        for key in ("purpose", "retention"):
            if not facts.get(key):
                yield _Problem(PERSONAL, dataset.name, f"It holds {category} data and states no {key}.")


def _undeclared_groups(job: Job, lineage: Lineage) -> Iterator[_Problem]:
    """Columns by which groups are compared are sensitive, so the lineage must name them."""
    table = job.inputs.get("evaluation_table")
    groups = table.details.get("groups") if table else ()
    for group in groups if isinstance(groups, list | tuple) else ():
        if str(group) not in lineage.sensitive:
            yield _Problem(
                PERSONAL, "sensitive_attributes", f"The group column “{str(group)[:100]}” is not among them."
            )


def _leaks(lineage: Lineage, made_of: Parents) -> Iterator[_Problem]:
    """Evaluation data that training data, or the artifact, were made out of, by name or by digest, or the reverse."""
    learned = [dataset for dataset in lineage.datasets if dataset.role in (TRAINING, ARTIFACT)]
    earlier = before([dataset.name for dataset in learned], made_of)
    names = earlier | {dataset.name for dataset in learned}
    training = {dataset.name for dataset in lineage.datasets if dataset.role == TRAINING}
    no_data = {dataset.name for dataset in lineage.datasets if dataset.role == ARTIFACT}
    digests: dict[str, list[str]] = {}
    for dataset in lineage.datasets:
        if dataset.name in names and dataset.sha256:
            digests.setdefault(dataset.sha256, []).append(dataset.name)
    for dataset in lineage.datasets:
        if dataset.role not in (EVALUATION, VALIDATION):
            continue
        if dataset.name in earlier and dataset.role == EVALUATION:
            yield _Problem(LEAKS, dataset.name, "Training data or the artifact were made out of it.")
        elif alike := [name for name in digests.get(dataset.sha256, ()) if name != dataset.name]:
            sentence = f"It has the same digest as “{alike[0]}”, which was learned from."
            yield _Problem(LEAKS, dataset.name, sentence)
        elif dataset.role == EVALUATION and only_out_of(dataset.name, made_of, training, no_data):
            yield _Problem(LEAKS, dataset.name, "It was made out of training data alone.")


def _digests(job: Job, lineage: Lineage) -> Iterator[_Problem]:
    for kind, role in ATTACHED.items():
        stated = {dataset.sha256 for dataset in lineage.datasets if dataset.role == role}
        # A lineage need not go on to the artifact; if it does, it must be the attached one.
        if kind in job.inputs and job.inputs[kind].sha256 not in stated and (stated or role != ARTIFACT):
            label, digest = kind.replace("_", " "), job.inputs[kind].sha256[:12]
            sentence = f"No dataset of the role “{role}” has the digest {digest} of the attached {label}."
            yield _Problem(DIGESTS, "datasets", sentence)
    if "training_record" in job.inputs:
        known = {dataset.sha256 for dataset in lineage.datasets}
        for key, value in sorted(read_object(job.inputs["training_record"]).items()):
            if key.endswith(DIGEST_OF_TABLE) and str(value).lower() not in known:
                shown = key if key.isprintable() and len(key) <= 100 else "a table"
                sentence = f"No dataset has the digest that the training record gives as {shown}."
                yield _Problem(DIGESTS, "datasets", sentence)


def _measures(problems: Sequence[_Problem], lineage: Lineage, job: Job) -> Iterator[Measure]:
    total, steps = len(lineage.datasets), len(lineage.steps)
    incomplete = {problem.where for problem in problems if problem.kind == MISSING}
    complete = total - len(incomplete)
    yield Measure(
        COMPLETE, complete / total if total else 0.0, total, method="count", counts=(("k", complete), ("n", total))
    )
    sizes = {MISSING: total, STEPS: steps, LINKS: steps, PERSONAL: total, DIGESTS: None, LEAKS: total}
    sizes[ROLES] = len(job.parameters.roles)
    for name, size in sizes.items():
        yield Measure(name, sum(problem.kind == name for problem in problems), size, method="count")


def _tables(problems: Sequence[_Problem], lineage: Lineage, made_of: Parents) -> Iterator[NumberTable]:
    if problems:
        yield _table("What is missing or wrong", ("Where", "What"), [(one.where, one.sentence) for one in problems])
    made_by = {name: step.name for name, step in makers(lineage).items()}
    incomplete = {problem.where for problem in problems if problem.kind == MISSING}
    yield _table(
        "Datasets",
        ("Dataset", "Role", "Digest", "Made by", "Made out of", "Complete"),
        [
            (
                dataset.name,
                dataset.role,
                dataset.sha256[:12] or "none",
                made_by.get(dataset.name, ""),
                _short(made_of[dataset.name]),
                "no" if dataset.name in incomplete else "yes",
            )
            for dataset in lineage.datasets
        ],
    )
    yield _table(
        "Steps in their order",
        ("No.", "Step", "Used", "Made", "Code"),
        [
            (place, step.name, _short(step.used), _short(step.generated), step.code[:200] or "none")
            for place, step in enumerate(lineage.steps, 1)
        ],
    )


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> NumberTable:
    note = f"{len(rows) - MOST_ROWS:,} more rows are not shown." if len(rows) > MOST_ROWS else ""
    return NumberTable(title, columns, tuple(rows[:MOST_ROWS]), note=note)


def _short(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
