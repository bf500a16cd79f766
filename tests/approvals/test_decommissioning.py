"""A version is retired only when every item of its decommission checklist was answered by whom the policy names."""

import pytest
from django.contrib.auth.models import User

from approvals import decommissioning, replaying, workflow
from approvals.decommission_rules import DEFAULT_ITEMS
from approvals.models import DecommissionAnswer, ModelVersion
from approvals.stages import Role, Stage
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import LedgerEntry
from tests.cast import SAFE

pytestmark = pytest.mark.both_engines
ITEMS = [
    {"item": "endpoint_off", "text": "The endpoint is off.", "roles": ["it_operations"]},
    {"item": "successor", "text": "The successor is named.", "roles": ["business_owner", "risk_officer"]},
]


def deploy(cast, items=ITEMS, number="1.0.0", model=None, **advancing):
    if model is None:
        cast.publish(decommission=items)
    version = cast.version(model, number)
    for _ in range(6):
        cast.advance(version)
    return cast.advance(version, **advancing)


def say(cast, version, item, role, *, by=None, applies=True, evidence=SAFE):
    return decommissioning.answer(
        version_id=version.pk, actor=by or cast.signers[role], item=item, applies=applies, evidence=evidence
    )


def stage_of(version):
    return ModelVersion.objects.get(pk=version.pk).stage


def test_nothing_is_retired_while_an_item_is_open_and_the_refusal_names_it(cast):
    version = deploy(cast)
    User.objects.filter(username="it_operations").update(first_name="F" * 150, last_name="L" * 150)
    cast.signers[Role.IT_OPERATIONS].refresh_from_db()
    assert len(say(cast, version, "endpoint_off", Role.IT_OPERATIONS).printed_name) == 160, "PostgreSQL keeps no more"
    with pytest.raises(Refused, match=r"1 open item: The successor is named. \(business owner or risk officer\)"):
        workflow.retire(version_id=version.pk, actor=cast.owner, reason=SAFE)
    assert stage_of(version) == Stage.MONITORING
    say(cast, version, "successor", Role.RISK_OFFICER, applies=False, evidence="Nothing follows: the product ended.")
    workflow.retire(version_id=version.pk, actor=cast.owner, reason=SAFE)
    assert stage_of(version) == Stage.RETIRED
    assert replaying.differences() == ()


def test_a_policy_that_names_no_items_asks_the_portal_s_own(cast):
    version = deploy(cast, None)
    assert decommissioning.open_items(version) == DEFAULT_ITEMS
    with pytest.raises(Refused, match="8 open items"):
        workflow.retire(version_id=version.pk, actor=cast.owner, reason=SAFE)
    for item in DEFAULT_ITEMS:
        say(cast, version, item.key, item.roles[0])
    workflow.retire(version_id=version.pk, actor=cast.owner, reason=SAFE)
    assert stage_of(version) == Stage.RETIRED


@pytest.mark.parametrize("who", ["owner", "submitter", "superuser", "auditor", "outsider", Role.RISK_OFFICER])
def test_only_whom_the_policy_names_answers(cast, who):
    version = deploy(cast)
    actor = cast.signers[who] if isinstance(who, Role) else getattr(cast, who)
    with pytest.raises(NotPermitted, match="IT operations"):
        say(cast, version, "endpoint_off", Role.IT_OPERATIONS, by=actor)
    assert not DecommissionAnswer.objects.exists()
    assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 1


def test_an_answer_says_what_shows_it_and_a_later_one_replaces_it(cast):
    version = deploy(cast)
    for evidence in ("", "done", "x" * 5000):
        with pytest.raises(BadInput):
            say(cast, version, "endpoint_off", Role.IT_OPERATIONS, evidence=evidence)
    with pytest.raises(BadInput, match="no such item"):
        say(cast, version, "lights_off", Role.IT_OPERATIONS)
    say(cast, version, "endpoint_off", Role.IT_OPERATIONS)
    say(cast, version, "endpoint_off", Role.IT_OPERATIONS, evidence="Switched off on the first of May, ticket 4711.")
    state = decommissioning.checklist(version)[0]
    assert state.answer.evidence.endswith("4711.")
    assert DecommissionAnswer.objects.count() == 2
    assert replaying.differences() == ()


def test_a_version_that_is_not_deployed_has_nothing_to_answer(cast):
    cast.publish(decommission=ITEMS)
    version = cast.version()
    with pytest.raises(Refused, match="nothing is taken out of service"):
        say(cast, version, "endpoint_off", Role.IT_OPERATIONS)


def test_a_replaced_version_is_suspended_until_its_checklist_is_answered(cast):
    first = deploy(cast)
    deploy(cast, number="2.0.0", model=first.model, incumbent_plan="replaced")
    assert stage_of(first) == Stage.SUSPENDED
    say(cast, first, "endpoint_off", Role.IT_OPERATIONS)
    say(cast, first, "successor", Role.BUSINESS_OWNER)
    workflow.retire(version_id=first.pk, actor=cast.owner, reason=SAFE)
    assert stage_of(first) == Stage.RETIRED


def test_a_replaced_version_with_an_answered_checklist_is_retired_at_once(cast):
    first = deploy(cast)
    say(cast, first, "endpoint_off", Role.IT_OPERATIONS)
    say(cast, first, "successor", Role.BUSINESS_OWNER)
    deploy(cast, number="2.0.0", model=first.model, incumbent_plan="replaced")
    assert stage_of(first) == Stage.RETIRED


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ({"item": "x"}, "must be a list"),
        ([{"item": "x", "text": "y", "roles": []}], "must name the roles"),
        ([{"item": "X!", "text": "y", "roles": ["risk_officer"]}], "small letters"),
        ([{"item": "x", "text": " ", "roles": ["risk_officer"]}], "characters"),
        ([ITEMS[0], {**ITEMS[0], "roles": ["risk_officer"]}], "twice"),
        ([{**ITEMS[0], "who": "x"}], "unknown"),
    ],
)
def test_a_checklist_that_nobody_could_answer_is_refused_where_it_is_written(cast, items, why):
    with pytest.raises(BadInput, match=why):
        cast.publish(decommission=items)


def test_what_was_answered_before_a_version_was_taken_into_use_again_counts_no_longer(cast):
    cast.publish({"deployment_approval": [{"signoffs": {"role": "it_operations"}}]}, decommission=ITEMS)
    version = cast.version()
    for _ in range(6):
        cast.advance(version)
    cast.sign(version, Role.IT_OPERATIONS)
    cast.advance(version)
    for item, role in (("endpoint_off", Role.IT_OPERATIONS), ("successor", Role.RISK_OFFICER)):
        say(cast, version, item, role)
    workflow.suspend(version_id=version.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)
    assert decommissioning.open_items(version) == (), "it is out of use, as was said"
    cast.sign(version, Role.IT_OPERATIONS, stage=Stage.DEPLOYMENT_APPROVAL)
    workflow.reinstate(version_id=version.pk, actor=cast.signers[Role.IT_OPERATIONS], reason=SAFE)
    with pytest.raises(Refused, match="2 open items"):
        workflow.retire(version_id=version.pk, actor=cast.owner, reason=SAFE)
    for item, role in (("endpoint_off", Role.IT_OPERATIONS), ("successor", Role.RISK_OFFICER)):
        say(cast, version, item, role)
    workflow.retire(version_id=version.pk, actor=cast.owner, reason=SAFE)
    assert stage_of(version) == Stage.RETIRED
    assert replaying.differences() == ()
