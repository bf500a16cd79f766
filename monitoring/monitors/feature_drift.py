"""Have the features of what the model meets moved away from the approved evaluation table?

Which measure for which type, and why:

- PSI, sum (a - e) ln(a/e) over bins: numbers and categories. Bins of numbers are deciles of the approved table, fixed
  at approval (`bins`), or the cuts that a policy declares (`cuts`); categories are their own bins. Customary in credit,
  blind to what happens inside of a bin. Siddiqi, Intelligent Credit Scoring, 2017.
- Jensen-Shannon distance (base 2, on the same bins): numbers and categories; in 0 to 1, and finite when a bin is empty.
- Total variation (on the same bins): numbers and categories; the share of rows that would have to be elsewhere.
- Chi-square (on the same bins): numbers and categories; the test of what lies in bins. Its statistic grows with the
  rows, so what a policy limits is the effect size w, which does not. Cohen 1988.
- KS distance: numbers; needs no bins, sees shifts in the middle best and tails worst.
- Wasserstein distance over the standard deviation as approved: numbers; how far the rows moved, in a unit of its own
  right, and the only one that sees how far away a tail went. Not robust: one huge value moves it.

Chance. All of them are above 0 when nothing has changed, the more so the fewer rows there are: PSI is about
(bins - 1)(1/n + 1/m) (Yurdakul & Naranjo 2020). So what is beyond its limit is an alarm only if its test says that it
is no chance: chi-square on the same bins for what is made of bins, Kolmogorov's and Smirnov's for what is not. All
tests of a batch are adjusted together, by Holm (the chance of any false alarm in a batch stays at `significance`,
however the features hang together) or, where a policy prefers to find more, by Benjamini and Hochberg (1995; the
expected share of false ones among the alarms stays there). Where a batch is too small to show a drift of the limit's
size with the power `min_power`, that nothing was found says nothing, and the reading is not computable.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from approvals.checks._evaluation import KINDS
from approvals.checks.base import CheckInputError, Job, ParameterError, Reading, Report
from approvals.measures.exactness import EXACT_ROWS
from monitoring.monitors._drift import Binning
from monitoring.monitors._drift_monitor import DriftMonitor, DriftThresholds
from monitoring.monitors._tables import both


@dataclass(frozen=True)
class Parameters:
    """How it is measured. No columns named: all features that were declared at approval.

    `bins` quantiles of the approved table, or the rising `cuts` of a column; `categories` are columns of numbers that
    are names. `significance` is the level of all tests together after the `correction`, holm or benjamini_hochberg;
    `min_power` the power that a batch needs to see a drift of a limit's size. Beyond `exact_rows` rows distances of
    numbers that no threshold needs exactly are bounded by a scan.
    """

    columns: tuple[str, ...] = ()
    bins: int = 10
    cuts: Mapping[str, Any] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    significance: float = 0.05
    correction: str = "holm"
    min_power: float = 0.8
    exact_rows: int = EXACT_ROWS


class FeatureDrift(DriftMonitor):
    """Drift of every feature against the approved table, told from chance."""

    title = "Feature drift"
    version = "4"
    Parameters = Parameters
    Thresholds = DriftThresholds

    @classmethod
    def require_settings(cls, parameters: Mapping[str, Any], thresholds: Mapping[str, Any]) -> None:
        """Besides what every monitor of drift asks: cuts that are rising numbers."""
        super().require_settings(parameters, thresholds)
        for column, cuts in parameters.get("cuts", {}).items():
            numbers = isinstance(cuts, list | tuple) and all(_is_number(cut) for cut in cuts)
            if not numbers or not cuts or any(low >= high for low, high in itertools.pairwise(cuts)):
                raise ParameterError(f"The monitor “{cls.title}”: the cuts of “{column}” must be rising numbers.")

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading both tables")
        asked = job.parameters
        cuts = tuple((str(column), tuple(float(cut) for cut in given)) for column, given in asked.cuts.items())
        with both(job, kinds=KINDS) as pair:
            columns = tuple(dict.fromkeys(asked.columns or pair.declared.features))
            if not columns:
                raise CheckInputError("No features were declared at approval, so no drift of features can be measured.")
            pair.reference.require(*columns)
            pair.batch.require(*columns)
            found = self.reading_of(job, report, pair, columns, Binning(asked.bins, cuts, asked.categories))
        return replace(
            found,
            not_looked_at=("How features move together, and whether the relation to the outcome has changed.",),
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
