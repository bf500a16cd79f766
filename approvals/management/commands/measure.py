"""Performance and fairness of a table of predictions, by the functions that the portal's checks use."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from approvals.management.commands._measuring import BINNINGS, TASKS, measured
from approvals.management.commands._tables import TABLE_HELP, TableCommand, opened

DRAWS = 2000


class Command(TableCommand):
    """`manage.py measure TABLE --label y_true --prediction y_pred --score y_score --group sex --group age --json`."""

    help = (
        "Measure performance and fairness of a table: a CSV (plain, gzip or zstd) or Parquet file, or a folder of "
        "them. Without --label, who is selected (--prediction) or scored above the median (--score) in each --group. "
        "No database is needed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The table and what its columns mean."""
        super().add_arguments(parser)
        parser.add_argument("table", help=TABLE_HELP)
        parser.add_argument("--label", help="column of what happened")
        parser.add_argument("--prediction", help="column of what was predicted")
        parser.add_argument("--score", help="column of the score, for --task binary")
        parser.add_argument(
            "--task",
            choices=TASKS,
            default=TASKS[0],
            help="what is predicted: one of two classes, of several, a number",
        )
        parser.add_argument("--positive", help="value of label and prediction that is positive (1)")
        self._groups(parser)
        self._curves(parser)
        parser.add_argument(
            "--draws", type=int, default=DRAWS, help=f"draws of the bootstrap ({DRAWS}); 0: no intervals"
        )
        parser.add_argument("--seed", type=int, default=0, help="seed of the bootstrap (0)")

    def _groups(self, parser: ArgumentParser) -> None:
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
            help="group to compare with, also by the measures of other libraries; the VALUE alone where only one "
            "column has it; repeat it",
        )
        parser.add_argument("--favourable", help="prediction that is favourable to a person (the positive one)")
        parser.add_argument("--small-group", type=int, default=30, help="fewest rows of a group that is compared (30)")
        parser.add_argument(
            "--local-law-144", action="store_true", help="add the tables of New York City's Local Law 144"
        )
        parser.add_argument(
            "--leave-out-below-2-percent",
            default="",
            metavar="WHY",
            help="leave categories under 2 %% of the data out of the impact ratios of Local Law 144, and say why",
        )

    def _curves(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--class-score",
            action="append",
            default=[],
            metavar="CLASS=COLUMN",
            help="column of the probability of a class, for --task multiclass; repeat it",
        )
        parser.add_argument("--bins", type=int, help="bins of the calibration error and reliability curve (10)")
        parser.add_argument("--binning", choices=BINNINGS, help="bins of equal width (so unless said) or of equal mass")
        parser.add_argument(
            "--closed", choices=("right", "left"), help="which end belongs to a bin: (low, high] unless said"
        )
        parser.add_argument(
            "--threshold", action="append", default=[], type=float, help="score at which to decide; repeat it"
        )
        parser.add_argument(
            "--cost",
            action="append",
            default=[],
            metavar="CELL=NUMBER",
            help="what one row costs: TP=, FP=, FN= or TN= a number, 0 unless said; a gain is below 0; repeat it",
        )

    def handle(self, **options: Any) -> None:
        """Measure and answer."""
        self.answer(lambda: _report(**options), as_json=options["json"])


def _report(**options: Any) -> dict[str, Any]:
    with opened(options["table"]) as table:
        return {"table": table.name, "rows": table.rows, **measured(table, options)}
