"""A deployed version with all monitors of a policy."""

import copy
import json
from contextlib import contextmanager

import pytest
from django.db import transaction
from django.utils import timezone

from approvals.models import ModelVersion
from tests.cast import TABLE, make_cast, tiny_table
from tests.databases import database_of_its_own

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


@pytest.fixture(scope="module")
def portals(django_db_setup, django_db_blocker, tmp_path_factory):
    """Opens a database with everybody and one deployed version, each time as it was before: SQLite only.

    For each plan it is made once, and anew on another day: to bring a version into monitoring takes longer than most of
    what is tested on it.
    """
    made = {}

    @contextmanager
    def opened(monitors=MONITORS, columns=TABLE, rules=None):
        plan = json.dumps([str(timezone.now().date()), monitors, columns, rules])
        if plan not in made:
            folder = tmp_path_factory.mktemp("deployed")
            with database_of_its_own(django_db_blocker, folder):
                cast = make_cast()
                made[plan] = folder, cast, deployed(cast, monitors, columns, rules).pk
        folder, cast, version = made[plan]
        with database_of_its_own(django_db_blocker, folder, template=folder), transaction.atomic():
            yield copy.deepcopy(cast), ModelVersion.objects.get(pk=version)
            transaction.set_rollback(True)

    return opened


@pytest.fixture
def plan():
    """What `opened` brings into monitoring: a file, or one test of it by its parameters, may say otherwise."""
    return {}


@pytest.fixture
def opened(portals, plan):
    """Everybody and one deployed version; a file whose tests begin with it names the two by fixtures of its own."""
    with portals(**plan) as found:
        yield found
