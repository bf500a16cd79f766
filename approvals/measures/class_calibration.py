"""Whether the probabilities of several classes mean what they say: of the top class and of each. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from approvals.measures.calibration import ReliabilityBin, bin_scores, calibration_measures
from approvals.measures.class_scores import ClassScores, class_score_measures
from approvals.measures.performance import with_interval
from approvals.measures.scores import ScoreCounts
from approvals.measures.values import Measure, not_computable

NAMES = (
    "top_label_ece",
    "top_label_mce",
    "confidence_gap",
    "mean_confidence",
    "classwise_ece",
    "classwise_mce",
    "largest_class_gap",
)


@dataclass(frozen=True)
class ClassCalibration:
    """Measures of all classes by name, those of each class by class and name, and the bins behind both.

    `top` are the bins of the confidence; `by_class` and `bins` have an entry for each class with a score column.
    """

    overall: dict[str, Measure]
    by_class: dict[str, dict[str, Measure]]
    top: tuple[ReliabilityBin, ...]
    bins: Mapping[str, tuple[ReliabilityBin, ...]]


def class_calibration(found: ClassScores, *, bins: int = 10, level: float = 0.95) -> ClassCalibration:
    """Calibration of one probability for each class against the labels; equal-width bins on [0, 1], right-closed.

    The top class of a row is the one of highest probability (of equal ones the first in order), its confidence that
    probability. top_label_ece: mean over rows of |share of right top classes - mean confidence| per bin, in [0, 1],
    and top_label_mce, the largest of these gaps (Guo et al. 2017); confidence_gap: accuracy of the top class minus the
    mean confidence, in [-1, 1], below 0 where the model is too sure, with Student's interval; mean_confidence.
    classwise_ece: the same error of each class against the rest by its own probability, mean over classes, in [0, 1]
    (Kull et al. 2019; Nixon et al. 2019 call it static); classwise_mce: the largest gap of a bin of any class;
    largest_class_gap: the largest |share of a class - its mean probability|. brier as in `class_scores`. An error of
    bins is above 0 by chance even for perfect probabilities, the more so with more bins and fewer rows.
    Not computable where the Brier score is not: no rows, a label without a score column, scores that are no
    probabilities or do not sum to 1.
    """
    brier = class_score_measures(found, level=level)["brier"]
    if not brier.computable:
        lacking = {name: not_computable(name, brier.reason, brier.counts, n=found.n) for name in NAMES}
        return ClassCalibration({**lacking, "brier": brier}, {}, (), {})
    binning = f"{bins} equal-width bins on 0 to 1, right-closed"
    top = ScoreCounts.from_arrays(found.scores.argmax(axis=1) == found.labels, found.scores.max(axis=1))
    of_top = calibration_measures(top, bins=bins, level=level)
    each = {name: found.of_class(place) for place, name in enumerate(found.classes)}
    by_class = {name: calibration_measures(counts, bins=bins, level=level) for name, counts in each.items()}

    def widest(key: str) -> tuple[str, float]:
        sizes = {name: abs(float(measures[key].value or 0.0)) for name, measures in by_class.items()}
        name = max(sizes, key=lambda one: (sizes[one], one))
        return name, sizes[name]

    mce, gap = widest("mce"), widest("calibration_in_the_large")
    mean = float(np.mean([float(measures["ece"].value or 0.0) for measures in by_class.values()]))
    n, counts = found.n, found.counts
    overall = {
        "top_label_ece": with_interval("top_label_ece", _value(of_top["ece"]), n, None, method=binning, counts=counts),
        "top_label_mce": with_interval("top_label_mce", _value(of_top["mce"]), n, None, method=binning, counts=counts),
        "confidence_gap": _renamed(of_top["calibration_in_the_large"], "confidence_gap"),
        "mean_confidence": _renamed(of_top["mean_score"], "mean_confidence"),
        "classwise_ece": with_interval(
            "classwise_ece", mean, n, None, method=f"{binning}; mean over classes", counts=counts
        ),
        "classwise_mce": with_interval(
            "classwise_mce", mce[1], n, None, method=f"{binning}; largest for {mce[0]}", counts=counts
        ),
        "largest_class_gap": with_interval(
            "largest_class_gap", gap[1], n, None, method=f"largest for {gap[0]}", counts=counts
        ),
        "brier": brier,
    }
    curves = {name: bin_scores(item, bins=bins, level=level) for name, item in each.items()}
    return ClassCalibration(overall, by_class, bin_scores(top, bins=bins, level=level), curves)


def _value(measure: Measure) -> float:
    return float(measure.value or 0.0)


def _renamed(measure: Measure, name: str) -> Measure:
    return Measure(
        name, measure.value, measure.n, measure.low, measure.high, measure.method, measure.level, counts=measure.counts
    )
