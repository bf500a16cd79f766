"""The card of an approval that was renewed under a newer policy: it names both, and proves what was taken over."""

import json
from dataclasses import replace

from django.utils import timezone

from approvals import repinning, revalidating
from approvals.stages import Role, Stage
from modelcards import agreement, content, issuing
from modelcards.card import Card, CardStatus
from modelcards.models import ModelCard
from modelcards.rendering import html
from tests.approvals.test_revalidating import fresh
from tests.cast import SAFE
from tests.modelcards.approvals import GATES, approved

NEWER = {**GATES, "scoping": [{"signoffs": {"role": "business_analyst"}}]}
RULE = {"gates": ["scoping"], "every_months": 6}


def problems(card):
    return [*agreement.sign_off_problems(card), *agreement.policy_problems(card), *agreement.ledger_problems(card)]


def test_it_prints_both_policies_and_what_was_signed_under_the_first_still_counts(cast):
    version, officer = approved(cast), cast.signers[Role.RISK_OFFICER]
    old, newer = version.policy, cast.publish(NEWER, revalidation=RULE)
    revalidating.ask(version_id=version.pk, actor=officer, reason=SAFE)
    repinning.repin(version_id=version.pk, policy_id=newer.pk, actor=officer, reason=SAFE)
    cast.sign(version, Role.BUSINESS_ANALYST, stage=Stage.SCOPING)
    revalidating.renew(version_id=version.pk, actor=officer, reason=SAFE)
    row = ModelCard.objects.filter(version=version, kind="issued").latest("pk")
    assert issuing.execute(row.pk), ModelCard.objects.get(pk=row.pk).error
    card = Card.from_json(json.loads(ModelCard.objects.get(pk=row.pk).content))
    assert (card.policy.digest, [one.digest for one in card.policy.earlier]) == (newer.digest, [old.digest])
    assert "deployment_approval" in card.policy.earlier[0].stages
    assert "scoping" not in card.policy.earlier[0].stages
    assert {one.stage for one in card.sign_offs if one.current} == {"scoping", "deployment_approval"}
    assert problems(card) == []
    page = html(card)
    assert f"under another policy, {old.name} no. 1" in page
    assert "ask is the same in both; it was signed under that one." in page
    assert "from now on under policy-high no. 2 instead of policy-high no. 1" in page
    revalidating.ask(version_id=version.pk, actor=officer, reason=SAFE)
    during = content.build(fresh(version), number="MC-1", status=CardStatus.ISSUED, now=timezone.now())
    assert during.policy == card.policy, "a pass that opened since takes nothing from it"
    forged = replace(card, policy=replace(card.policy, earlier=()))
    assert problems(forged) == ["The ledger says otherwise about the sign-off of Ivan Dvorak as it operations: policy."]
    elsewhere = replace(card.policy.earlier[0], digest="0" * 64)
    assert problems(replace(card, policy=replace(card.policy, earlier=(elsewhere,)))) != []
