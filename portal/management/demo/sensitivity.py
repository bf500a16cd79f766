"""How often the demo's story would come out the same with another seed: python -m portal.management.demo.sensitivity.

Measures with plain counts, apart from the portal's engine. Changes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from portal.management.demo.applications import rows_of
from portal.management.demo.training import TrainedModel, train_first, train_mitigated

LOWEST_RATIO, LARGEST_DIFFERENCE = 0.80, 0.10


@dataclass(frozen=True)
class Fairness:
    """Between groups: lowest by highest approval rate, and highest less lowest among those who repaid."""

    selection_ratio: float
    equal_opportunity_difference: float

    @property
    def passes(self) -> bool:
        """Whether both are within the thresholds of the demo's policy."""
        return self.selection_ratio >= LOWEST_RATIO and self.equal_opportunity_difference <= LARGEST_DIFFERENCE


def fairness(model: TrainedModel, *attributes: str) -> Fairness:
    """Measured on the held-out rows of a model; several attributes make an intersection."""
    rows = rows_of(model.evaluation_csv)
    groups = np.array([" | ".join(row[name] for name in attributes) for row in rows])
    approved = np.array([row["y_pred"] == "1" for row in rows])
    repaid = np.array([row["y_true"] == "1" for row in rows])
    rates = [float(approved[groups == group].mean()) for group in np.unique(groups)]
    true_rates = [float(approved[(groups == group) & repaid].mean()) for group in np.unique(groups)]
    return Fairness(min(rates) / max(rates), max(true_rates) - min(true_rates))


def shares(seeds: Iterable[int]) -> dict[str, float]:
    """Shares of the seeds with which each part of the story holds."""
    found: dict[str, list[bool]] = {}
    for seed in seeds:
        first, mitigated = train_first(seed), train_mitigated(seed)
        fails = not fairness(first, "age_group").passes
        passes = fairness(mitigated, "age_group").passes
        by_sex = fairness(first, "sex").passes and fairness(mitigated, "sex").passes
        story = {
            "first artifact fails by age group": fails,
            "mitigated artifact passes by age group": passes,
            "both pass by sex": by_sex,
            "all of these": fails and passes and by_sex,
            "all of these, and mitigated passes by sex and age group": fails
            and passes
            and by_sex
            and fairness(mitigated, "sex", "age_group").passes,
            "mitigated has the higher ratio by age group": fairness(mitigated, "age_group").selection_ratio
            > fairness(first, "age_group").selection_ratio,
        }
        for part, holds in story.items():
            found.setdefault(part, []).append(holds)
    return {part: float(np.mean(holds)) for part, holds in found.items()}


if __name__ == "__main__":
    for what, share in shares(range(int(sys.argv[1]) if len(sys.argv) > 1 else 200)).items():
        sys.stdout.write(f"{share:6.1%}  {what}\n")
