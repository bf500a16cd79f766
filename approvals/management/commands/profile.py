"""The quality of one table: missing cells, duplicates, ranges, outliers, leakage. By the functions of the checks."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from approvals.management.commands._declared import KINDS, read_kinds, read_lists, read_ranges
from approvals.management.commands._tables import TABLE_HELP, TableCommand, opened
from approvals.measures.profile_details import (
    Rules,
    key_report,
    label_report,
    outlier_report,
    rule_report,
    training_report,
)
from approvals.measures.report import profile_report
from approvals.measures.tables import Table, TableError


class Command(TableCommand):
    """`manage.py profile TABLE --json`."""

    help = "Describe the quality of a table (CSV or Parquet). No database is needed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The table, and what to look at besides."""
        super().add_arguments(parser)
        parser.add_argument("table", help=TABLE_HELP)
        parser.add_argument("--label", help="column that other columns must not give away")
        parser.add_argument("--positive", help="value of the label that is positive (1)")
        parser.add_argument("--key", action="append", default=[], help="column that identifies a row; repeat it")
        parser.add_argument(
            "--range",
            action="append",
            default=[],
            metavar="COLUMN=LOW..HIGH",
            help="ends of a column, both allowed, one may be missing; repeat it",
        )
        parser.add_argument(
            "--allowed", action="append", default=[], metavar="COLUMN=A,B,C", help="allowed values; repeat it"
        )
        parser.add_argument(
            "--type",
            action="append",
            default=[],
            metavar="COLUMN=KIND",
            help=f"kind of a column ({', '.join(KINDS)}); with one, columns that are not named are reported; repeat it",
        )
        parser.add_argument(
            "--unique", action="append", default=[], metavar="COLUMN", help="column without repetition; repeat it"
        )
        parser.add_argument("--training", metavar="TABLE", help=f"training data to compare with: {TABLE_HELP}")

    def handle(self, **options: Any) -> None:
        """Measure and answer."""
        self.answer(lambda: _report(**options), as_json=options["json"])


def _report(**options: Any) -> dict[str, Any]:
    if options["positive"] is not None and not options["label"]:
        raise TableError("--positive is a value of the label; name its column with --label.")
    rules = Rules(
        ranges=read_ranges(options["range"]),
        allowed=read_lists(options["allowed"]),
        kinds=read_kinds(options["type"]),
        unique=tuple(options["unique"]),
    )
    with opened(options["table"], of=2 if options["training"] else 1) as table:
        table.require(*options["key"], *([options["label"]] if options["label"] else []))
        report = {**profile_report(table), **outlier_report(table), **rule_report(table, rules)}
        if options["key"]:
            report |= key_report(table, options["key"])
        if options["label"]:
            positive = "1" if options["positive"] is None else options["positive"]
            report |= label_report(table, options["label"], positive=positive, exclude=options["key"])
        return report | _against_training(table, options)


def _against_training(table: Table, options: dict[str, Any]) -> dict[str, Any]:
    if not options["training"]:
        return {}
    with opened(options["training"], of=2) as training:
        return training_report(table, training, key=options["key"])
