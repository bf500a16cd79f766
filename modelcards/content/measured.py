"""The parts of a card that were measured: the run of each check that counts, claims beside them, mitigations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from approvals.models import CheckRun, MitigationPlan, ModelVersion
from approvals.models.checks import RunStatus, Verdict
from approvals.policy_document import PolicyDocument
from approvals.requirements.base import Case
from approvals.requirements.checks import ChecksRequirement
from approvals.stages import REVIEW_STAGES
from modelcards import card as c
from modelcards.content.texts import iso, limit_words, plain, words
from modelcards.reading import typed
from portal.ledger import name_of

HIGHLIGHTS = (
    "roc auc",
    "balanced accuracy",
    "brier score",
    "expected calibration error",
    "roc auc, each class against the rest",
    "f1 score, mean over classes",
    "root mean squared error",
    "mean absolute error",
    "r²",
    "mean error, prediction minus label",
    "accuracy of the worst slice",
)
WORST_FIRST = ("selection rate ratio by", "mean absolute error difference by")
"""Beginnings of names of disparities, by one attribute, that a reader looks for as well."""
MOST_HIGHLIGHTS, LARGE = 6, 10
SAME_AS_NUMBERS = "Measures"
"""A table of the run's page that a card prints already as the numbers of the check."""


def newest_runs(version: ModelVersion) -> dict[str, CheckRun]:
    """The newest run of each check."""
    return {run.check_key: run for run in CheckRun.objects.filter(version=version).order_by("pk")}


def checks(case: Case, document: PolicyDocument, runs: Mapping[str, CheckRun]) -> tuple[c.CheckResult, ...]:
    """Every check that the policy asks, in the order of the gates; one without a finished run says so."""
    stages: dict[str, list[str]] = {}
    for stage in REVIEW_STAGES:
        for requirement in document.gates.get(stage, ()):
            if isinstance(requirement, ChecksRequirement):
                stages.setdefault(requirement.check, []).append(str(stage.label))
    return tuple(_check(case, key, ", ".join(of), runs.get(key)) for key, of in stages.items())


def _check(case: Case, key: str, stage: str, run: CheckRun | None) -> c.CheckResult:
    kind = case.check_types.get(key)
    title = kind.title if kind else words(key)
    if run is None or run.status not in (RunStatus.FINISHED, RunStatus.CRASHED):
        return c.CheckResult(key, title, "", stage, "not_computable", ("This check has no finished run.",))
    outdated = run.inputs_digest != case.check_inputs.get(key)
    sentences = tuple(run.sentences)
    if outdated:
        sentences = ("This run looked at earlier inputs; what it says does not count.", *sentences)
    reading = run.reading or {}
    failed = {str(item["name"]) for item in reading.get("failed_measures", ())}
    return c.CheckResult(
        key=key,
        title=title,
        version=run.check_version,
        stage=stage,
        verdict="not_computable" if outdated else run.verdict or "error",
        sentences=sentences,
        thresholds=_thresholds(run),
        parameters=tuple(c.Fact(words(name), plain(value)) for name, value in run.inputs.get("parameters", {}).items()),
        numbers=tuple(_number(item, failed) for item in reading.get("measures", ())),
        tables=_tables(reading),
        groups=tuple(_groups(part) for part in reading.get("details", {}).get("groups", ())),
        charts=tuple(c.Chart(chart["title"], chart["description"], chart["svg"]) for chart in run.charts),
        looked_at=tuple(reading.get("looked_at", ())),
        not_looked_at=tuple(reading.get("not_looked_at", ())),
        run=_run_facts(run),
        turns=() if outdated or run.verdict == Verdict.PASSED else tuple(reading.get("turns", ())),
    )


def _thresholds(run: CheckRun) -> tuple[c.Threshold, ...]:
    fixed = run.thresholds_fixed
    return tuple(
        c.Threshold(limit_words(name), plain(value), fixed.get("by", ""), fixed.get("at", ""), fixed.get("policy", ""))
        for name, value in run.inputs.get("thresholds", {}).items()
        if value is not None
    )


def _number(item: Mapping[str, Any], failed: Iterable[str] = ()) -> c.Number:
    # What bounds say stands in the reason too, and so in a card of any age.
    said = {name: value for name, value in item.items() if name != "bounds"}
    number = typed(c.Number, {**said, "verdict": "failed" if item["name"] in failed else ""}, "reading")
    assert isinstance(number, c.Number)  # noqa: S101  (typed() raises for anything else)
    return number


def _tables(reading: Mapping[str, Any]) -> tuple[c.Table, ...]:
    """Tables of the reading; those by group stand in the section on groups instead."""
    by_group = {
        f"Groups by {' and '.join(part['attributes'])}" for part in reading.get("details", {}).get("groups", ())
    }
    return tuple(
        c.Table(item["title"], tuple(item["columns"]), tuple(tuple(row) for row in item["rows"]), item.get("note", ""))
        for item in reading.get("tables", ())
        if item["title"] not in by_group and item["title"] != SAME_AS_NUMBERS
    )


def _groups(part: Mapping[str, Any]) -> c.GroupTable:
    rows = tuple(
        c.GroupRow(
            group=row["group"],
            n=row["n"],
            numbers=tuple(_number(item) for item in row["numbers"]),
            small=bool(row["small"]),
            flag="unknown" if row["unknown"] else "",
        )
        for row in part["rows"]
    )
    by = " and ".join(part["attributes"])
    return c.GroupTable(f"Groups by {by}", tuple(part["attributes"]), tuple(part["columns"]), rows, part["reference"])


def _run_facts(run: CheckRun) -> tuple[c.Fact, ...]:
    facts = [
        c.Fact("Run", str(run.pk)),
        c.Fact("Finished", iso(run.finished_at)),
        c.Fact("Inputs", run.inputs_digest),
        c.Fact("Reading", run.reading_digest),
        c.Fact("Seed", str(run.seed)),
        *(c.Fact(words(name), str(value)) for name, value in run.engine.items()),
    ]
    return tuple(fact for fact in facts if fact.value)


def highlights(results: Iterable[c.CheckResult]) -> tuple[c.Highlight, ...]:
    """The few numbers that a reader looks for first."""
    found: list[c.Highlight] = []
    for result in results:
        for number in result.numbers:
            if any(known.label == words(number.name) for known in found):
                continue  # two checks measure it, with the same definition
            wanted = number.name.lower() in HIGHLIGHTS or number.name.startswith(WORST_FIRST)
            if wanted and number.value is not None and " and " not in number.name:
                note = (
                    f"{_short(number.low)} to {_short(number.high)}"
                    if number.low is not None and number.high is not None
                    else ""
                )
                tone = c.Tone.BAD if number.verdict == Verdict.FAILED else c.Tone.NEUTRAL
                found.append(c.Highlight(words(number.name), _short(number.value), note, tone.value))
    return tuple(found[:MOST_HIGHLIGHTS])


def _short(value: float) -> str:
    """Three decimals of a small number, three digits of a large one."""
    text = f"{value:.3f}" if abs(value) < LARGE else f"{value:.4g}"
    return text.replace("-", "\N{MINUS SIGN}")


def claims(results: Iterable[c.CheckResult], runs: Mapping[str, CheckRun]) -> tuple[c.Claim, ...]:
    """What the submitter stated beside what was measured."""
    numbers = {number.name: number for result in results for number in result.numbers}
    found = []
    for run in runs.values():
        for item in (run.reading or {}).get("details", {}).get("claims", ()):
            name = str(item["name"])
            missing = c.Number(name, None, None, reason="It was not measured.")
            difference = item.get("difference")
            found.append(
                c.Claim(name, item["claimed"], numbers.get(name, missing), difference, str(item.get("sentence", "")))
            )
    return tuple(found)


def mitigations(version: ModelVersion, runs: Mapping[str, CheckRun]) -> tuple[c.Mitigation, ...]:
    """Plans with the measure before, and after if a later run measured it."""
    found = []
    for plan in MitigationPlan.objects.filter(version=version).select_related("owner", "failed_run").order_by("pk"):
        run = runs.get(plan.failed_run.check_key)
        after = _measured_later(run, plan)
        found.append(
            c.Mitigation(
                measure=plan.measure,
                before=_number(plan.before),
                after=after,
                plan=plan.plan,
                owner=name_of(plan.owner),
                due_on=iso(plan.due_on),
                result=f"Re-test: {run.get_verdict_display().lower()}" if run and after else "Not tested again yet",
            )
        )
    return tuple(found)


def _measured_later(run: CheckRun | None, plan: MitigationPlan) -> c.Number | None:
    if run is None or run.pk <= plan.failed_run_id:
        return None
    return next((_number(item) for item in run.reading.get("measures", ()) if item["name"] == plan.measure), None)
