"""Performance and fairness of a table of predictions, by the functions that the portal's checks use."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from approvals.management.commands._tables import TABLE_HELP, TableCommand, opened
from approvals.measures.fairness_report import fairness_reports, intersections
from approvals.measures.report import multiclass_report, performance_report, regression_reports
from approvals.measures.tables import Table, TableError

DRAWS = 2000
TASKS = ("binary", "multiclass", "regression")


class Command(TableCommand):
    """`manage.py measure TABLE --label y_true --prediction y_pred --score y_score --group sex --group age --json`."""

    help = (
        "Measure performance and fairness of a table: a CSV (plain or gzip) or Parquet file, or a folder of them. "
        "No database is needed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The table and what its columns mean."""
        super().add_arguments(parser)
        parser.add_argument("table", help=TABLE_HELP)
        parser.add_argument("--label", required=True, help="column of what happened")
        parser.add_argument("--prediction", required=True, help="column of what was predicted")
        parser.add_argument("--score", help="column of the score")
        parser.add_argument(
            "--task",
            choices=TASKS,
            default=TASKS[0],
            help="what is predicted: one of two classes, of several, a number",
        )
        parser.add_argument(
            "--class-score",
            action="append",
            default=[],
            metavar="CLASS=COLUMN",
            help="column of the probability of a class, for --task multiclass; repeat it",
        )
        parser.add_argument(
            "--group",
            action="append",
            default=[],
            help="column of groups, or several with commas for their intersection; repeat it. "
            "Of several single columns the full intersection is measured, too",
        )
        parser.add_argument(
            "--reference",
            action="append",
            default=[],
            metavar="COLUMN=VALUE",
            help="group to compare with, also by the measures of other libraries; repeat it",
        )
        parser.add_argument("--positive", default="1", help="value of label and prediction that is positive (1)")
        parser.add_argument("--favourable", help="prediction that is favourable to a person (the positive one)")
        parser.add_argument("--small-group", type=int, default=30, help="fewest rows of a group that is compared (30)")
        parser.add_argument(
            "--draws", type=int, default=DRAWS, help=f"draws of the bootstrap ({DRAWS}); 0: no intervals"
        )
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, **options: Any) -> None:
        """Measure and answer."""
        self.answer(lambda: _report(**options), as_json=options["json"])


def _report(**options: Any) -> dict[str, Any]:
    with opened(options["table"]) as table:
        return {"table": table.name, "rows": table.rows, **MEASURED[options["task"]](table, options)}


def _attributes(options: dict[str, Any]) -> list[tuple[str, ...]]:
    return intersections([tuple(names.split(",")) for names in options["group"]])


def _binary(table: Table, options: dict[str, Any]) -> dict[str, Any]:
    attributes = _attributes(options)
    columns = {name: options[name] for name in ("label", "prediction", "score", "draws", "seed")}
    report: dict[str, Any] = {"performance": performance_report(table, positive=options["positive"], **columns)}
    if attributes:
        report |= fairness_reports(
            table,
            attributes=attributes,
            positive=options["positive"],
            favourable=options["positive"] if options["favourable"] is None else options["favourable"],
            reference=_references(options["reference"], attributes),
            small_group=options["small_group"],
            **columns,
        )
    return report


def _multiclass(table: Table, options: dict[str, Any]) -> dict[str, Any]:
    attributes, favourable = _attributes(options), options["favourable"]
    if attributes and favourable is None:
        raise TableError("Name the favourable class with --favourable; groups are compared by it against all others.")
    columns = {name: options[name] for name in ("label", "prediction", "draws", "seed")}
    report: dict[str, Any] = {
        "performance": multiclass_report(table, scores=_class_scores(options["class_score"]), **columns)
    }
    if attributes:
        report |= fairness_reports(
            table,
            attributes=attributes,
            positive=favourable,
            favourable=favourable,
            several=True,
            reference=_references(options["reference"], attributes),
            small_group=options["small_group"],
            **columns,
        )
    return report


def _regression(table: Table, options: dict[str, Any]) -> dict[str, Any]:
    columns = {name: options[name] for name in ("label", "prediction", "draws", "seed", "small_group")}
    return dict(regression_reports(table, attributes=_attributes(options), **columns))


MEASURED = {"binary": _binary, "multiclass": _multiclass, "regression": _regression}


def _class_scores(given: list[str]) -> dict[str, str]:
    """Column of each class."""
    columns = {}
    for text in given:
        name, equals, column = text.partition("=")
        if not equals:
            raise TableError(f"“{text}” names no column of a class; write it as CLASS=COLUMN.")
        columns[name] = column
    return columns


def _references(given: list[str], attributes: list[tuple[str, ...]]) -> dict[tuple[str, ...], tuple[str, ...]] | None:
    """The group to compare with, for each attribute or intersection all of whose columns are named."""
    values = {}
    for text in given:
        column, equals, value = text.partition("=")
        if not equals or not any(column in names for names in attributes):
            raise TableError(
                f"“{text}” names no reference group; write it as COLUMN=VALUE of a column given as --group."
            )
        values[column] = value
    return {names: tuple(values[name] for name in names) for names in attributes if values.keys() >= set(names)} or None
