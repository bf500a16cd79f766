"""A deployed version with all monitors of a policy."""

import pytest

from approvals.models import ModelVersion
from tests.cast import TABLE, tiny_table

MONITORS = [
    {"monitor": "data_quality", "thresholds": {"max_missing_share": 0.02}, "severity": "medium", "every_days": 31},
    {"monitor": "feature_drift", "thresholds": {"max_psi": 0.25}, "severity": "high", "every_days": 31},
    {"monitor": "score_drift", "thresholds": {"max_psi": 0.25}, "severity": "high", "every_days": 31},
    {"monitor": "performance", "thresholds": {"min_roc_auc": 0.7}, "severity": "high", "every_days": 31},
    {"monitor": "fairness", "thresholds": {"min_selection_ratio": 0.5}, "severity": "high", "every_days": 31},
    {"monitor": "staleness", "severity": "medium", "every_days": 31},
]


def deployed(cast, monitors=MONITORS, columns=TABLE, rules=None):
    """A version that was brought into monitoring under a policy with these monitors."""
    cast.publish(monitors=monitors, **(rules or {}))
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **columns)
    for _ in range(7):
        cast.advance(version)
    return ModelVersion.objects.get(pk=version.pk)


@pytest.fixture
def deploy(cast):
    """Bring a version into monitoring under a policy with these monitors."""

    def bring(monitors=MONITORS, columns=TABLE, rules=None):
        return deployed(cast, monitors, columns, rules)

    return bring
