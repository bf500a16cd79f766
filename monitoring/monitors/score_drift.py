"""Has what the model says moved away from what it said at approval? The score, class scores, or the predicted number.

Of two classes the score, or where there is none the predictions; of several classes the score of each and the
predicted class; of numbers the prediction. Measures, tests and limits are those of feature drift; why, stands there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from approvals.checks._evaluation import BINARY, KINDS, MULTICLASS, Declaration
from approvals.checks.base import Job, Reading, Report
from approvals.measures.exactness import EXACT_ROWS
from monitoring.monitors._drift import Binning
from monitoring.monitors._drift_monitor import DriftMonitor, DriftThresholds
from monitoring.monitors._tables import both


@dataclass(frozen=True)
class Parameters:
    """How it is measured: `bins` quantiles of the approved table; the rest is as in feature drift."""

    bins: int = 10
    significance: float = 0.05
    correction: str = "holm"
    min_power: float = 0.8
    exact_rows: int = EXACT_ROWS


class ScoreDrift(DriftMonitor):
    """Drift of what the model says against the approved table, told from chance."""

    title = "Score drift"
    version = "4"
    Parameters = Parameters
    Thresholds = DriftThresholds

    def measure(self, job: Job, report: Report) -> Reading:
        report(0.0, "Reading both tables")
        with both(job, kinds=KINDS) as pair:
            columns, classes = said_by_the_model(pair.declared)
            found = self.reading_of(job, report, pair, columns, Binning(job.parameters.bins, categories=classes))
        return replace(found, not_looked_at=("Why it moved.",))


def said_by_the_model(declared: Declaration) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that hold what the model says, and which of them are classes."""
    if declared.kind == BINARY:
        return ((declared.score,), ()) if declared.score else ((declared.prediction,), (declared.prediction,))
    if declared.kind == MULTICLASS:
        columns = (*declared.class_scores.values(), declared.prediction)
        return tuple(dict.fromkeys(columns)), (declared.prediction,)
    return (declared.prediction,), ()
