"""What a policy may set a parameter or a threshold to, beyond its type: asked where a policy is written.

A limit that nothing can reach (a share of 20, meant as 20 %) or that nothing can miss decides nothing, and an interval
at the level 1.5 does not exist; both would only be found out when a run fails. A published policy stays readable: this
is not asked of it again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

from approvals.checks.base import ParameterError

PART = 60
"""Of a value that is wrong, so much is repeated."""


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, the ends with them unless said otherwise; None is no end."""

    low: float | None = None
    high: float | None = None
    open: bool = False

    def holds(self, value: float) -> bool:
        """Whether the number is finite and in the range."""
        if not math.isfinite(value):
            return False
        above = self.low is None or (value > self.low if self.open else value >= self.low)
        below = self.high is None or (value < self.high if self.open else value <= self.high)
        return above and below

    @property
    def words(self) -> str:
        """For the sentence: must be …"""
        if self.low is None and self.high is None:
            return "a finite number"
        if self.high is None:
            return f"{self.low:g} or more" if not self.open else f"above {self.low:g}"
        if self.low is None:
            return f"{self.high:g} or less"
        return f"above {self.low:g} and below {self.high:g}" if self.open else f"from {self.low:g} to {self.high:g}"


ANY, AT_LEAST_0, AT_LEAST_1, AT_LEAST_2 = Range(), Range(0), Range(1), Range(2)
UNIT, INSIDE, SIGNED, UP_TO_1 = Range(0, 1), Range(0, 1, open=True), Range(-1, 1), Range(None, 1)

PARAMETERS: dict[str, Range] = {
    **dict.fromkeys(("level", "significance"), INSIDE),
    **dict.fromkeys(("min_power",), UNIT),
    **dict.fromkeys(("draws", "exact_rows", "noise", "tolerance"), AT_LEAST_0),
    **dict.fromkeys(
        ("earlier", "fewest", "max_members", "max_ratio", "max_rows", "max_unpacked_mb", "min_rows", "parts"),
        AT_LEAST_1,
    ),
    **dict.fromkeys(("repeats", "small_group"), AT_LEAST_1),
    **dict.fromkeys(("quantiles", "windows"), AT_LEAST_2),
    **dict.fromkeys(("false_negative", "false_positive", "true_negative", "true_positive"), ANY),
    "bins": Range(1, 100),
    "depth": Range(1, 2),
    "expected_rows_per_day": Range(0, None, open=True),
    "favourable": UNIT,
}
"""By the name of the parameter; every number that a check or monitor has is here."""

SHARES = frozenset(
    {
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "specificity",
        "fpr",
        "fnr",
        "npv",
        "f1",
        "roc_auc",
        "average_precision",
        "brier",
        "ece",
        "mce",
        "top_label_ece",
        "top_label_mce",
        "classwise_ece",
        "classwise_mce",
        "confidence_gap",
        "calibration_in_the_large",
        "accuracy_gap",
        "accuracy_loss",
        "class_calibration_in_the_large",
        "accuracy_range",
        "roc_auc_range",
        "leakage",
        "js_distance",
        "ks",
        "total_variation",
        "missing_change",
        "selection_ratio",
        "impact_ratio",
        "selection_difference",
        "equal_opportunity_difference",
        "equalized_odds_difference",
        "false_favourable_difference",
        "slice_accuracy",
        "named_slice_accuracy",
        "window_accuracy",
        "window_roc_auc",
    }
)
"""Measures that lie from 0 to 1, by their names in thresholds without min_ and max_; so does every share."""
PARTS_OF_NAMES = ("_share", "_share_per_column", "_share_of_one_feature")
AVERAGES = ("_macro", "_micro", "_weighted")
THRESHOLDS: dict[str, Range] = {
    **dict.fromkeys(("mcc", "cohen_kappa", "roc_auc_difference", "f1_macro_difference", "brier_difference"), SIGNED),
    **dict.fromkeys(("roc_auc_difference_low", "f1_macro_difference_low", "accuracy_difference_low"), SIGNED),
    **dict.fromkeys(("mae_difference", "mae_difference_high", "rmse_difference", "rmse_difference_high"), ANY),
    **dict.fromkeys(("r2", "explained_variance"), UP_TO_1),
    "accuracy_difference": SIGNED,
    "brier_over_classes": Range(0, 2),
    "slope": ANY,
    "excess_cost": ANY,
    "excess_over_constant": ANY,
    "mean_cost": ANY,
}
"""Other measures whose thresholds may be below 0, or not above something; all others are 0 or more."""


def range_of_threshold(name: str) -> Range:
    """The range of a threshold by its name."""
    measure = name[4:] if name[:4] in {"min_", "max_"} else name
    if measure in THRESHOLDS:
        return UNIT if name == "max_accuracy_difference" else THRESHOLDS[measure]
    stem = next((measure.removesuffix(average) for average in AVERAGES if measure.endswith(average)), measure)
    stem = stem.removesuffix("_ovr").removesuffix("_ovo")
    return UNIT if stem in SHARES or measure.endswith(PARTS_OF_NAMES) else AT_LEAST_0


def require_ranges(settings: Any, *, owner: str) -> None:
    """Raise ParameterError naming the first setting of a parameters or thresholds dataclass that means nothing."""
    is_thresholds = type(settings).__name__ == "Thresholds" or type(settings).__name__.endswith("Thresholds")
    for item in fields(settings):
        value = getattr(settings, item.name)
        for sentence in _problems(item.name, str(item.type), value, is_thresholds=is_thresholds):
            raise ParameterError(f"{owner}: {sentence}")


def _problems(name: str, annotation: str, value: Any, *, is_thresholds: bool) -> Iterator[str]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        wanted = range_of_threshold(name) if is_thresholds else PARAMETERS.get(name, ANY)
        if not wanted.holds(value):
            yield f"“{name}” must be {wanted.words}, not {value:g}."
    elif annotation.startswith("tuple[tuple[str"):
        if any(not part or not isinstance(part, tuple) or not _are_texts(part) for part in value):
            yield f"“{name}” must be a list of lists of names, such as [[sex], [sex, age]], not {_shown(value)}."
    elif annotation.startswith("tuple[str"):
        if not _are_texts(value):
            yield f"“{name}” must be a list of names, not {_shown(value)}."
    elif isinstance(value, Mapping) and is_thresholds:
        yield from _problems_inside(name, value)


def _problems_inside(name: str, named: Mapping[Any, Any]) -> Iterator[str]:
    """Of thresholds for each of several things that a policy names."""
    for inner, limits in named.items():
        for key, limit in limits.items() if isinstance(limits, Mapping) else ():
            for sentence in _problems(str(key), "", limit, is_thresholds=True):
                yield f"“{name}”, “{inner}”: {sentence}"


def _are_texts(values: Any) -> bool:
    return all(isinstance(value, str) and value for value in values)


def _shown(value: Any) -> str:
    text = str(list(value))
    return text if len(text) <= PART else f"{text[:PART]}…"
