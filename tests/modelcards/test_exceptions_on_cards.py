"""Exceptions stand on the card while they hold, an emergency override in red, and the verdict says so."""

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import delegations, waivers
from approvals.models import ModelVersion, Waiver
from approvals.stages import Role
from approvals.waivable import waivable
from modelcards import rendering
from modelcards.card import CardStatus
from modelcards.content import assembly
from portal.reauthentication import Proof
from tests.cast import PASSWORD, SAFE, web_request

RULES = {
    "waivers": {"roles": ["risk_officer", "compliance_officer"], "longest_days": 90},
    "emergency_override": {"roles": ["risk_officer", "compliance_officer"], "longest_days": 7},
}
WHY = "The register <b>is</b> being rewritten with the new owner of the process."


@pytest.fixture
def version(cast):
    cast.publish(
        {"scoping": [{"evidence": {"kind": "risk_register"}}, {"signoffs": {"role": "business_analyst"}}]}, **RULES
    )
    version = cast.version()
    cast.artifact(version)
    return version


@pytest.fixture
def grant(cast, version):
    def granted(kind):
        one = next(one for one in waivable(version) if one.kind == kind)
        row = waivers.ask(
            version_id=version.pk,
            actor=cast.submitter,
            key=one.key,
            reason=WHY,
            meanwhile="Every case is read by a person.",
            expires_on=timezone.now().date() + timedelta(days=5),
        )
        for role in (Role.RISK_OFFICER, Role.COMPLIANCE_OFFICER):
            actor = cast.signers[role]
            waivers.sign(
                waiver_id=row.pk,
                actor=actor,
                proof=Proof(PASSWORD),
                comment=SAFE,
                seen_digest=waivers.prepare(waiver=Waiver.objects.get(pk=row.pk), actor=actor).digest,
                idempotency_key=uuid.uuid4().hex,
                http_request=web_request(),
            )

    return granted


def card_of(version, later=timedelta(0)):
    version = ModelVersion.objects.select_related("model__owner", "policy", "submitted_by").get(pk=version.pk)
    return assembly.build(version, number="MC-1", status=CardStatus.ISSUED, now=timezone.now() + later)


@pytest.mark.parametrize(
    ("kind", "verdict", "red"),
    [("waiver", "Approved with exceptions", False), ("emergency", "Approved by emergency override", True)],
)
def test_the_card_names_the_exception_its_signers_and_its_end(version, grant, kind, verdict, red):
    assert card_of(version).waivers == ()
    grant(kind)
    card = card_of(version)
    assert card.summary.verdict == verdict
    assert [one.is_override for one in card.waivers] == [red]
    assert card.waivers[0].granted_by == ("Farah Haddad (Risk officer)", "Goran Horvat (Compliance officer)")
    html = rendering.html(card)
    assert "Exceptions from the policy" in html
    assert ("waiver override" in html) is red
    assert "<b>is</b>" not in html
    assert type(card).from_json(card.as_json()) == card
    assert card_of(version, timedelta(days=6)).waivers == ()


def test_whoever_signed_for_somebody_is_printed_with_both_names(cast, version):
    today = timezone.now().date()
    delegations.delegate(
        model_id=version.model_id,
        actor=cast.signers[Role.BUSINESS_ANALYST],
        role=Role.BUSINESS_ANALYST,
        to=cast.outsider,
        starts_on=today,
        ends_on=today,
        reason="On leave today and tomorrow.",
    )
    cast.sign(version, Role.BUSINESS_ANALYST, by=cast.outsider)
    assert card_of(version).sign_offs[0].printed_name == "Otto Outsider for Amara Nwosu"
