"""The whole demonstration in order: people, policies, six models. The command and the test tell exactly this."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from django.conf import settings

from approvals import publishing
from approvals.models import Policy
from approvals.models.policies import PolicyStatus
from approvals.policy_document import parse
from portal.management.demo.cast import CLARA, DAVID, PEOPLE, create_accounts, user
from portal.management.demo.other_stories import approved, registered
from portal.management.demo.scenes import House
from portal.management.demo.side_stories import applicant_profile, campaign, early_warning
from portal.management.demo.steps import Step
from portal.management.demo.story import credit_score

TEMPLATES = Path(settings.BASE_DIR) / "approvals" / "policy_templates"
OF_THE_DEMO = Path(__file__).parent
MORE_MONITORS = {
    "high_tier": """\
  # Of the demonstration: the version in shadow is compared with the deployed one on the same applications.
  - monitor: challenger
    parameters: {other: "0.9.0", other_prediction: shadow_pred, other_score: shadow_score}
    thresholds: {min_roc_auc_difference_low: -0.05}
    severity: low
    every_days: 31
"""
}
"""What the demonstration watches beyond the templates, at the end of a policy."""


def whole_story(house: House) -> list[Step]:
    """Every step of the demonstration."""
    return [
        Step(f"{len(PEOPLE)} people get accounts", partial(create_accounts, house.password)),
        _policy("high_tier", "the policy of the high tier"),
        # A version is pinned to the newest policy of its tier, so that of all other low-tier models comes last.
        _policy("low_tier_numbers", "the policy of low-tier models that predict a number"),
        *registered(house, "progress"),
        _policy("low_tier_classes", "the policy of low-tier models that choose a class"),
        *registered(house, "reader"),
        _policy("low_tier", "the policy of the low tier"),
        *credit_score(house),
        *campaign(house),
        *early_warning(house),
        *applicant_profile(house),
        *approved(house, "progress"),
        *approved(house, "reader"),
    ]


def _policy(template: str, named: str) -> Step:
    return Step(f"Clara writes {named}, and David publishes it", partial(_publish, template))


def _publish(template: str) -> None:
    folder = TEMPLATES if (TEMPLATES / f"{template}.yaml").is_file() else OF_THE_DEMO
    text = (folder / f"{template}.yaml").read_text(encoding="utf-8")
    text += MORE_MONITORS.get(template, "")
    row = Policy.objects.filter(name=parse(text).name, text=text).first()
    if row is None:
        row = publishing.draft(actor=user(CLARA), text=text)
    if row.status == PolicyStatus.DRAFT:
        publishing.publish(policy_id=row.pk, actor=user(DAVID), seen_digest=row.digest)
