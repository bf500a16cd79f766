"""Settings that have their type and mean nothing are refused where a policy is written, with place and sentence."""

import dataclasses

import pytest
import yaml

from approvals import checks
from approvals.checks._setting_ranges import PARAMETERS, require_ranges
from approvals.models import Policy
from approvals.policy_document import parse
from approvals.stages import REVIEW_STAGES
from monitoring import monitors
from portal.errors import BadInput

KINDS = [
    pytest.param(kind, id=f"{folder}-{key}")
    for folder, registry in (("checks", checks.load()), ("monitors", monitors.load()))
    for key, kind in sorted(registry.items())
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_has_a_range_and_every_default_is_in_it(kind):
    numbers = [
        item.name for item in dataclasses.fields(kind.Parameters) if item.type in {"int", "float", "float | None"}
    ]
    assert set(numbers) <= set(PARAMETERS)
    require_ranges(kind.Parameters(), owner="the test")
    require_ranges(kind.Thresholds(), owner="the test")


def gate(check, **settings):
    return {"validation": [{"signoffs": {"role": "model_validator"}}, {"checks": {"check": check, **settings}}]}


PLACE = "Gate validation, item 2, check {}: "
OF_CHECKS = [
    ("performance", {"parameters": {"level": 1.5}}, "“level” must be above 0 and below 1, not 1.5"),
    ("performance", {"parameters": {"level": 0}}, "“level” must be above 0 and below 1, not 0"),
    ("performance", {"parameters": {"draws": -1}}, "“draws” must be 0 or more, not -1"),
    ("performance", {"thresholds": {"min_roc_auc": 70}}, "“min_roc_auc” must be from 0 to 1, not 70"),
    ("performance", {"thresholds": {"max_mae": -1}}, "“max_mae” must be 0 or more, not -1"),
    ("performance", {"thresholds": {"min_f1_macro": 1.2}}, "“min_f1_macro” must be from 0 to 1"),
    ("calibration", {"parameters": {"bins": 0}, "thresholds": {"max_ece": 0.1}}, "“bins” must be from 1 to 100"),
    ("calibration", {"thresholds": {"max_ece": 5}}, "“max_ece” must be from 0 to 1"),
    ("group_fairness", {"parameters": {"small_group": 0}}, "“small_group” must be 1 or more"),
    ("group_fairness", {"parameters": {"attributes": ["sex"]}}, "must be a list of lists of names"),
    ("group_fairness", {"thresholds": {"attributes": [[]]}}, "must be a list of lists of names"),
    ("data_quality", {"thresholds": {"max_missing_share": 20}}, "“max_missing_share” must be from 0 to 1, not 20"),
    ("digest_match", {"parameters": {"required": [1]}}, "must be a list of names"),
]
OF_MONITORS = [
    ({"monitor": "performance", "parameters": {"level": 1.5}, "thresholds": {"min_roc_auc": 0.7}}, "“level” must be"),
    ({"monitor": "feature_drift", "thresholds": {"max_psi": -0.1}}, "“max_psi” must be 0 or more"),
    ({"monitor": "feature_drift", "thresholds": {"max_ks": 25}}, "“max_ks” must be from 0 to 1"),
    ({"monitor": "feature_drift", "thresholds": {"max_psi": 0.2}, "warn": {"max_psi": -1}}, "feature_drift”, warn"),
    (
        {"monitor": "feature_drift", "thresholds": {"max_psi": 0.2}, "parameters": {"significance": 5}},
        "feature_drift”, parameters: “significance” must be above 0 and below 1",
    ),
    (
        {"monitor": "feature_drift", "thresholds": {"max_psi": 0.2}, "parameters": {"correction": "bonferroni"}},
        "correction must be holm or benjamini_hochberg",
    ),
    ({"monitor": "feature_drift", "thresholds": {"max_psi": 0.2}, "parameters": {"bins": 1}}, "needs 2 bins"),
    (
        {"monitor": "feature_drift", "thresholds": {"max_psi": 0.2}, "parameters": {"cuts": {"x": [2, 1]}}},
        "cuts of “x” must be rising numbers",
    ),
    ({"monitor": "volume", "thresholds": {"min_ratio": -1}}, "“min_ratio” must be 0 or more"),
    (
        {"monitor": "volume", "thresholds": {"min_ratio": 0.5}, "parameters": {"expected_rows_per_day": 0}},
        "“expected_rows_per_day” must be above 0",
    ),
    ({"monitor": "fairness", "thresholds": {"min_selection_ratio": 80}}, "“min_selection_ratio” must be from 0 to 1"),
    ({"monitor": "calibration", "thresholds": {"max_ece": "much"}}, "must be of type float, not str"),
]


@pytest.mark.parametrize(("check", "settings", "why"), OF_CHECKS)
def test_checks_are_refused_with_their_place(cast, check, settings, why):
    with pytest.raises(BadInput) as refused:
        cast.publish(gate(check, **settings))
    assert refused.value.sentence.startswith(PLACE.format(check))
    assert why in refused.value.sentence
    assert not Policy.objects.exists()


@pytest.mark.parametrize(("entry", "why"), OF_MONITORS)
def test_monitors_are_refused_with_their_place(cast, entry, why):
    with pytest.raises(BadInput) as refused:
        cast.publish(monitors=[entry])
    assert why in refused.value.sentence
    assert not Policy.objects.exists()


def test_a_policy_that_was_published_before_stays_readable():
    asked = gate("performance", parameters={"level": 1.5}, thresholds={"min_roc_auc": 0.7})
    gates = {stage.value: asked.get(stage.value, []) for stage in REVIEW_STAGES}
    text = yaml.safe_dump(
        {"name": "old", "title": "Old", "tier": "high", "approval_valid_days": 365, "gates": gates}, sort_keys=False
    )
    assert parse(text).check_requirements()["performance"].parameters == {"level": 1.5}
