"""Any of several roles, any two of them, all of them: quorums that a policy may ask."""

import pytest
from django.utils import timezone

from approvals import permissions
from approvals.admin.standing import awaited_of
from approvals.models import SignOff
from approvals.stages import Role
from modelcards import content
from modelcards.agreement import policy_problems, quorums
from modelcards.approval import EITHER
from modelcards.card import CardStatus
from portal.errors import BadInput, NotPermitted, Refused

BACKEND = "django.contrib.auth.backends.ModelBackend"
ANY_OF = ["business_analyst", "business_owner", "data_steward"]
TWO_OF_THREE = {"any_of": ANY_OF, "people": 2}


@pytest.fixture
def version(cast):
    cast.publish({"scoping": [{"signoffs": TWO_OF_THREE}, {"signoffs": {"role": "risk_officer"}}]})
    return cast.version()


def test_any_two_of_three_roles_open_the_gate(cast, version):
    with pytest.raises(Refused, match="Business analyst, business owner or data steward: 0 of 2 people have signed"):
        cast.advance(version)
    cast.sign(version, Role.BUSINESS_OWNER)
    cast.sign(version, Role.RISK_OFFICER)
    with pytest.raises(Refused, match="1 of 2 people have signed"):
        cast.advance(version)
    cast.sign(version, Role.DATA_STEWARD)
    cast.advance(version)


def test_one_person_with_two_of_the_roles_is_one_person(cast, version):
    owner = cast.signers[Role.BUSINESS_OWNER]
    permissions.grant(actor=cast.superuser, codename="sign_off_as_data_steward", to=owner, model=version.model)
    cast.sign(version, Role.BUSINESS_OWNER)
    with pytest.raises(NotPermitted, match="one person signs once per stage"):
        cast.sign(version, Role.DATA_STEWARD, by=owner)
    assert SignOff.objects.count() == 1


def test_a_role_that_is_not_among_them_does_not_sign(cast, version):
    with pytest.raises(NotPermitted, match="asks no sign-off as compliance officer"):
        cast.sign(version, Role.COMPLIANCE_OFFICER)


def test_an_objection_in_any_of_the_roles_closes_the_gate(cast, version):
    cast.sign(version, Role.BUSINESS_OWNER)
    cast.sign(version, Role.DATA_STEWARD)
    cast.sign(version, Role.RISK_OFFICER)
    cast.sign(version, Role.BUSINESS_ANALYST, decision="request_changes")
    with pytest.raises(Refused, match=r"Amara Nwosu \(business analyst\) asked for changes"):
        cast.advance(version)


def test_without_anybody_who_holds_one_of_them_it_says_so(cast, version):
    for role in (Role.BUSINESS_ANALYST, Role.BUSINESS_OWNER, Role.DATA_STEWARD):
        permissions.revoke(
            actor=cast.superuser,
            codename=permissions.permission_for(role),
            to=cast.signers[role],
            model=version.model,
        )
    with pytest.raises(Refused, match="Nobody holds the role business analyst, business owner or data steward"):
        cast.advance(version)


def test_the_inbox_and_the_page_offer_the_role_that_the_person_holds(client, cast, version):
    steward = cast.signers[Role.DATA_STEWARD]
    [line] = awaited_of(steward)
    assert line.role == "Data steward"
    assert line.sign_url.endswith("/sign/scoping/data_steward/")
    client.force_login(steward, backend=BACKEND)
    html = client.get(version.get_absolute_url()).content.decode()
    assert line.sign_url in html
    cast.sign(version, Role.BUSINESS_ANALYST)
    cast.sign(version, Role.BUSINESS_OWNER)
    assert awaited_of(steward) == ()


def test_a_card_shows_the_alternatives_and_agrees_with_its_policy(cast, version):
    cast.artifact(version)
    cast.sign(version, Role.BUSINESS_OWNER)
    card = content.build(version, number="DRAFT-1", status=CardStatus.DRAFT, now=timezone.now())
    assert policy_problems(card) == []
    asked = {quorum.required.role: (quorum.people, quorum.met) for quorum in quorums(card)}
    assert asked[EITHER.join(ANY_OF)] == (("Bengt Olsson",), False)
    assert asked["risk_officer"] == ((), False)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"any_of": ["risk_officer"]}, "at least two different roles"),
        ({"any_of": ["risk_officer", "risk_officer"]}, "at least two different roles"),
        ({"any_of": ["risk_officer", "king"]}, "there is no role “king”"),
        ({"any_of": "risk_officer"}, "must be a list of roles"),
        ({"any_of": [["risk_officer"], "king"]}, "must be a list of roles"),
        ({"any_of": ["risk_officer", "data_steward"], "role": "risk_officer"}, "and not both"),
        ({"people": 2}, "and not both"),
    ],
)
def test_a_wrong_wording_is_refused(cast, asked, said):
    with pytest.raises(BadInput, match=said):
        cast.publish({"scoping": [{"signoffs": asked}]})


def test_one_signature_never_serves_two_entries_of_a_gate(cast):
    both = [{"signoffs": {"role": "data_steward"}}, {"signoffs": {"any_of": ["data_steward", "risk_officer"]}}]
    with pytest.raises(BadInput, match="asks twice for data_steward"):
        cast.publish({"scoping": both})
