"""Exceptions and delegations through the web: the wrong people first, then by clicking what the pages offer."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from approvals.models import Delegation, Waiver, WaiverSignature
from approvals.stages import Role
from tests.cast import PASSWORD, SAFE

BACKEND = "django.contrib.auth.backends.ModelBackend"
GATES = {"scoping": [{"evidence": {"kind": "risk_register"}}, {"signoffs": {"role": "business_analyst"}}]}
RULES = {
    "waivers": {"roles": ["risk_officer", "compliance_officer"], "longest_days": 90},
    "emergency_override": {"roles": ["risk_officer", "business_owner"], "longest_days": 7},
}


@pytest.fixture
def version(cast):
    cast.publish(GATES, **RULES)
    version = cast.version()
    cast.artifact(version)
    return version


@pytest.fixture
def as_(client):
    def signed_in(user):
        client.force_login(user, backend=BACKEND)
        return client

    return signed_in


def day(days):
    return (timezone.now().date() + timedelta(days=days)).isoformat()


def test_an_exception_is_asked_for_signed_by_two_and_revoked_on_its_pages(cast, version, as_):
    ask = reverse("admin:approvals_modelversion_ask_exception", args=[version.pk])
    assert as_(cast.outsider).get(ask).status_code == 404
    assert "Only submitters" in as_(cast.auditor).get(ask).content.decode()
    page = as_(cast.submitter).get(ask)
    key = next(value for value, label in page.context["form"].fields["key"].choices if "Risk register" in label)
    given = {"key": key, "reason": SAFE * 2, "meanwhile": SAFE * 2, "expires_on": day(91)}
    assert "at most 90 days" in as_(cast.submitter).post(ask, given).content.decode()
    assert as_(cast.submitter).post(ask, {**given, "expires_on": day(30)}).status_code == 302
    waiver = Waiver.objects.get()
    url = reverse("admin:approvals_waiver_change", args=[waiver.pk])
    assert as_(cast.outsider).get(url).status_code == 404
    assert "you hold none of these roles" in as_(cast.auditor).get(url).content.decode()
    assert as_(cast.auditor).post(url, {}).status_code == 200
    for role in (Role.RISK_OFFICER, Role.COMPLIANCE_OFFICER):
        form = as_(cast.signers[role]).get(url).context["form"]
        given = {"comment": SAFE, "password": "wrong", "meaning": "on", **form.initial}
        assert "not correct" in as_(cast.signers[role]).post(url, given).content.decode()
        assert as_(cast.signers[role]).post(url, {**given, "password": PASSWORD}).status_code == 302
    assert WaiverSignature.objects.count() == 2
    shown = as_(cast.submitter).get(version.get_absolute_url()).content.decode()
    assert "Holds until" in shown
    assert "Scoping is blocked: 1 item is open" in shown
    listed = as_(cast.submitter).get(reverse("admin:approvals_waiver_changelist")).content.decode()
    assert "Holds until" in listed
    revoke = reverse("admin:approvals_waiver_revoke", args=[waiver.pk])
    assert as_(cast.auditor).post(revoke, {"reason": SAFE}).status_code == 403
    assert as_(cast.outsider).post(revoke, {"reason": SAFE}).status_code == 404
    assert as_(cast.submitter).post(revoke, {"reason": SAFE}).status_code == 302
    assert "Revoked" in as_(cast.submitter).get(url).content.decode()


def test_a_role_is_delegated_and_ended_on_its_pages(cast, version, as_):
    give = reverse("admin:approvals_delegation_give")
    assert "You hold no role" in as_(cast.outsider).get(give).content.decode()
    analyst = cast.signers[Role.BUSINESS_ANALYST]
    given = {
        "what": f"{version.model_id} business_analyst",
        "to": cast.outsider.pk,
        "starts_on": day(0),
        "ends_on": day(7),
        "reason": "On leave until next week.",
    }
    as_(cast.outsider).post(give, given)
    assert not Delegation.objects.exists()
    assert as_(analyst).post(give, given).status_code == 302
    row = Delegation.objects.get()
    assert "Consumer credit scoring" in as_(cast.outsider).get(version.get_absolute_url()).content.decode()
    sign = reverse("admin:approvals_modelversion_sign", args=[version.pk, "scoping", "business_analyst"])
    assert "for Amara Nwosu" in as_(cast.outsider).get(sign).content.decode()
    inbox = as_(cast.outsider).get(reverse("admin:approvals_modelversion_awaiting")).content.decode()
    assert "Sign as business analyst" in inbox
    url = reverse("admin:approvals_delegation_change", args=[row.pk])
    end = reverse("admin:approvals_delegation_end", args=[row.pk])
    as_(cast.auditor).post(end)
    assert Delegation.objects.get().revoked_at is None
    assert "End it now" in as_(analyst).get(url).content.decode()
    assert as_(analyst).post(end).status_code == 302
    assert as_(cast.outsider).get(version.get_absolute_url()).status_code == 404
    assert "Ended early" in as_(cast.outsider).get(url).content.decode()
