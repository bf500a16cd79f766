"""The quality of one table: missing cells, duplicates, constants, ranges, leakage. By the functions of the checks."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from approvals.management.commands._tables import TABLE_HELP, TableCommand, opened
from approvals.measures.report import profile_report


class Command(TableCommand):
    """`manage.py profile TABLE --json`."""

    help = "Describe the quality of a table (CSV or Parquet). No database is needed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The table, and what to look at besides."""
        super().add_arguments(parser)
        parser.add_argument("table", help=TABLE_HELP)
        parser.add_argument("--label", help="column that other columns must not give away")
        parser.add_argument("--positive", default="1", help="value of the label that is positive (1)")
        parser.add_argument("--key", action="append", default=[], help="column that identifies a row; repeat it")

    def handle(self, **options: Any) -> None:
        """Measure and answer."""
        self.answer(lambda: _report(**options), as_json=options["json"])


def _report(**options: Any) -> dict[str, Any]:
    with opened(options["table"]) as table:
        return profile_report(table, label=options["label"], positive=options["positive"], key=options["key"])
