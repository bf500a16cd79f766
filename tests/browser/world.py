"""Puts people and a small policy into an empty portal; run as a program of its own against the served database."""

from typing import Any

import django

django.setup()

from django.contrib.auth.models import Permission  # noqa: E402  (apps must be loaded first)

from tests.browser.watched import watch  # noqa: E402
from tests.cast import make_cast  # noqa: E402

STAGES = (
    "scoping",
    "data_review",
    "development",
    "validation",
    "fairness_review",
    "regulatory_review",
    "deployment_approval",
)
SIGNERS = dict(
    zip(
        STAGES,
        (
            "business_analyst",
            "data_steward",
            "lead_data_scientist",
            "model_validator",
            "risk_officer",
            "compliance_officer",
            "it_operations",
        ),
        strict=True,
    )
)
Gates = dict[str, list[dict[str, dict[str, Any]]]]
QUESTIONS = {"intended_use": [{"key": "decision", "text": "What is decided, about whom?", "min_length": 10}]}


def gates() -> Gates:
    """One signer per stage; evidence, answers and checks where they belong."""
    asked: Gates = {stage: [{"signoffs": {"role": role}}] for stage, role in SIGNERS.items()}
    asked["scoping"].insert(0, {"answers": {"section": "intended_use"}})
    asked["scoping"].append({"signoffs": {"role": "business_owner"}})
    asked["data_review"].insert(0, {"evidence": {"kind": "evaluation_table"}})
    asked["development"].insert(0, {"evidence": {"kind": "artifact"}})
    asked["validation"].insert(0, {"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}})
    asked["fairness_review"].insert(
        0, {"checks": {"check": "group_fairness", "thresholds": {"min_selection_ratio": 0.5}}}
    )
    asked["regulatory_review"].insert(0, {"findings": {"at_or_above": "medium"}})
    asked["deployment_approval"] += [
        {"signoffs": {"role": "security_officer"}},
        {"signoffs": {"role": "business_owner"}},
    ]
    return asked


if __name__ == "__main__":
    cast = make_cast()
    cast.publish(gates(), questionnaires=QUESTIONS)
    watch(cast)
    cast.superuser.user_permissions.add(Permission.objects.get(codename="add_registeredmodel"))
