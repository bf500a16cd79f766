"""What docs/evaluation-tables.md says can be asked, can be asked."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from approvals import checks
from approvals.checks.base import build

PAGE = (Path(__file__).parents[3] / "docs" / "evaluation-tables.md").read_text("utf-8")
EXAMPLES = [entry["checks"] for entry in yaml.safe_load(re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)[1])]


@pytest.mark.parametrize("asked", EXAMPLES, ids=[entry["check"] for entry in EXAMPLES])
def test_its_examples_are_policies(asked):
    check = checks.find(asked["check"])
    build(check.Parameters, asked.get("parameters", {}), owner="the page")
    build(check.Thresholds, asked.get("thresholds", {}), owner="the page")


def test_every_threshold_it_names_exists():
    known = {item.name for check in checks.load().values() for item in fields(check.Thresholds)}
    bounds = ("max_", "min_")
    known |= {name.removeprefix(bound) for name in known for bound in bounds}
    known |= {item.name for check in checks.load().values() for item in fields(check.Parameters)}
    named = set(re.findall(r"`((?:max|min)_[a-z0-9_]*[a-z0-9])`", PAGE))
    assert named
    assert named <= known
