"""Drift between two tables, by the functions that the portal's monitors use."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from approvals.management.commands._declared import read_cuts
from approvals.management.commands._tables import TABLE_HELP, TableCommand, opened
from approvals.measures.drift_report import DECILES, Binning, drift_report
from approvals.measures.exactness import EXACT_ROWS
from approvals.measures.tables import TableError

FEWEST_BINS, MOST_BINS = 2, 10_000


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
        parser.add_argument("--bins", type=int, default=DECILES, help=f"bins of equal mass in REFERENCE ({DECILES})")
        parser.add_argument(
            "--cuts", action="append", default=[], metavar="COLUMN=1,2,3", help="cuts between declared bins; repeat it"
        )
        parser.add_argument("--key", action="append", default=[], help="column that identifies a row; repeat it")

    def handle(self, **options: Any) -> None:
        """Measure and answer."""
        self.answer(lambda: _report(**options), as_json=options["json"])


def _report(**options: Any) -> dict[str, Any]:
    if not FEWEST_BINS <= options["bins"] <= MOST_BINS:
        raise TableError(f"--bins must be from {FEWEST_BINS} to {MOST_BINS:,}.")
    binning = Binning(options["bins"], read_cuts(options["cuts"]), None if options["exact"] else EXACT_ROWS)
    with opened(options["reference"], of=2) as reference, opened(options["current"], of=2) as current:
        return drift_report(
            reference,
            current,
            columns=options["column"],
            categories=options["category"],
            binning=binning,
            key=options["key"],
        )
