"""The model in use against the submitted one where several classes or numbers are predicted. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from approvals.checks._champion_pairs import right_and_wrong
from approvals.checks._evaluation import BINARY, MULTICLASS, REGRESSION, Declaration, left_out_share
from approvals.checks._room import require_room
from approvals.checks._rules import interval_text, number, reason_of
from approvals.checks.base import Job, NumberTable, Reading
from approvals.measures.multiclass import read_classes
from approvals.measures.paired_kinds import class_differences
from approvals.measures.paired_numbers import FEWEST_ROWS, table_differences
from approvals.measures.tables import Table
from approvals.measures.values import Measure, not_computable

BYTES_PER_HELD_ROW = 200  # where the engine does not hand out pieces
F1 = "F1 score, mean over classes, minus the champion's"
MAE = "mean absolute error minus the champion's"
RMSE = "root mean squared error minus the champion's"
RATIO = "mean absolute error as a multiple of the champion's"
CLASS_NAMES = {
    "accuracy_difference": "accuracy minus the champion's",
    "mcnemar_p": "p that accuracy is the same (McNemar)",
    "f1_macro_difference": F1,
}
NUMBER_NAMES = {"mae_difference": MAE, "rmse_difference": RMSE, "mae_ratio": RATIO}
LOWER, UPPER = "lower end of the interval of {}", "upper end of the interval of {}"
OF_NUMBERS = (MAE, RMSE, RATIO)
KINDS_OF: dict[str, Sequence[str]] = {
    **dict.fromkeys((F1, LOWER.format(F1)), (BINARY, MULTICLASS)),
    **{name: (REGRESSION,) for one in OF_NUMBERS for name in (one, UPPER.format(one))},
}
"""Measures that not every kind of table has."""
KINDS_OF_THRESHOLDS: dict[str, Sequence[str]] = {
    **dict.fromkeys(("min_f1_macro_difference", "min_f1_macro_difference_low"), (BINARY, MULTICLASS)),
    **{f"max_{key}{end}": (REGRESSION,) for key in NUMBER_NAMES for end in ("", "_high")},
}


def reading_of_classes(table: Table, declared: Declaration, champion: str, job: Job) -> Reading:
    """Right and wrong decisions of both, and the macro F1 of both, paired."""
    columns = (declared.label, declared.prediction, champion)
    cells = table.counts(*columns)
    for one in (declared.prediction, champion):
        read_classes(
            {(key[0], key[1 if one == declared.prediction else 2]): rows for key, rows in cells.items()},
            label=declared.label,
            prediction=one,
        )
    found = class_differences(
        {(key[0], key[1], key[2]): rows for key, rows in cells.items()}, level=job.parameters.level, seed=job.seed
    )
    return _reading(found, CLASS_NAMES, table, champion, ends={CLASS_NAMES["accuracy_difference"]: 0, F1: 0})


def reading_of_numbers(table: Table, declared: Declaration, champion: str, job: Job) -> Reading:
    """Errors of both in the unit of the label, paired."""
    columns = (declared.label, declared.prediction, champion)
    table.require(*columns)
    if not table.engine.in_pieces:
        require_room(table, BYTES_PER_HELD_ROW, why="The comparison of the errors of two models row by row")
    found = table_differences(table, *columns, level=job.parameters.level)
    return _reading(found, NUMBER_NAMES, table, champion, ends=dict.fromkeys(OF_NUMBERS, 1))


READINGS: Mapping[str, Callable[[Table, Declaration, str, Job], Reading]] = {
    MULTICLASS: reading_of_classes,
    REGRESSION: reading_of_numbers,
}


def _reading(
    found: Mapping[str, Measure], names: Mapping[str, str], table: Table, champion: str, *, ends: Mapping[str, int]
) -> Reading:
    """`ends` says of which measures the lower (0) or upper (1) end of the interval can be asked."""
    measures = tuple(replace(found[key], name=name) for key, name in names.items())
    used = next(int(measure.n or 0) for measure in measures)
    lines = tuple((m.name, number(m.value) if m.computable else reason_of(m), interval_text(m)) for m in measures)
    return Reading(
        measures=(
            *measures,
            *(_end(measure, ends[measure.name]) for measure in measures if measure.name in ends),
            left_out_share(used=used, rows=table.rows),
        ),
        looked_at=(
            f"{used:,} rows that have a label and what both models said about them.",
            f"The model in use is column “{champion}”.",
        ),
        not_looked_at=(
            "Whether the columns of the model in use are what it really said.",
            "Scores of the model in use.",
            "Groups; see the check of group fairness.",
        ),
        tables=(
            NumberTable("Submitted minus champion", ("Measure", "Value", "Interval"), lines),
            *right_and_wrong(measures[0]),
        ),
    )


def why_no_interval(measure: Measure) -> str:
    """Why the end of its interval cannot be asked."""
    if not measure.reason and (measure.n or 0) < FEWEST_ROWS:
        return f"Not computable: an interval needs at least {FEWEST_ROWS} rows."
    return measure.reason or "Not computable: the difference has no interval."


def _end(measure: Measure, which: int) -> Measure:
    name = (UPPER if which else LOWER).format(measure.name)
    end = measure.high if which else measure.low
    if end is None:
        return not_computable(name, why_no_interval(measure), n=measure.n)
    return Measure(name, end, measure.n)
