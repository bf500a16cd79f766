"""What `manage.py measure` measures of a table for the options it was given."""

from __future__ import annotations

import math
from typing import Any

from approvals.measures.curves_report import Curves, cost_report, curves_report, uncertainty_report
from approvals.measures.fairness_report import calibration_reports, fairness_reports, intersections
from approvals.measures.labels import UNKNOWN, group_text, same_value
from approvals.measures.performance import Confusion
from approvals.measures.ranges import BLOCK_ROWS
from approvals.measures.report import multiclass_report, performance_report, regression_reports, score_report
from approvals.measures.selection_report import law_report, law_tables, selection_reports
from approvals.measures.tables import Table, TableError
from approvals.measures.thresholds import LARGEST_COST, CostMatrix

TASKS = ("binary", "multiclass", "regression")
BINNINGS = ("equal-width", "equal-mass")
TWO, SHOWN = 2, 10
FEWEST_DRAWS, MOST_DRAWS, MOST_BINS = 100, 100_000, 10_000
_CELLS = {"TP": "true_positive", "FP": "false_positive", "FN": "false_negative", "TN": "true_negative"}
_ONLY = {
    "binary": ("score", "positive", "bins", "binning", "closed", "threshold", "cost", "local_law_144"),
    "multiclass": ("class_score",),
    "regression": (),
}
_NOT_FOR_NUMBERS = ("reference", "favourable")
_OF_GROUPS = ("reference", "favourable", "local_law_144", "leave_out_below_2_percent")


def measured(table: Table, options: dict[str, Any]) -> dict[str, Any]:
    """The report of a table. TableError for options that do not fit together and for columns that cannot be used."""
    _refuse_options(options)
    # A column whose name has a comma in it is itself, not an intersection.
    attributes = intersections(
        [(names,) if names in table.names else tuple(names.split(",")) for names in options["group"]]
    )
    return dict(_MEASURED[options["task"]](table, options, attributes))


def _refuse_options(options: dict[str, Any]) -> None:
    task = options["task"]
    for other, names in _ONLY.items():
        given = [name for name in names if options[name]]
        if given and other != task:
            raise TableError(f"{_option(given[0])} is for --task {other} only, not for --task {task}.")
    for name in _NOT_FOR_NUMBERS:
        if task == "regression" and options[name]:
            raise TableError(f"{_option(name)} is for classes, not for --task regression.")
    _refuse_missing_columns(options)
    _refuse_itself(options)
    _refuse_without_groups(options)
    _refuse_numbers(options)
    _refuse_curves(options)


def _refuse_missing_columns(options: dict[str, Any]) -> None:
    if options["task"] != "binary":
        for name in ("label", "prediction"):
            if not options[name]:
                raise TableError(f"Name the column of the {name} with --{name}; --task {options['task']} needs it.")
    elif not options["prediction"] and not options["score"]:
        raise TableError("Name the column of predictions with --prediction, or that of scores with --score.")
    elif not options["label"] and not options["group"]:
        raise TableError("Name the column of the label with --label, or columns of groups with --group.")


def _refuse_itself(options: dict[str, Any]) -> None:
    """As where a table is attached: what is compared with itself is always right."""
    scores = [text.removeprefix(f"{text.split('=')[0]}=") for text in options["class_score"]]
    if options["label"] and options["label"] in (options["prediction"], options["score"], *scores):
        raise TableError(
            f"“{options['label']}” is named as the label and as what the model says; what is compared with itself is "
            "always right, so name a column of its own."
        )


def _refuse_without_groups(options: dict[str, Any]) -> None:
    for name in _OF_GROUPS:
        if options[name] and not options["group"]:
            raise TableError(f"{_option(name)} is about groups; name their column with --group.")
    if options["leave_out_below_2_percent"] and options["label"] and not options["local_law_144"]:
        raise TableError("--leave-out-below-2-percent is about the tables of --local-law-144; ask for them.")


def _refuse_numbers(options: dict[str, Any]) -> None:
    if options["draws"] and not FEWEST_DRAWS <= options["draws"] <= MOST_DRAWS:
        raise TableError(f"--draws must be 0 (no intervals) or from {FEWEST_DRAWS} to {MOST_DRAWS:,}.")
    if options["seed"] < 0:
        raise TableError("--seed must be 0 or more.")
    if options["small_group"] < 1:
        raise TableError("--small-group must be at least 1.")
    if options["bins"] is not None and not 1 <= options["bins"] <= MOST_BINS:
        raise TableError(f"--bins must be from 1 to {MOST_BINS:,}.")
    if any(not math.isfinite(threshold) for threshold in options["threshold"]):
        raise TableError("--threshold must be a number.")


def _refuse_curves(options: dict[str, Any]) -> None:
    for name in ("bins", "binning", "closed", "threshold"):
        if options[name] and not (options["score"] and options["label"]):
            raise TableError(f"{_option(name)} is about a score and its labels; name both with --score and --label.")
    if options["cost"] and not options["label"]:
        raise TableError("--cost is about decisions and their labels; name the column of the label with --label.")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _binary(table: Table, options: dict[str, Any], attributes: list[tuple[str, ...]]) -> dict[str, Any]:
    table.require(*(options[name] for name in ("label", "prediction", "score") if options[name]))
    for name in ("label", "prediction"):
        _refuse_several(table, options[name])
    if options["label"] is None:
        return _selected(table, options, attributes)
    columns = {name: options[name] for name in ("label", "prediction", "score", "draws", "seed")}
    positive = "1" if options["positive"] is None else options["positive"]
    report: dict[str, Any] = {"performance": _performance(table, options, positive)}
    if attributes and options["prediction"] is None:
        if options["reference"] or options["favourable"]:
            raise TableError(
                "Name the column of predictions with --prediction; groups are compared by what is predicted."
            )
        report |= calibration_reports(
            table, label=options["label"], score=options["score"], attributes=attributes, positive=positive
        )
    elif attributes:
        report |= fairness_reports(
            table,
            attributes=attributes,
            positive=positive,
            favourable=positive if options["favourable"] is None else options["favourable"],
            reference=_references(table, options["reference"], attributes),
            small_group=options["small_group"],
            **columns,
        )
    if options["local_law_144"]:
        report |= _law(table, options, attributes)
    return report


def _refuse_several(table: Table, column: str | None) -> None:
    distinct = table.distinct(column) if column else 0
    if distinct > TWO:
        raise TableError(
            f"The column “{column}” must have two values, but it has {distinct}; say --task multiclass if they are "
            "classes, or --task regression if they are numbers."
        )


def _performance(table: Table, options: dict[str, Any], positive: str) -> dict[str, Any]:
    label, prediction, score = options["label"], options["prediction"], options["score"]
    drawn = {"draws": options["draws"], "seed": options["seed"]}
    if prediction is None:
        report = score_report(table, label=label, score=score, positive=positive)
    else:
        report = performance_report(table, label=label, prediction=prediction, score=score, positive=positive)
    costs = _costs(options["cost"])
    decided = Confusion(*(report.get(cell, 0) for cell in ("tp", "fp", "fn", "tn", "rows_left_out")))
    asked = any(options[name] for name in ("bins", "binning", "closed", "threshold", "cost"))
    counts = None
    if score and (asked or table.rows <= BLOCK_ROWS):
        counts = table.score_counts(score, label, positive=positive)
        wanted = Curves(
            bins=options["bins"] or 10,
            binning=options["binning"] or "equal-width",
            closed=options["closed"] or "right",
            thresholds=tuple(options["threshold"]),
            costs=costs,
        )
        curves = curves_report(counts, decided, wanted)
        reasons = {**report.get("not_computable", {}), **curves.pop("not_computable", {})}
        report |= curves | ({"not_computable": reasons} if reasons else {})
    elif score:
        report["curves_left_out"] = f"The table has more than {BLOCK_ROWS:,} rows; ask for curves with --threshold."
    elif costs is not None:
        report["cost"] = cost_report(decided, costs)
    return report | {"uncertainty": uncertainty_report(decided, counts, **drawn)}


def _costs(given: list[str]) -> CostMatrix | None:
    found: dict[str, float] = {}
    for text in given:
        cell, _, number = text.partition("=")
        try:
            found[_CELLS[cell.strip().upper()]] = float(number)
        except (KeyError, ValueError):
            raise TableError(f"“{text}” is no cost; write it as TP=, FP=, FN= or TN= and a number.") from None
        if not abs(float(number)) <= LARGEST_COST:
            raise TableError(f"“{text}” is no cost, because it is not finite or beyond {LARGEST_COST:g}.")
    return CostMatrix(**found) if found else None


def _selected(table: Table, options: dict[str, Any], attributes: list[tuple[str, ...]]) -> dict[str, Any]:
    """Without a label: who is selected, or scored above the median."""
    positive = "1" if options["positive"] is None else options["positive"]
    favourable = options["favourable"]
    if favourable is not None and not same_value(favourable, positive):
        positive = favourable
    tables = law_tables(
        table,
        prediction=options["prediction"],
        score=options["score"],
        attributes=attributes,
        positive=positive,
        justification=options["leave_out_below_2_percent"],
    )
    reports = selection_reports(
        tables,
        reference=_references(table, options["reference"], attributes),
        small_group=options["small_group"],
        draws=options["draws"],
        seed=options["seed"],
    )
    report = {**reports, "local_law_144": law_report(tables)}
    if options["prediction"] and options["score"]:
        report["local_law_144_scoring"] = _scoring(table, options, attributes)
    return report


def _scoring(table: Table, options: dict[str, Any], attributes: list[tuple[str, ...]]) -> dict[str, Any]:
    why = options["leave_out_below_2_percent"]
    tables = law_tables(table, prediction=None, score=options["score"], attributes=attributes, justification=why)
    return law_report(tables)


def _law(table: Table, options: dict[str, Any], attributes: list[tuple[str, ...]]) -> dict[str, Any]:
    positive = options["favourable"] or options["positive"] or "1"
    given: dict[str, Any] = {"attributes": attributes, "justification": options["leave_out_below_2_percent"]}
    report = {}
    if options["prediction"]:
        tables = law_tables(table, prediction=options["prediction"], score=None, positive=positive, **given)
        report["local_law_144"] = law_report(tables)
    if options["score"]:
        report["local_law_144_scoring"] = _scoring(table, options, attributes)
    return report


def _multiclass(table: Table, options: dict[str, Any], attributes: list[tuple[str, ...]]) -> dict[str, Any]:
    favourable = options["favourable"]
    if attributes and favourable is None:
        raise TableError("Name the favourable class with --favourable; groups are compared by it against all others.")
    columns = {name: options[name] for name in ("label", "prediction", "draws", "seed")}
    report: dict[str, Any] = {
        "performance": multiclass_report(table, scores=_class_scores(table, options["class_score"]), **columns)
    }
    if attributes:
        report |= fairness_reports(
            table,
            attributes=attributes,
            positive=favourable,
            favourable=favourable,
            several=True,
            reference=_references(table, options["reference"], attributes),
            small_group=options["small_group"],
            **columns,
        )
    return report


def _regression(table: Table, options: dict[str, Any], attributes: list[tuple[str, ...]]) -> dict[str, Any]:
    columns = {name: options[name] for name in ("label", "prediction", "draws", "seed", "small_group")}
    return dict(regression_reports(table, attributes=attributes, **columns))


_MEASURED = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}


def _class_scores(table: Table, given: list[str]) -> dict[str, str]:
    """Column of each class. Names of both may have an equals sign in them."""
    columns: dict[str, str] = {}
    for text in given:
        column = max((name for name in table.names if text.endswith(f"={name}")), key=len, default="")
        name, equals, column = (text.removesuffix(f"={column}"), "=", column) if column else text.rpartition("=")
        if not equals:
            raise TableError(f"“{text}” names no column of a class; write it as CLASS=COLUMN.")
        if name in columns:
            raise TableError(f"The class “{name}” is given two columns; name one.")
        columns[name] = column
    return columns


def _references(
    table: Table, given: list[str], attributes: list[tuple[str, ...]]
) -> dict[tuple[str, ...], tuple[str, ...]] | None:
    """The group to compare with, for each attribute or intersection all of whose columns are named."""
    values: dict[str, str] = {}
    columns = {column for names in attributes for column in names}
    for text in given:
        # A name may have an equals sign in it, too.
        column = max((name for name in columns if text.startswith(f"{name}=")), key=len, default="")
        value = text.removeprefix(f"{column}=") if column else text
        column = column or _only_column_with(table, columns, value)
        values[column] = _group_meant(table, column, value)
    return {names: tuple(values[name] for name in names) for names in attributes if values.keys() >= set(names)} or None


def _only_column_with(table: Table, columns: set[str], value: str) -> str:
    """The one column of groups that has this group, for who wrote the group alone."""
    found = [name for name in sorted(columns) if any(same_value(level, value) for level in table.levels(name))]
    if len(found) != 1:
        where = f"is a group of {' and of '.join(found)}" if found else "names no reference group"
        raise TableError(f"“{value}” {where}; write it as COLUMN=VALUE of a column given as --group.")
    return found[0]


def _group_meant(table: Table, column: str, value: str) -> str:
    """The group that a value at the command line means: 1.0 and True are the 1 and true of the table."""
    levels = [level for level in table.levels(column) if level is not None]
    groups = sorted({group_text(level) for level in levels} - {UNKNOWN})
    if group_text(value) in {*groups, UNKNOWN}:
        return group_text(value)
    meant = {group_text(level) for level in levels if same_value(level, value)}
    if len(meant) != 1:
        shown = ", ".join(groups[:SHOWN]) + (", …" if len(groups) > SHOWN else "")
        raise TableError(f"The reference group “{value}” has no rows in {column}; its groups are {shown}.")
    return meant.pop()
