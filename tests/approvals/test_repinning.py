"""Another policy for a version under way: the difference in words, the effect before the act, and the act itself."""

import json

import pytest
import yaml
from django.utils import timezone

from approvals import permissions, publishing, repinning, replaying, workflow
from approvals.models import ModelVersion
from approvals.policy_changes import changes
from approvals.policy_document import parse
from approvals.stages import REVIEW_STAGES, Role
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from tests.cast import SAFE

BACKEND = "django.contrib.auth.backends.ModelBackend"
OLD = {"scoping": [{"signoffs": {"role": "business_analyst"}}]}
NEW = {"scoping": [{"evidence": {"kind": "artifact"}}, {"signoffs": {"role": "business_analyst", "people": 2}}]}


def policy(**changed):
    given = {
        "name": "p",
        "title": "P",
        "tier": "high",
        "approval_valid_days": 365,
        "gates": {stage.value: [] for stage in REVIEW_STAGES},
        **changed,
    }
    return parse(yaml.safe_dump(given, sort_keys=False))


class TestInWords:
    def test_equal_policies_have_no_difference(self):
        assert changes(policy(), policy(title="Another title")) == ()

    @pytest.mark.parametrize(
        ("before", "after", "said"),
        [
            ({}, {"approval_valid_days": 30}, "An approval is valid for 30 days instead of 365 days."),
            ({}, {"tier": "low"}, "It is for the low tier instead of the high tier."),
            ({}, {"basis": ["SR 26-2"]}, "New basis: SR 26-2"),
            ({"gates": OLD}, {"gates": {}}, "Scoping: the gate is no longer defined, so nothing may pass it."),
            ({"gates": {}}, {"gates": {"scoping": []}}, "Scoping: the gate is defined now"),
            ({"gates": OLD}, {"gates": NEW}, "Scoping: now asks for evidence artifact."),
            (
                {"gates": OLD},
                {"gates": NEW},
                "Scoping: asks for sign-off business analyst; people: 2; before: business analyst.",
            ),
            ({"gates": NEW}, {"gates": OLD}, "Scoping: no longer asks for evidence artifact."),
            (
                {"gates": {"validation": [{"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.6}}}]}},
                {"gates": {"validation": [{"checks": {"check": "performance", "thresholds": {"min_accuracy": 0.7}}}]}},
                "Validation: asks for check performance; thresholds: min accuracy: 0.7; before: performance",
            ),
            (
                {"questionnaires": {"use": [{"key": "who", "text": "Who?"}]}},
                {"questionnaires": {"use": [{"key": "who", "text": "Who, and why?"}]}},
                "Changed question in use: Who, and why? Before: Who?",
            ),
            ({}, {"monitors": [{"monitor": "staleness", "every_days": 30}]}, "New monitor: monitor: staleness"),
        ],
    )
    def test_each_difference_is_one_sentence(self, before, after, said):
        found = changes(policy(**before), policy(**after))
        assert any(sentence.startswith(said) for sentence in found), found


@pytest.fixture
def version(cast):
    cast.publish(OLD)
    version = cast.version()
    cast.sign(version, Role.BUSINESS_ANALYST)
    return version


@pytest.fixture
def newer(cast, version):
    return cast.publish(NEW)


def repin(cast, version, newer, by=None, **changed):
    given = {"actor": by or cast.signers[Role.RISK_OFFICER], "reason": SAFE, **changed}
    return repinning.repin(version_id=version.pk, policy_id=newer.pk, **given)


def test_a_dry_run_says_what_would_change_and_changes_nothing(cast, version, newer):
    before = LedgerEntry.objects.count()
    [effect] = repinning.dry_run(newer, user=cast.submitter)
    assert effect.version == version
    assert "Model artifact is not attached." in effect.added
    assert effect.sign_offs_void == 1
    assert ModelVersion.objects.get().policy != newer
    assert LedgerEntry.objects.count() == before
    assert repinning.dry_run(newer, user=cast.outsider) == ()
    assert repinning.dry_run(version.policy, user=cast.submitter) == ()


def test_pinning_is_an_act_with_a_reason_and_voids_every_sign_off(cast, version, newer):
    repin(cast, version, newer)
    assert ModelVersion.objects.get().policy == newer
    [entry] = LedgerEntry.objects.filter(event="approvals.version.repinned")
    payload = json.loads(entry.payload)
    assert payload["reason"] == SAFE
    assert payload["facts"]["policy_digest"] == newer.digest
    assert "Scoping: now asks for evidence artifact." in payload["facts"]["differences"]
    assert LedgerEntry.objects.filter(event="approvals.signoff.voided").count() == 1
    assert Notification.objects.filter(user=cast.submitter, text__contains="is judged by policy-high no. 2").exists()
    assert replaying.differences() == ()
    with pytest.raises(Refused, match="Model artifact is not attached"):
        cast.advance(version)


@pytest.mark.parametrize("who", ["submitter", "owner", "auditor", "outsider", "superuser", Role.MODEL_VALIDATOR])
def test_who_is_no_officer_pins_nothing_and_is_recorded(cast, version, newer, who):
    actor = cast.signers[who] if isinstance(who, Role) else getattr(cast, who)
    with pytest.raises(NotPermitted, match="Only a risk or compliance officer"):
        repin(cast, version, newer, by=actor)
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 1


def test_who_submitted_the_version_does_not_choose_its_policy(cast, version, newer):
    permissions.grant(actor=cast.superuser, codename="sign_off_as_risk_officer", to=cast.submitter, model=version.model)
    with pytest.raises(NotPermitted, match="somebody else must decide"):
        repin(cast, version, newer, by=cast.submitter)


def test_only_a_published_policy_of_the_tier_and_another_one(cast, version, newer):
    low = cast.publish(tier="low")
    draft = publishing.draft(actor=cast.author, text=newer.text)
    for wrong in (low, draft):
        with pytest.raises(Refused, match="no published policy of the high tier"):
            repin(cast, version, wrong)
    with pytest.raises(Refused, match=r"pinned to .* already"):
        repin(cast, version, version.policy)
    with pytest.raises(BadInput):
        repin(cast, version, newer, reason="  why ")


def test_after_review_the_policy_stays(cast, version, newer):
    workflow.withdraw(version_id=version.pk, actor=cast.submitter, reason=SAFE)
    with pytest.raises(Refused, match="keeps the policy that it was judged by"):
        repin(cast, version, newer)
    assert repinning.effect(ModelVersion.objects.get(), newer, now=timezone.now()).version == version


def test_the_pages_show_the_difference_before_the_act(client, cast, version, newer):
    officer = cast.signers[Role.RISK_OFFICER]
    client.force_login(cast.submitter, backend=BACKEND)
    assert "Judge by" not in client.get(version.get_absolute_url()).content.decode()
    address = f"/approvals/modelversion/{version.pk}/policy/{newer.pk}/"
    assert client.post(address, {"reason": SAFE}).status_code == 403
    client.force_login(officer, backend=BACKEND)
    assert address in client.get(version.get_absolute_url()).content.decode()
    html = client.get(address).content.decode()
    assert "Scoping: now asks for evidence artifact." in html
    assert "1 sign-off would stop counting." in html
    policy_page = client.get(f"/approvals/policy/{newer.pk}/change/").content.decode()
    assert "What changed since policy-high no. 1" in policy_page
    assert str(version) in client.get(f"/approvals/policy/{newer.pk}/dry-run/").content.decode()
    client.post(address, {"reason": SAFE})
    assert ModelVersion.objects.get().policy == newer
    client.force_login(cast.outsider, backend=BACKEND)
    assert client.get(address).status_code == 404
    assert str(version) not in client.get(f"/approvals/policy/{newer.pk}/dry-run/").content.decode()
