"""Signing for somebody else: dated, reasoned, printed, and never more than the principal could do."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from approvals import delegations, permissions, replaying, workflow
from approvals.models import Delegation, ModelVersion, SignOff
from approvals.stages import Role
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import Notification
from tests.cast import SAFE, person

pytestmark = pytest.mark.both_engines
ANALYST, OFFICER = Role.BUSINESS_ANALYST, Role.RISK_OFFICER


def today(days=0):
    return timezone.now().date() + timedelta(days=days)


@pytest.fixture
def version(cast):
    cast.publish({"scoping": [{"signoffs": {"any_of": [ANALYST.value, OFFICER.value], "people": 2}}]})
    version = cast.version()
    cast.artifact(version)
    return version


@pytest.fixture
def stand_in(db):
    return person("standin", "Stella Stand-In")


@pytest.fixture
def give(cast, version, stand_in):
    def given(by=None, to=None, role=ANALYST, **changes):
        days = {"starts_on": today(), "ends_on": today(7), "reason": "On leave until next week.", **changes}
        return delegations.delegate(
            model_id=version.model_id, actor=by or cast.signers[role], role=role, to=to or stand_in, **days
        )

    return given


def test_nobody_passes_on_what_is_not_theirs_or_was_delegated_to_them(cast, give, stand_in):
    for actor in (cast.outsider, cast.superuser, cast.owner, cast.signers[OFFICER]):
        with pytest.raises(NotPermitted, match="you cannot pass it on"):
            give(by=actor)
    give()
    with pytest.raises(NotPermitted, match="you cannot pass it on"):
        give(by=stand_in, to=cast.owner)
    assert Delegation.objects.count() == 1


def test_a_delegation_has_days_a_reason_and_another_person(cast, give):
    gone = person("gone", "Gone Away")
    gone.is_active = False
    gone.save()
    for changes, field in [
        ({"ends_on": today(-1), "starts_on": today(-2)}, "ends_on"),
        ({"starts_on": today(3), "ends_on": today(2)}, "ends_on"),
        ({"ends_on": today(93)}, "ends_on"),
        ({"reason": "holidays"}, "reason"),
        ({"to": cast.signers[ANALYST]}, "to"),
        ({"to": gone}, "to"),
    ]:
        with pytest.raises(BadInput) as caught:
            give(**changes)
        assert caught.value.field == field, changes
    assert not Delegation.objects.exists()


def test_a_delegate_sees_the_model_and_signs_in_the_name_of_both(cast, version, give, stand_in):
    with pytest.raises(NotPermitted):
        cast.sign(version, ANALYST, by=stand_in)
    assert not permissions.may_view(stand_in, version.model)
    give()
    assert permissions.may_view(stand_in, version.model)
    assert permissions.roles_of(stand_in, version.model) == ()
    signed = cast.sign(version, ANALYST, by=stand_in)
    assert signed.printed_name == "Stella Stand-In for Amara Nwosu"
    assert signed.on_behalf_of == cast.signers[ANALYST]
    assert signed.signer == stand_in
    with pytest.raises(NotPermitted):
        workflow.suspend(version_id=version.pk, actor=stand_in, reason=SAFE)
    assert replaying.differences() == ()


def test_g5_one_principal_is_one_seat_whoever_signs_for_them(cast, version, give, stand_in):
    give()
    second = person("second", "Sam Second")
    give(to=second)
    cast.sign(version, ANALYST, by=stand_in)
    with pytest.raises(NotPermitted, match="for whom you would sign, has signed scoping already"):
        cast.sign(version, ANALYST, by=second)
    with pytest.raises(NotPermitted, match="signed scoping already"):
        cast.sign(version, ANALYST)
    with pytest.raises(Refused, match="1 of 2 people have signed"):
        cast.advance(version)


def test_g5_one_hand_fills_one_seat_even_for_two_principals(cast, version, give, stand_in):
    give()
    give(role=OFFICER)
    cast.sign(version, ANALYST, by=stand_in)
    with pytest.raises(NotPermitted, match="You have signed scoping already"):
        cast.sign(version, OFFICER, by=stand_in)
    assert SignOff.objects.count() == 1
    cast.sign(version, OFFICER)
    assert cast.advance(version).stage == "data_review"


def test_g3_nobody_signs_their_own_work_through_somebody_else(cast, version, give, stand_in):
    permissions.grant(
        actor=cast.superuser, codename=permissions.permission_for(ANALYST), to=cast.submitter, model=version.model
    )
    give(by=cast.submitter)
    with pytest.raises(NotPermitted, match="Sofia Lind, for whom you would sign, contributed"):
        cast.sign(version, ANALYST, by=stand_in)
    give(to=cast.developer)
    with pytest.raises(NotPermitted, match="You developed this version"):
        cast.sign(version, ANALYST, by=cast.developer)


def test_before_and_after_its_days_and_when_the_principal_loses_the_role_it_gives_nothing(
    cast, version, give, stand_in
):
    give(starts_on=today(1))
    with pytest.raises(NotPermitted):
        cast.sign(version, ANALYST, by=stand_in)
    row = give()
    delegations.revoke(delegation_id=row.pk, actor=stand_in)
    with pytest.raises(NotPermitted):
        cast.sign(version, ANALYST, by=stand_in)
    give()
    permissions.revoke(
        actor=cast.superuser,
        codename=permissions.permission_for(ANALYST),
        to=cast.signers[ANALYST],
        model=version.model,
    )
    with pytest.raises(NotPermitted):
        cast.sign(version, ANALYST, by=stand_in)
    assert not permissions.may_view(stand_in, version.model)


def test_a_principal_who_was_made_inactive_signs_through_nobody(cast, version, give, stand_in):
    give()
    cast.signers[ANALYST].is_active = False
    cast.signers[ANALYST].save()
    with pytest.raises(NotPermitted):
        cast.sign(version, ANALYST, by=stand_in)


def test_only_those_concerned_end_a_delegation_and_what_was_signed_stays(cast, version, give, stand_in):
    row = give()
    signed = cast.sign(version, ANALYST, by=stand_in)
    for actor in (cast.outsider, cast.auditor, cast.submitter):
        with pytest.raises(NotPermitted):
            delegations.revoke(delegation_id=row.pk, actor=actor)
    delegations.revoke(delegation_id=row.pk, actor=cast.signers[ANALYST])
    with pytest.raises(Refused, match="already"):
        delegations.revoke(delegation_id=row.pk, actor=cast.signers[ANALYST])
    cast.sign(version, OFFICER)
    assert cast.advance(version).stage == "data_review"
    assert ModelVersion.objects.get().sign_offs.filter(pk=signed.pk).exists()
    assert replaying.differences() == ()


def test_the_database_keeps_what_a_delegation_says(give):
    row = give()
    with pytest.raises(DatabaseError, match="never changes"), transaction.atomic():
        Delegation.objects.filter(pk=row.pk).update(ends_on=today(90))
    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
        Delegation.objects.filter(pk=row.pk)._raw_delete("default")


def test_a_delegate_who_may_not_view_the_model_yet_is_told_no_word_of_it(give, stand_in, version):
    give(starts_on=today(3))
    told = Notification.objects.get(user=stand_in)
    assert "as business analyst" in told.text
    assert "shown to you from the first day on" in told.text
    assert str(version.model) not in told.text
    assert "On leave" not in told.text
    give(role=OFFICER)
    assert f"on {version.model}, from" in Notification.objects.filter(user=stand_in).latest("pk").text
