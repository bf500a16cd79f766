"""Rights are explicit grants on one model, to a person or a group, and end at once; nobody grants to oneself."""

import pytest
from django.contrib.auth.models import AnonymousUser, Group, Permission, User

from approvals import permissions
from approvals.models import RegisteredModel
from approvals.permissions import AUDIT, GRANTABLE, SUBMIT, permission_for
from approvals.stages import Role
from portal.errors import BadInput, NotPermitted
from portal.models import LedgerEntry
from tests.cast import person

RISK = permission_for(Role.RISK_OFFICER)


@pytest.fixture
def model(cast):
    return cast.model()


@pytest.fixture
def other(cast):
    return cast.model("Another model")


@pytest.fixture
def group(cast):
    group = Group.objects.create(name="Risk")
    group.user_set.add(cast.outsider)
    return group


def give(cast, to, model, codename=RISK, actor=None):
    permissions.grant(actor=actor or cast.superuser, codename=codename, to=to, model=model)


def take(cast, to, model, codename=RISK):
    permissions.revoke(actor=cast.superuser, codename=codename, to=to, model=model)


def test_a_grant_is_for_one_right_on_one_model(cast, model, other):
    give(cast, cast.outsider, model)
    assert permissions.roles_of(cast.outsider, model) == (Role.RISK_OFFICER,)
    assert permissions.roles_of(cast.outsider, other) == ()
    assert list(permissions.visible_models(cast.outsider)) == [model]
    assert not permissions.may_submit(cast.outsider, model)
    assert not permissions.may_audit(cast.outsider, model)


@pytest.mark.parametrize("through", ["person", "group"])
def test_a_right_that_is_taken_away_is_gone_for_the_object_in_memory_too(cast, model, group, through):
    to = group if through == "group" else cast.outsider
    give(cast, to, model)
    assert permissions.granted(cast.outsider, RISK, model)
    take(cast, to, model)
    assert not permissions.granted(cast.outsider, RISK, model)
    assert permissions.roles_of(cast.outsider, model) == ()
    assert not permissions.may_view(cast.outsider, model)


def test_leaving_the_group_ends_its_rights(cast, model, group):
    give(cast, group, model)
    assert permissions.roles_of(cast.outsider, model) == (Role.RISK_OFFICER,)
    group.user_set.remove(cast.outsider)
    assert permissions.roles_of(cast.outsider, model) == ()
    assert not permissions.visible_models(cast.outsider).exists()


def test_who_was_deactivated_has_no_right_even_if_the_object_in_memory_says_active(cast, model, group):
    give(cast, group, model)
    give(cast, cast.submitter, model, codename=AUDIT)
    User.objects.update(is_active=False)
    for user in (cast.outsider, cast.submitter, cast.owner, cast.signers[Role.RISK_OFFICER]):
        assert user.is_active, "only the database knows yet"
        assert permissions.roles_of(user, model) == ()
        assert not permissions.may_submit(user, model)
        assert not permissions.may_move(user, model)
        assert not permissions.may_audit(user, model)
        assert not permissions.is_owner(user, model)
        assert not permissions.may_view(user, model)
    assert permissions.holders(model) == {role.value: () for role in Role}


def test_nobody_is_nobody(model):
    nobody = AnonymousUser()
    assert not permissions.visible_models(nobody).exists()
    assert not permissions.granted(nobody, RISK, model)
    assert permissions.roles_of(nobody, model) == ()
    assert not permissions.may_move(nobody, model)
    assert not permissions.may_administer(nobody)


def test_g4_a_superuser_sees_everything_and_holds_nothing(cast, model):
    assert permissions.may_view(cast.superuser, model)
    assert permissions.roles_of(cast.superuser, model) == ()
    assert not permissions.may_submit(cast.superuser, model)
    assert not permissions.may_move(cast.superuser, model)


def test_a_right_on_all_models_from_djangos_own_tables_signs_nothing(cast, model):
    cast.outsider.user_permissions.add(Permission.objects.get(codename=RISK))
    fresh = User.objects.get(pk=cast.outsider.pk)
    assert not permissions.granted(fresh, RISK, model)
    assert permissions.roles_of(fresh, model) == ()


class TestAdministration:
    @pytest.mark.parametrize("who", ["outsider", "submitter", "owner", "auditor", "publisher"])
    def test_who_does_not_administer_changes_no_right(self, cast, model, who):
        with pytest.raises(NotPermitted, match="Only an administrator"):
            give(cast, cast.outsider, model, actor=getattr(cast, who))
        assert not permissions.may_view(cast.outsider, model)

    def test_g38_nobody_gives_rights_to_themselves_or_their_group(self, cast, model, group):
        group.user_set.add(cast.superuser)
        for to in (cast.superuser, group):
            with pytest.raises(NotPermitted, match="Nobody changes their own rights"):
                give(cast, to, model)
        assert permissions.roles_of(cast.superuser, model) == ()

    @pytest.mark.parametrize("codename", ["", "delete_registeredmodel", "sign_off_as_king", "add_registeredmodel"])
    def test_there_are_no_other_rights(self, cast, model, codename):
        with pytest.raises(BadInput) as caught:
            give(cast, cast.outsider, model, codename=codename)
        assert caught.value.field == "codename"

    def test_each_change_is_in_the_ledger(self, cast, model, group):
        before = LedgerEntry.objects.count()
        for codename in GRANTABLE:
            give(cast, group, model, codename=codename)
        take(cast, group, model, codename=SUBMIT)
        events = [entry.event for entry in LedgerEntry.objects.order_by("pk")[before:]]
        assert events == ["approvals.role.granted"] * len(GRANTABLE) + ["approvals.role.revoked"]
        assert {entry.actor_id for entry in LedgerEntry.objects.order_by("pk")[before:]} == {cast.superuser.pk}


def test_the_holders_of_a_role_are_named_once(cast, model, group):
    give(cast, group, model)
    give(cast, cast.outsider, model)
    person("idle", "Ida Idle", is_active=False)
    give(cast, User.objects.get(username="idle"), model)
    assert permissions.holders(model)["risk_officer"] == ("Farah Haddad", "Otto Outsider")
    assert permissions.people_with(RISK, model).count() == 2
    assert RegisteredModel.objects.count() == 1
