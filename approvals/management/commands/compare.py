"""Drift between two tables, by the functions that the portal's monitors use."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from approvals.management.commands._tables import TABLE_HELP, TableCommand, opened
from approvals.measures.exactness import EXACT_ROWS
from approvals.measures.report import drift_report


class Command(TableCommand):
    """`manage.py compare REFERENCE CURRENT --json`."""

    help = "Measure how far the columns of one table have moved from those of another. No database is needed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The two tables."""
        super().add_arguments(parser)
        parser.add_argument("reference", help=TABLE_HELP)
        parser.add_argument("current", help=TABLE_HELP)
        parser.add_argument("--column", action="append", default=[], help="only this column; repeat it")
        parser.add_argument(
            "--category", action="append", default=[], help="column of numbers that name categories; repeat it"
        )

        parser.add_argument(
            "--exact",
            action="store_true",
            help=f"compute every distance; in tables of more than {EXACT_ROWS:,} rows they are bounded otherwise",
        )

    def handle(self, **options: Any) -> None:
        """Measure and answer."""
        self.answer(lambda: _report(**options), as_json=options["json"])


def _report(**options: Any) -> dict[str, Any]:
    with opened(options["reference"]) as reference, opened(options["current"]) as current:
        return drift_report(
            reference,
            current,
            columns=options["column"],
            categories=options["category"],
            exact_rows=None if options["exact"] else EXACT_ROWS,
        )
