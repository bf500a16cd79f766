"""What a policy may limit of a drift, by which test each is told from chance, and how well that test sees one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from approvals.checks._rules import number
from approvals.measures.drift_tests import (
    Power,
    power_of_distance_of_shares,
    power_of_effect,
    power_of_ks,
    power_of_psi,
    power_of_shift,
    rows_needed,
)
from approvals.measures.multiplicity import benjamini_hochberg, chance_sentence, holm
from approvals.measures.values import Measure
from monitoring.monitors._drift import NAMES

CORRECTIONS = {"holm": holm, "benjamini_hochberg": benjamini_hochberg}
IN_WORDS = {"holm": "Holm", "benjamini_hochberg": "Benjamini and Hochberg"}


@dataclass(frozen=True)
class Limit:
    """One setting of a policy: the measure that it limits, and the test by which that is told from chance."""

    setting: str
    key: str
    test: str
    power: Power

    @property
    def words(self) -> str:
        """What people call the measure."""
        return NAMES[self.key]


LIMITS = (
    Limit("max_psi", "psi", "shares_p", power_of_psi),
    Limit("max_js_distance", "js_distance", "shares_p", power_of_distance_of_shares),
    Limit("max_total_variation", "total_variation", "shares_p", power_of_distance_of_shares),
    Limit("max_chi_square_effect", "chi_square_effect", "shares_p", power_of_effect),
    Limit("max_ks", "ks", "ks_p", power_of_ks),
    Limit("max_wasserstein_normalised", "wasserstein_normalised", "ks_p", power_of_shift),
)


@dataclass(frozen=True)
class Certainty:
    """How sure one has to be: level and correction of the tests, and the power that a batch must have."""

    significance: float = 0.05
    correction: str = "holm"
    min_power: float = 0.8

    @classmethod
    def of(cls, details: Mapping[str, Any]) -> Certainty:
        """As a reading carries it."""
        return cls(**details.get("certainty", {}))


@dataclass(frozen=True)
class Family:
    """All tests that the limits of a policy need together, adjusted for their number."""

    adjusted: Mapping[tuple[str, str], float]
    certainty: Certainty
    notes: tuple[str, ...] = field(default=())

    @property
    def size(self) -> int:
        """How many comparisons were made."""
        return len(self.adjusted)

    @property
    def level(self) -> float:
        """The level at which the first of them would be called significant; both corrections start there."""
        return self.certainty.significance / max(1, self.size)

    def p_text(self, key: tuple[str, str]) -> str:
        """The adjusted p of one, for people."""
        return f"p {number(self.adjusted[key])} after {IN_WORDS[self.certainty.correction]} over {self.size:,}"

    def is_significant(self, key: tuple[str, str]) -> bool:
        """Whether it is told from chance."""
        return self.adjusted.get(key, 1.0) <= self.certainty.significance

    @property
    def sentence(self) -> str:
        """How many comparisons were made, how many would seem significant by chance, and what is done about it."""
        chance = chance_sentence(self.size, self.certainty.significance)
        how = f"adjusted by {IN_WORDS[self.certainty.correction]}"
        return f"{chance} They were {how}; only what is significant then, and beyond its limit, is an alarm."


def family_of(measures: Mapping[str, Measure], columns: Sequence[str], tests: Sequence[str], sure: Certainty) -> Family:
    """The named tests of all columns, and those of missing shares where any value is missing."""
    found: dict[tuple[str, str], float] = {}
    for column in columns:
        for test in tests:
            p = _p_of(measures.get(f"{NAMES[test]} of {column}"))
            if p is not None:
                found[test, column] = p
        missing = measures.get(f"{NAMES['missing_p']} of {column}")
        if missing is not None and missing.value is not None and any(count for _, count in missing.counts):
            found["missing_p", column] = float(missing.value)
    adjusted = CORRECTIONS[sure.correction](list(found.values()))
    return Family(dict(zip(found, adjusted, strict=True)), sure)


def _p_of(measure: Measure | None) -> float | None:
    """The p, or the largest that it may be."""
    if measure is None:
        return None
    if measure.value is not None:
        return float(measure.value)
    return measure.bounds[1] if measure.bounds else None


@dataclass(frozen=True)
class Sight:
    """The power to see a drift of a limit's size in one column, and how many rows would be enough."""

    power: float
    rows: int
    needed: int | None


def sight_of(limit: Limit, size: float, test: Measure, family: Family) -> Sight | None:
    """How well a drift of that size would be seen; None where the sizes of the samples are not recorded."""
    before, now = test.count("n_reference"), test.count("n_current")
    if not before or not now:
        return None
    freedom = max(1, (test.count("values_or_bins") or 1) - 1)  # of all bins, which more rows would fill
    power = limit.power(size, 1.0 / before + 1.0 / now, freedom, family.level) if size > 0.0 else 0.0
    if power >= family.certainty.min_power:
        return Sight(power, now, now)
    least = family.certainty.min_power
    needed = rows_needed(limit.power, size, reference=before, freedom=freedom, level=family.level, least=least)
    return Sight(power, now, needed)
