"""Models and versions come in with a name, an owner and a policy, or not at all."""

import pytest
from django.contrib.auth.models import Permission

from approvals import permissions, registration
from approvals.models import ModelVersion, RegisteredModel
from portal.errors import BadInput, NotPermitted
from portal.models import LedgerEntry
from tests.cast import TIER_ANSWERS


def register(cast, **changes):
    given = {
        "actor": cast.submitter,
        "name": "Credit scoring",
        "purpose": "Decides who gets credit.",
        "owner": cast.owner,
        "business_unit": "Retail",
        "tier_answers": TIER_ANSWERS["high"],
        **changes,
    }
    return registration.register_model(**given)


@pytest.mark.parametrize("who", ["outsider", "auditor", "owner", "publisher"])
def test_who_has_no_right_registers_nothing(cast, who):
    with pytest.raises(NotPermitted):
        register(cast, actor=getattr(cast, who))
    assert not RegisteredModel.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "n" * 1000}, "name"),
        ({"purpose": ""}, "purpose"),
        ({"business_unit": "\t"}, "business_unit"),
        ({"business_unit": "b" * 1000}, "business_unit"),
        ({"tier_answers": {**TIER_ANSWERS["high"], "use": "guess"}}, "tier_use"),
        ({"tier_answers": {}}, "tier_people"),
        ({"tier_answers": {**TIER_ANSWERS["high"], "eu_category": "prohibited"}}, "tier_eu_category"),
    ],
)
def test_bad_input_is_named_at_its_field(cast, changes, field):
    with pytest.raises(BadInput) as caught:
        register(cast, **changes)
    assert caught.value.field == field
    assert not RegisteredModel.objects.exists()


def test_a_name_is_given_once(cast):
    register(cast)
    with pytest.raises(BadInput) as caught:
        register(cast, name=" Credit scoring ")
    assert caught.value.field == "name"
    assert RegisteredModel.objects.count() == 1


def test_who_registers_may_submit_and_nothing_else(cast):
    model = register(cast)
    assert permissions.may_submit(cast.submitter, model)
    assert permissions.roles_of(cast.submitter, model) == ()
    assert not permissions.is_owner(cast.submitter, model)
    assert not permissions.may_audit(cast.submitter, model)
    assert LedgerEntry.objects.filter(event="approvals.model.registered").count() == 1


@pytest.mark.parametrize("who", ["outsider", "auditor", "owner", "superuser", "developer"])
def test_only_a_submitter_of_this_model_registers_versions(cast, who):
    cast.publish()
    with pytest.raises(NotPermitted, match="Only a submitter of this model"):
        registration.register_version(
            model_id=register(cast).pk, actor=getattr(cast, who), number="1", summary="One.", developer=cast.developer
        )


def test_a_submitter_of_another_model_is_an_outsider_here(cast):
    cast.publish()
    model = register(cast)
    cast.outsider.user_permissions.add(Permission.objects.get(codename="add_registeredmodel"))
    other = type(cast.outsider).objects.get(pk=cast.outsider.pk)
    register(cast, actor=other, name="Another model")
    with pytest.raises(NotPermitted):
        registration.register_version(
            model_id=model.pk, actor=other, number="1", summary="One.", developer=cast.developer
        )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"number": " "}, "number"),
        ({"number": "1" * 200}, "number"),
        ({"summary": ""}, "summary"),
        ({"code_revision": "c" * 500}, "code_revision"),
    ],
)
def test_bad_versions_are_named_at_their_field(cast, changes, field):
    cast.publish()
    model = register(cast)
    given = {"number": "1.0.0", "summary": "The first.", "developer": cast.developer, **changes}
    with pytest.raises(BadInput) as caught:
        registration.register_version(model_id=model.pk, actor=cast.submitter, **given)
    assert caught.value.field == field
    assert not ModelVersion.objects.exists()


def test_a_number_is_given_once_per_model(cast):
    cast.publish()
    model = register(cast)
    cast.version(model)
    with pytest.raises(BadInput, match=r"Version 1\.0\.0 of Credit scoring exists already") as caught:
        cast.version(model, number=" 1.0.0 ")
    assert caught.value.field == "number"
    cast.version(register(cast, name="Another model"))
    assert LedgerEntry.objects.filter(event="approvals.version.registered").count() == 2
