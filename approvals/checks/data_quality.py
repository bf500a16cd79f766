"""Looks at the evaluation table, and the training table if attached, before anyone believes numbers from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from approvals.checks._against_training import (
    EQUAL_ROWS,
    OVERLAP,
    SHIFT,
    SHIFTED,
    against_training,
    nothing_to_compare,
)
from approvals.checks._charts import bars
from approvals.checks._evaluation import BINARY, KINDS, MULTICLASS, REGRESSION, Declaration, declaration_of, opened
from approvals.checks._expected_columns import (
    OUTLIERS,
    UNEXPECTED,
    expected_columns,
    outliers,
    require_expectations,
)
from approvals.checks._leaks import SCALE, Leaks, leaks_of, strongest
from approvals.checks._verdicts import Rule, at_least, at_most, judge_by, number
from approvals.checks.base import ChartSpecification, Check, Job, Judgement, NumberTable, Reading, Report
from approvals.measures import quality
from approvals.measures.quality import Profile
from approvals.measures.tables import Table, TableError
from approvals.measures.text_leakage import MOST_LEVELS
from approvals.measures.values import Measure, not_computable

EVALUATION, TRAINING = "the evaluation table", "the training table"
MISSING_COLUMNS, INVALID_VALUES = "declared columns that are missing", "values that are not allowed"
UNLABELLED, RARER = "rows without label or prediction", "share of the rarer label"
REPEATED_KEYS = "repeated keys"
LONGEST_TABLE, LONGEST_CHART = 200, 20
LIKELY_LEAK = 0.9


@dataclass(frozen=True)
class Parameters:
    """How it is measured. Columns that are ignored are not compared when rows are counted as duplicates.

    `columns` says what is expected of columns of the evaluation table, each with type, at_least, at_most, allowed (a
    list of values), unique and present.
    """

    ignore_in_duplicates: tuple[str, ...] = ()
    columns: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_expectations(self.columns)


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Rows, missing, duplicates, constants and leakage count for both tables.

    Against the training table: rows by their key (else by the features), rows that are equal in every feature and the
    label, the largest population stability index of a column (max_shift), and how many columns a test calls different.
    What the policy expects of columns fails above max_unexpected_values under any policy.
    """

    min_rows: int | None = None
    max_missing_share: float | None = None
    max_missing_share_per_column: float | None = None
    max_duplicate_share: float | None = None
    max_constant_columns: int | None = None
    max_leakage: float | None = None
    max_repeated_keys: int | None = None
    max_unlabelled_rows: int | None = None
    min_class_share: float | None = None
    max_overlap_share: float | None = None
    max_equal_rows_share: float | None = None
    max_shift: float | None = None
    max_shifted_columns: int | None = None
    max_outlier_share: float | None = None
    max_unexpected_values: int = 0


class DataQuality(Check):
    """Declared columns, allowed values, missing and repeated rows, class balance, overlap and label leakage."""

    title = "Data quality"
    version = "7"
    inputs = ("evaluation_table",)
    optional_inputs = ("training_table",)
    Parameters = Parameters
    Thresholds = Thresholds
    kinds_of_settings: ClassVar[Mapping[str, Sequence[str]]] = {"min_class_share": (BINARY, MULTICLASS)}

    def measure(self, job: Job, report: Report) -> Reading:
        piece = job.input("evaluation_table")
        declared = declaration_of(piece, kinds=KINDS)
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            found = _Findings(declared, job.parameters)
            found.look_at(table, EVALUATION)
            report(0.4, "Looking at labels, predictions and scores")
            found.look_at_values(table)
            if "training_table" in job.inputs:
                report(0.6, "Reading the training table")
                with opened(job.inputs["training_table"], job) as training:
                    found.look_at(training, TRAINING)
                    report(0.8, "Comparing both tables")
                    found.compare(table, training)
            else:
                found.measures += nothing_to_compare()
        return found.reading()

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        rules: list[Rule] = [
            at_most(REPEATED_KEYS, thresholds.max_repeated_keys),
            at_most(UNLABELLED, thresholds.max_unlabelled_rows),
            at_least(RARER, thresholds.min_class_share),
            at_most(OVERLAP, thresholds.max_overlap_share),
            at_most(EQUAL_ROWS, thresholds.max_equal_rows_share),
            at_most(SHIFT, thresholds.max_shift),
            at_most(SHIFTED, thresholds.max_shifted_columns),
            at_most(OUTLIERS, thresholds.max_outlier_share),
        ]
        for where in reading.details.get("tables", (EVALUATION,)):
            rules += [
                at_least(f"rows in {where}", thresholds.min_rows),
                at_most(f"share of missing cells in {where}", thresholds.max_missing_share),
                at_most(f"largest share missing in one column of {where}", thresholds.max_missing_share_per_column),
                at_most(f"share of duplicate rows in {where}", thresholds.max_duplicate_share),
                at_most(f"constant columns in {where}", thresholds.max_constant_columns),
                _leakage_rule(reading, f"strongest single column of {where}", thresholds.max_leakage),
            ]
        required = [at_most(MISSING_COLUMNS, 0), at_most(INVALID_VALUES, 0)]
        if any(measure.name == UNEXPECTED for measure in reading.measures):
            required.append(at_most(UNEXPECTED, thresholds.max_unexpected_values))
        return judge_by(reading, rules, required=required)


class _Findings:
    """Collects what is found in one or two tables."""

    def __init__(self, declared: Declaration, parameters: Parameters) -> None:
        self._declared = declared
        self._parameters = parameters
        self.measures: list[Measure] = []
        self._tables: list[str] = []
        self._numbers: list[NumberTable] = []
        self._charts: list[ChartSpecification] = []
        self._notes: list[str] = []
        self._leaks: dict[str, Leaks] = {}
        self._only_here: list[str] = []

    def look_at(self, table: Table, where: str) -> None:
        """What holds for any table."""
        self._tables.append(where)
        profiles = quality.profile(table)
        rows, missing = quality.row_count(table), quality.missing_share(table)
        ignored = [name for name in self._parameters.ignore_in_duplicates if name in table.names]
        most = max(profiles, key=lambda profile: profile.missing.value or 0)
        constant = [profile.column.name for profile in profiles if profile.constant]
        leaks = self._leakage(table, where)
        self.measures += [
            replace(rows, name=f"rows in {where}"),
            replace(missing, name=f"share of missing cells in {where}"),
            replace(most.missing, name=f"largest share missing in one column of {where}"),
            _as_share(quality.duplicate_rows(table, ignored), f"share of duplicate rows in {where}"),
            Measure(f"constant columns in {where}", len(constant), len(profiles), method=", ".join(constant)),
            strongest(leaks, where),
        ]
        self._notes.append(f"All {table.rows:,} rows and {len(table.columns):,} columns of {where}.")
        by_column = leaks.by_column if leaks else {}
        self._numbers.append(_profile_table(profiles, by_column, where))
        self._charts += _charts(profiles, by_column, where)

    def look_at_values(self, table: Table) -> None:
        """What holds for the evaluation table only: the declared columns and what may stand in them."""
        declared = self._declared
        absent = [name for name in declared.columns if name not in table.names]
        self.measures.append(
            Measure(MISSING_COLUMNS, len(absent), len(declared.columns), method=", ".join(absent) or "all are there")
        )
        for measure, shown in (outliers(table), *self._expected(table)):
            self.measures.append(measure)
            self._numbers += shown
        self.measures.append(_tried(INVALID_VALUES, lambda: _invalid_values(table, declared)))
        self.measures.append(_tried(UNLABELLED, lambda: _unlabelled(table, declared)))
        self.measures.append(_tried(RARER, lambda: _rarer_label(table, declared)))
        if declared.key:
            repeated = _tried(REPEATED_KEYS, lambda: quality.repeated_keys(table, *declared.key))
        else:
            repeated = not_computable(REPEATED_KEYS, "Not computable: the table declares no key column.")
        self.measures.append(replace(repeated, name=REPEATED_KEYS))

    def _expected(self, table: Table) -> list[tuple[Measure, tuple[NumberTable, ...]]]:
        return [expected_columns(table, self._parameters.columns)] if self._parameters.columns else []

    def compare(self, table: Table, training: Table) -> None:
        """Rows that the model may have learnt by heart, and columns that are distributed otherwise."""
        found = against_training(table, training, self._declared)
        self.measures += found.measures
        self._notes += found.notes
        self._numbers += found.tables
        self._only_here += found.not_looked_at

    def _leakage(self, table: Table, where: str) -> Leaks | None:
        """How well each column alone gives the label away, by its value or by being missing."""
        declared = self._declared
        if declared.label not in table.names:
            return None
        try:
            found = leaks_of(table, declared)
        except TableError as error:
            self._notes.append(f"Label leakage in {where} could not be measured: {error.sentence}")
            return None
        self._leaks[where] = found
        return found

    def reading(self) -> Reading:
        """Everything found."""
        return Reading(
            measures=tuple(self.measures),
            looked_at=tuple(self._notes),
            not_looked_at=(
                *(() if TRAINING in self._tables else ("The training table, because none is attached.",)),
                *self._only_here,
                "Whether the values are true, and whether the rows stand for the people the model will decide about.",
                "Leakage through several columns together.",
                *_not_seen(self._leaks),
            ),
            tables=tuple(self._numbers),
            charts=tuple(self._charts),
            details={"tables": self._tables},
        )


def _leakage_rule(reading: Reading, name: str, limit: float | None) -> Rule:
    """The threshold of leakage, and what to do about columns that could not be looked at."""
    rule = at_most(name, limit)
    between = [measure.method for measure in reading.measures if measure.name == name and measure.bounds]
    return replace(rule, undecided=between[0]) if between else rule


def _not_seen(leaks: Mapping[str, Leaks]) -> Iterable[str]:
    """What was not looked at when columns were set against the label."""
    if any(found.has_numbers for found in leaks.values()):
        yield "Of numbers: what single digits or remainders say, and what changes from one row to the next in order."
    for where, found in leaks.items():
        if found.by_order:
            said = "beside their order, because the rows are too few to tell it from chance"
            yield f"What values and ranges of {_shortened(found.by_order)} of {where} say {said}."
    if any(found.has_texts for found in leaks.values()):
        many = f"Of texts and dates of more than {MOST_LEVELS} values"
        yield f"{many}: what they mean, several words together, what is inside words, and the size of numbers."
    if left_out := tuple(dict.fromkeys(name for found in leaks.values() for name in found.left_out)):
        yield f"Leakage through {_shortened(left_out)}: the label, what the model says, keys and what is no feature."
    for where, found in leaks.items():
        if found.unseen:
            yield f"Leakage through {_shortened(tuple(found.unseen))} of {where}: it could not be measured."


def _shortened(names: Sequence[str]) -> str:
    return ", ".join([*names[:LONGEST_CHART], *(["…"] if len(names) > LONGEST_CHART else [])])


def _as_share(measure: Measure, name: str) -> Measure:
    if measure.value is None or not measure.n:
        return replace(measure, name=name)
    return replace(
        measure, name=name, value=measure.value / measure.n, method=f"{measure.value:,} of {measure.n:,} rows"
    )


def _tried(name: str, act: Callable[[], Measure]) -> Measure:
    """The measure, or why this table does not allow it."""
    try:
        return act()
    except TableError as error:
        return not_computable(name, f"Not computable: {error.sentence}")


def _invalid_values(table: Table, declared: Declaration) -> Measure:
    both = (declared.label, declared.prediction)
    if declared.kind == REGRESSION:
        found = {name: _not_finite(table, name) for name in both}
    else:
        # Classes without scores are not declared one by one, so any name is a class.
        classes = (0, 1) if declared.kind == BINARY else tuple(declared.class_scores)
        found = {name: quality.not_allowed(table, name, classes) for name in both} if classes else {}
    for name in (declared.score, *declared.class_scores.values()):
        if name:
            found[name] = quality.out_of_range(table, name, low=0.0, high=1.0)
    counts = tuple((name, int(measure.value or 0)) for name, measure in found.items())
    missing = table.missing()
    empty = next((name for name in found if missing[name] == table.rows), None)
    if empty is not None:
        return not_computable(INVALID_VALUES, f"Not computable: the column “{empty}” has no values.", counts, n=0)
    what = ", ".join(f"{name} {count:,}" for name, count in counts if count)
    return Measure(
        INVALID_VALUES, sum(count for _, count in counts), table.rows, method=what or "count of values", counts=counts
    )


def _not_finite(table: Table, name: str) -> Measure:
    return Measure("not_finite", table.summary(name).not_finite, table.rows, method="count of rows")


def _unlabelled(table: Table, declared: Declaration) -> Measure:
    counts = table.counts(declared.label, declared.prediction)
    rows = sum(count for values, count in counts.items() if None in values)
    return Measure(UNLABELLED, rows, table.rows, method="count of rows")


def _rarer_label(table: Table, declared: Declaration) -> Measure:
    label = declared.label
    if declared.kind == REGRESSION:
        return not_computable(RARER, "Not computable: the labels are numbers and no classes.")
    if declared.kind == MULTICLASS:
        return replace(quality.rarest_class(table, label), name=RARER)
    share = quality.class_balance(table, label)
    if share.value is None or share.value <= 1 / 2:
        return replace(share, name=RARER)
    low, high = (1 - share.high, 1 - share.low) if share.low is not None and share.high is not None else (None, None)
    return replace(share, name=RARER, value=1 - share.value, low=low, high=high)


def _profile_table(profiles: Sequence[Profile], leaks: dict[str, Measure], where: str) -> NumberTable:
    rows = []
    for profile in profiles[:LONGEST_TABLE]:
        name, summary = profile.column.name, profile.summary
        leak = leaks.get(name)
        rows.append(
            (
                name,
                profile.column.kind,
                number(profile.missing.value),
                number(profile.distinct),
                *(
                    (number(summary.minimum), number(summary.mean), number(summary.maximum))
                    if summary
                    else ("", "", "")
                ),
                number(leak.value) if leak else "",
            )
        )
    hidden = len(profiles) - len(rows)
    return NumberTable(
        title=f"Columns of {where}",
        columns=("Column", "Kind", "Missing", "Different values", "Lowest", "Mean", "Highest", "Label leakage"),
        rows=tuple(rows),
        note=f"Label leakage is of this column alone, or of its being missing: {SCALE}."
        + (f" {hidden:,} more columns are not shown." if hidden else ""),
    )


def _charts(profiles: Sequence[Profile], leaks: dict[str, Measure], where: str) -> Iterable[ChartSpecification]:
    missing = sorted(
        ((profile.column.name, float(profile.missing.value)) for profile in profiles if profile.missing.value),
        key=lambda row: -row[1],
    )[:LONGEST_CHART]
    if missing:
        yield bars(
            title=f"Missing values in {where}",
            description="Share missing: " + "; ".join(f"{name} {number(share)}" for name, share in missing),
            axis="share missing",
            rows=missing,
        )
    strong = sorted(
        ((name, float(measure.value)) for name, measure in leaks.items() if measure.value is not None),
        key=lambda row: -row[1],
    )[:LONGEST_CHART]
    if strong:
        yield bars(
            title=f"Label leakage in {where}",
            description="Of one column alone: " + "; ".join(f"{name} {number(auc)}" for name, auc in strong),
            axis="label leakage of the column alone",
            rows=strong,
        )
