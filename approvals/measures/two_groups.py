"""One group against a reference group by the measures of other libraries, and how unequally rows are served.

Everything follows from the cells of both groups. Differences are the group minus the reference, in [-1, 1], 0 best;
ratios are the group divided by the reference, 0 or more, 1 best; both exact before they are rounded once. Above 0 and
above 1 the group has more of it. Sources: Bellamy et al. 2018 (AI Fairness 360), Saleiro et al. 2018 (Aequitas),
Speicher et al. 2018 (inequality indices). Judges nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from approvals.measures.intervals import katz_log, newcombe, z_test
from approvals.measures.performance import RATES, Confusion, Rate, with_interval
from approvals.measures.values import Counts, Measure, not_computable

FourCounts = tuple[int, int, int, int]

_RATES: dict[str, Rate] = {
    **RATES,
    "for": Rate(lambda c: c.fn, lambda c: c.tn + c.fn, "no row is predicted negative"),
    "fdr": Rate(lambda c: c.fp, lambda c: c.tp + c.fp, "no row is predicted positive"),
    "error_rate": Rate(lambda c: c.fp + c.fn, lambda c: c.n, "there are no rows"),
}
_FAVOURABLE_RATIOS = {
    "label_disparate_impact": "prevalence",
    "disparate_impact": "selection_rate",
    "false_positive_rate_ratio": "fpr",
    "false_negative_rate_ratio": "fnr",
    "false_omission_rate_ratio": "for",
    "false_discovery_rate_ratio": "fdr",
    "error_rate_ratio": "error_rate",
}
_FAVOURABLE_DIFFERENCES = {
    "label_mean_difference": "prevalence",
    "statistical_parity_difference": "selection_rate",
    "equal_opportunity_difference": "recall",
    "false_positive_rate_difference": "fpr",
    "false_negative_rate_difference": "fnr",
    "false_omission_rate_difference": "for",
    "false_discovery_rate_difference": "fdr",
    "error_rate_difference": "error_rate",
    "accuracy_difference": "accuracy",
}
_ODDS: dict[str, tuple[Callable[[Fraction, Fraction], Fraction], str]] = {
    "average_odds_difference": (lambda t, f: (t + f) / 2, "mean of the differences of TPR and FPR"),
    "average_abs_odds_difference": (lambda t, f: (abs(t) + abs(f)) / 2, "mean of |difference| of TPR and FPR"),
    "equalized_odds_difference": (lambda t, f: max(abs(t), abs(f)), "larger |difference| of TPR and FPR"),
}
_POSITIVE = {
    "tpr": "recall",
    "tnr": "specificity",
    "fpr": "fpr",
    "fnr": "fnr",
    "for": "for",
    "fdr": "fdr",
    "precision": "precision",
    "npv": "npv",
    "pprev": "selection_rate",
    "prev": "prevalence",
}
_WORDS = {
    "recall": "TPR",
    "specificity": "TNR",
    "fpr": "FPR",
    "fnr": "FNR",
    "for": "false omission rate",
    "fdr": "false discovery rate",
    "npv": "negative predictive value",
    "prevalence": "share labelled positive",
    "selection_rate": "share predicted positive",
    "error_rate": "error rate",
}


@dataclass(frozen=True)
class _Pair:
    """A group and its reference; `positive` and `negative` are what their two outcomes are called in reasons."""

    group: Confusion
    reference: Confusion
    level: float
    positive: str = "positive"
    negative: str = "negative"

    @property
    def n(self) -> int:
        return self.group.n + self.reference.n

    def counts(self, rate: str) -> FourCounts:
        """Numerator and denominator of the rate in the group and in the reference: k1, n1, k2, n2."""
        parts = _RATES[rate]
        return parts.k(self.group), parts.n(self.group), parts.k(self.reference), parts.n(self.reference)

    def lacking(self, rate: str) -> str:
        """Why the rate is undefined in one of the groups, or nothing."""
        _, n1, _, n2 = self.counts(rate)
        if n1 and n2:
            return ""
        words = _RATES[rate].empty.replace("positive", self.positive).replace("negative", self.negative)
        where = "either group" if n1 == n2 else "the reference group" if n1 else "the group"
        return f"Not computable: {words} in {where}."

    def ratio(self, name: str, rate: str) -> Measure:
        counts = k1, n1, k2, n2 = self.counts(rate)
        reason = self.lacking(rate)
        if not reason and not k2:
            words = _WORDS.get(rate, rate).replace("positive", self.positive)
            reason = f"Not computable: the {words} of the reference group is 0."
        if reason:
            return not_computable(name, reason, _named(counts), n=n1 + n2)
        # Two rates of exactly 1 would have a standard error of 0, which says nothing about uncertainty.
        interval = None if (k1, k2) == (n1, n2) else katz_log(*counts, self.level)
        return with_interval(name, (k1 * n2) / (k2 * n1), n1 + n2, interval, counts=_named(counts))

    def difference(self, name: str, rate: str) -> Measure:
        counts = self.counts(rate)
        reason, n = self.lacking(rate), counts[1] + counts[3]
        if reason:
            return not_computable(name, reason, _named(counts), n=n)
        return with_interval(name, float(_gap(counts)), n, newcombe(*counts, self.level), counts=_named(counts))


def favourable_measures(
    group: Confusion, reference: Confusion, *, favourable_is_positive: bool = True, level: float = 0.95
) -> dict[str, Measure]:
    """The measures of AI Fairness 360 and of holisticai, keyed by name: the favourable outcome is the positive class.

    Where that is not the positive prediction, TPR here is the TNR of the prediction, FPR its FNR, and so on.
    label_disparate_impact and label_mean_difference: share of labels that are favourable; disparate_impact and
    statistical_parity_difference: share of predictions; equal_opportunity_difference: TPR; FPR, FNR, false omission
    rate fn/(tn+fn), false discovery rate fp/(tp+fp), error rate and accuracy by name. average_odds_difference: mean
    of the TPR and FPR differences; average_abs_odds_difference: mean of their sizes; equalized_odds_difference: the
    larger size. z_test_difference: pooled z of both shares of favourable predictions, z_test_difference_p two-sided;
    z_test_ratio: z of the logarithm of their ratio, standard error from the pooled share; cohen_d: their difference
    in standard deviations, pooled over the groups from p(1-p) with weights n-1 (Cohen 1988). Newcombe intervals of
    differences of two rates and Katz intervals of their ratios, none of the others.
    Not computable: an empty denominator in either group; a reference rate of 0 for ratios; predictions all alike for
    z; nobody favoured in one group for the z of the ratio; no spread inside either group, or two rows, for cohen_d.
    """
    one, other = (group, reference) if favourable_is_positive else (_turned(group), _turned(reference))
    pair = _Pair(one, other, level, positive="favourable", negative="unfavourable")
    measures = {name: pair.ratio(name, rate) for name, rate in _FAVOURABLE_RATIOS.items()}
    measures |= {name: pair.difference(name, rate) for name, rate in _FAVOURABLE_DIFFERENCES.items()}
    return measures | _odds(pair) | _tests(pair)


def positive_measures(group: Confusion, reference: Confusion, *, level: float = 0.95) -> dict[str, Measure]:
    """The disparities of Aequitas, keyed by name: <rate>_disparity, a ratio, and <rate>_difference.

    The positive class is that of the prediction, whatever is favourable. tpr, tnr, fpr, fnr, for (false omission),
    fdr (false discovery), precision, npv, pprev (share predicted positive), prev (share labelled positive).
    ppr_disparity divides the counts of rows predicted positive, so it also says how large the groups are; it has no
    interval and no difference. Newcombe intervals of differences, Katz intervals of ratios.
    Not computable: an empty denominator in either group, and for ratios a reference rate of 0 (Aequitas writes 10).
    """
    pair = _Pair(group, reference, level)
    measures = {f"{name}_disparity": pair.ratio(f"{name}_disparity", rate) for name, rate in _POSITIVE.items()}
    name, k1, k2 = "ppr_disparity", group.tp + group.fp, reference.tp + reference.fp
    behind, method = (("k1", k1), ("k2", k2)), "rows predicted positive, divided by those of the reference group"
    if k2:
        measures[name] = with_interval(name, k1 / k2, pair.n, None, method=method, counts=behind)
    else:
        reason = "Not computable: no row is predicted positive in the reference group."
        measures[name] = not_computable(name, reason, behind, n=pair.n, method=method)
    return measures | {
        f"{name}_difference": pair.difference(f"{name}_difference", rate) for name, rate in _POSITIVE.items()
    }


def _turned(confusion: Confusion) -> Confusion:
    """The cells with the negative outcome as the positive one."""
    return Confusion(tp=confusion.tn, fp=confusion.fn, fn=confusion.fp, tn=confusion.tp, left_out=confusion.left_out)


def _named(counts: FourCounts) -> Counts:
    return tuple(zip(("k1", "n1", "k2", "n2"), counts, strict=True))


def _gap(counts: FourCounts) -> Fraction:
    k1, n1, k2, n2 = counts
    return Fraction(k1, n1) - Fraction(k2, n2)


def _odds(pair: _Pair) -> dict[str, Measure]:
    found = {rate: pair.counts(rate) for rate in ("recall", "fpr")}
    behind = tuple((f"{_WORDS[rate]} {name}", k) for rate, counts in found.items() for name, k in _named(counts))
    reason = pair.lacking("recall") or pair.lacking("fpr")
    if reason:
        return {name: not_computable(name, reason, behind, n=pair.n, method=how) for name, (_, how) in _ODDS.items()}
    gaps = _gap(found["recall"]), _gap(found["fpr"])
    return {
        name: with_interval(name, float(made(*gaps)), pair.n, None, method=how, counts=behind)
        for name, (made, how) in _ODDS.items()
    }


def _tests(pair: _Pair) -> dict[str, Measure]:
    """The z tests and Cohen's d of the shares of favourable predictions."""
    counts = k1, n1, k2, n2 = pair.counts("selection_rate")
    tested = z_test(*counts)
    no_spread = pair.lacking("selection_rate") or "Not computable: all predictions of both groups are the same."
    values: dict[str, tuple[float | None, str, str]] = {
        "z_test_difference": (tested[0] if tested else None, "pooled two-proportion z", no_spread),
        "z_test_difference_p": (tested[1] if tested else None, "pooled two-proportion z, two-sided", no_spread),
    }
    how, nobody = "z of the logarithm of the ratio, pooled", "Not computable: nobody is favoured in one of the groups."
    z_ratio = None
    if tested and k1 and k2:
        pooled = Fraction(k1 + k2, n1 + n2)
        z_ratio = math.log((k1 * n2) / (k2 * n1)) / math.sqrt((1 - pooled) / pooled * (n1 + n2) / (n1 * n2))
    values["z_test_ratio"] = (z_ratio, how, nobody if tested else no_spread)
    alike = pair.lacking("selection_rate") or "Not computable: the predictions do not vary inside either group."
    values["cohen_d"] = (_cohen(counts), "difference in pooled standard deviations", alike)
    return {
        name: not_computable(name, reason, _named(counts), n=pair.n, method=method)
        if value is None
        else with_interval(name, value, pair.n, None, method=method, counts=_named(counts))
        for name, (value, method, reason) in values.items()
    }


def _cohen(counts: FourCounts) -> float | None:
    k1, n1, k2, n2 = counts
    if not n1 or not n2 or n1 + n2 <= 2:
        return None
    inside = sum(Fraction(k * (n - k) * (n - 1), n * n) for k, n in ((k1, n1), (k2, n2)))
    return float(_gap(counts)) / math.sqrt(inside / (n1 + n2 - 2)) if inside else None


def inequality_measures(
    groups: Sequence[Confusion], *, favourable_is_positive: bool = True, others: Sequence[Confusion] = ()
) -> dict[str, Measure]:
    """How unequally predictions serve rows (Speicher et al. 2018), keyed by name; 0 where all get the same, no unit.

    A row's benefit is prediction - label + 1 with the favourable outcome as 1: 2 for an unearned favourable
    prediction, 1 for a right one, 0 for a denied one; m is the mean benefit, natural logarithms. theil_index: mean of
    b/m ln(b/m), in [0, ln n]; generalized_entropy_index with alpha 2: mean of ((b/m)² - 1)/2, in [0, (n - 1)/2], both
    over the rows of `groups` and `others`; between_group_theil: the theil index over the rows of `groups`, where every
    row has the mean benefit of its group. `others` are rows that belong to no known group.
    Not computable: no rows; a mean benefit of 0, when every row is denied; fewer than two groups with rows.
    """
    known, every = [group for group in groups if group.n], [*groups, *others]
    if not favourable_is_positive:
        known, every = [_turned(group) for group in known], [_turned(group) for group in every]
    sizes = [(2, sum(c.fp for c in every)), (1, sum(c.tp + c.tn for c in every)), (0, sum(c.fn for c in every))]
    behind: Counts = tuple((f"rows_of_benefit_{benefit}", rows) for benefit, rows in sizes)
    parts = [(Fraction(2 * c.fp + c.tp + c.tn, c.n), c.n) for c in known]
    whole = [(Fraction(benefit), rows) for benefit, rows in sizes if rows]
    few = "" if len(known) > 1 else f"Not computable: {len(known)} of the two groups needed."
    return {
        "theil_index": _index("theil_index", _theil, whole, behind),
        "generalized_entropy_index": _index("generalized_entropy_index", _half_squared, whole, behind),
        "between_group_theil": _index("between_group_theil", _theil, parts, (("groups", len(known)),), few),
    }


Shares = Sequence[tuple[Fraction, int]]
"""Values and how many rows have each, at least one."""


def _index(name: str, function: Callable[[Shares], float], values: Shares, counts: Counts, reason: str = "") -> Measure:
    n = sum(rows for _, rows in values)
    if not n:
        reason = "Not computable: there are no rows."
    elif not reason and not any(value for value, _ in values):
        reason = "Not computable: every row is denied, so the mean benefit is 0."
    if reason:
        return not_computable(name, reason, counts, n=n)
    mean = sum((value * rows for value, rows in values), Fraction(0)) / n
    value = function([(value / mean, rows) for value, rows in values]) / n
    return with_interval(name, value, n, None, method="benefit prediction - label + 1", counts=counts)


def _theil(values: Shares) -> float:
    """Sum of u ln u over rows of mean 1. u - 1, which sums to 0, is taken off: a small inequality keeps its digits."""
    return max(0.0, math.fsum(rows * _surplus(value) for value, rows in values))


def _surplus(value: Fraction) -> float:
    above = float(value - 1)
    return float(value) * math.log1p(above) - above if value else 1.0


def _half_squared(values: Shares) -> float:
    return float(sum(rows * (value * value - 1) for value, rows in values) / 2)
