"""What monitors of drift have in common: the limits, how sure one has to be, and the reading of some columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from approvals.checks._evaluation import limits_of
from approvals.checks._rules import NOT_COMPUTABLE as UNKNOWN
from approvals.checks._rules import Rule, at_most
from approvals.checks.base import Job, Judgement, ParameterError, Reading, Report
from approvals.measures.exactness import Exactness
from approvals.measures.keeping import steps
from monitoring.alarms import Level
from monitoring.monitors._drift import NAMES, Binning, ColumnDrift, by_trouble, distributions, drift_of, named
from monitoring.monitors._drift_judging import judged, rules_of
from monitoring.monitors._drift_limits import CORRECTIONS, LIMITS, Certainty, family_of
from monitoring.monitors._drift_tables import drift_charts, drift_table
from monitoring.monitors._tables import Pair
from monitoring.monitors.base import VERDICTS, Grade, MonitorKind


@dataclass(frozen=True)
class DriftThresholds:
    """Largest drift of any column, None is not asked: PSI (0.10 and 0.25 are customary), Jensen-Shannon distance
    (base 2), total variation and effect size w of chi-square (0.1 small, 0.3 medium) of shares; of numbers also KS
    distance and Wasserstein distance in standard deviations.

    Values that are missing or infinite breach if their share rose by more than max_missing_change.
    """

    max_psi: float | None = None
    max_js_distance: float | None = None
    max_total_variation: float | None = None
    max_chi_square_effect: float | None = None
    max_ks: float | None = None
    max_wasserstein_normalised: float | None = None
    max_missing_change: float = 0.05


def reading_from(found: Sequence[ColumnDrift], parameters: Any, thresholds: Any, words: str) -> Reading:
    """What is shown and judged of measured columns; without thresholds every test that one could need counts."""
    sure = Certainty(parameters.significance, parameters.correction, parameters.min_power)
    columns = [item.column for item in found]
    measures = tuple(measure for item in by_trouble(found) for measure in named(item))
    asked = [limit for limit in LIMITS if thresholds is None or getattr(thresholds, limit.setting) is not None]
    tests = tuple(dict.fromkeys(limit.test for limit in asked))
    family = family_of({measure.name: measure for measure in measures}, columns, tests, sure)
    return Reading(
        measures=measures,
        looked_at=(words, family.sentence),
        tables=(drift_table(found, family),),
        charts=drift_charts(found),
        details={"columns": columns, "certainty": asdict(sure), "distributions": distributions(found)},
    )


class DriftMonitor(MonitorKind):
    """A monitor of drift; subclasses say which columns."""

    Thresholds = DriftThresholds

    @classmethod
    def require_settings(cls, parameters: Mapping[str, Any], thresholds: Mapping[str, Any]) -> None:
        """Besides what every monitor asks: a correction that exists, and more than one bin, which never changes."""
        super().require_settings(parameters, thresholds)
        if parameters.get("bins", 2) < 2:
            raise ParameterError(f"The monitor “{cls.title}” needs 2 bins or more.")
        chosen = parameters.get("correction", Certainty.correction)
        if chosen not in CORRECTIONS:
            known = " or ".join(CORRECTIONS)
            raise ParameterError(f"The monitor “{cls.title}”: correction must be {known}, not {chosen}.")

    def reading_of(self, job: Job, report: Report, pair: Pair, columns: Sequence[str], binning: Binning) -> Reading:
        """Measures, table, charts and distributions of some columns."""
        exactness = Exactness(job.parameters.exact_rows, limits_of(job))
        found = []
        for place, column in enumerate(steps((), columns, noun="column", is_only=True)):
            report(place / len(columns), f"Comparing {column}")
            found.append(drift_of(pair, column, binning=binning, exactness=exactness))
        noun = "column" if len(columns) == 1 else "columns"
        words = f"{len(columns):,} {noun} of {pair.batch.rows:,} rows against {pair.reference.rows:,} as approved."
        return reading_from(found, job.parameters, job.thresholds, words)

    def rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        return rules_of(reading, thresholds)

    def sample_rows(self, reading: Reading, thresholds: Any) -> int | None:
        """Rows of the batch: these measures are about those of both tables together."""
        return max((rows for one in reading.measures if (rows := one.count("n_current"))), default=None)

    def required_rules(self, reading: Reading, thresholds: Any) -> Sequence[Rule]:
        """Missing shares that rose beyond what is allowed, for the headline; `judge` asks whether it is chance."""
        allowed = thresholds.max_missing_change
        return [
            at_most(measure.name, allowed)
            for measure in reading.measures
            if measure.name.startswith(NAMES["missing_change"]) and (measure.value is None or measure.value > allowed)
        ]

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        """Breach beyond a limit if it is no chance, not computable where that cannot be told, else ok."""
        found = judged(reading, thresholds)
        sentences = tuple(sentence.replace("this check", "this monitor") for sentence in found.sentences)
        return replace(found, verdict=VERDICTS[found.verdict], sentences=sentences)

    def graded(self, reading: Reading, judgement: Judgement, *, warn: Any, critical: Any) -> Grade:
        """As of every monitor; a warning that cannot be told from chance is none, and is said."""
        grade = super().graded(reading, judgement, warn=warn, critical=critical)
        if warn is None or grade.level != Level.CALM:
            return grade
        found = judged(reading, warn)
        if found.verdict != UNKNOWN:
            return grade
        first = found.sentences[0].replace("the threshold", "the limit for warnings")
        sentences = (*grade.judgement.sentences, f"About warnings: {first}")
        return Grade(replace(grade.judgement, sentences=sentences), grade.level)

    def _beyond(self, reading: Reading, thresholds: Any) -> Judgement:
        return judged(reading, thresholds) if thresholds is not None else super()._beyond(reading, thresholds)
