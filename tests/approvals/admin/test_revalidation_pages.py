"""Revalidation and retirement as people click them: what is offered, what is refused, what the page says afterwards."""

import pytest
from django.urls import reverse

from approvals.models import ModelVersion, Revalidation
from approvals.stages import Role, Stage
from tests.cast import PASSWORD, SAFE

GATES = {"validation": [{"signoffs": {"role": "model_validator"}}]}
ITEMS = [{"item": "endpoint_off", "text": "The endpoint is off.", "roles": ["it_operations"]}]


@pytest.fixture
def version(cast):
    rule = {"gates": ["validation"], "every_months": 12}
    cast.publish(GATES, revalidation=rule, decommission=ITEMS)
    version = cast.version()
    for _ in range(3):
        cast.advance(version)
    cast.sign(version, Role.MODEL_VALIDATOR)
    for _ in range(4):
        cast.advance(version)
    return ModelVersion.objects.get(pk=version.pk)


def address(version, act, *more):
    return reverse(f"admin:approvals_modelversion_{act}", args=[version.pk, *more])


def page(client, user, version):
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client.get(version.get_absolute_url()).content.decode()


def test_a_pass_from_the_button_to_the_new_date(client, cast, version):
    officer, validator = cast.signers[Role.RISK_OFFICER], cast.signers[Role.MODEL_VALIDATOR]
    assert "Revalidate now" not in page(client, cast.auditor, version)
    assert "Revalidate now" in page(client, officer, version)
    client.post(address(version, "revalidation_ask"), {"reason": SAFE})
    seen = page(client, officer, version)
    assert "its revalidation is under way; 1 item open" in seen
    assert "Do not renew" in seen
    assert 'id="button-renew"' not in seen
    seen = page(client, validator, version)
    assert "Sign as model validator (validation)" in seen
    assert "Model validator must sign again" in seen
    sign = address(version, "sign", "validation", "model_validator")
    shown = client.get(sign)
    assert "Record of monitoring for the revalidation" in shown.content.decode()
    fields = shown.context["form"].initial
    form = {**fields, "decision": "approve", "comment": SAFE, "meaning": "on", "password": PASSWORD}
    assert client.post(sign, form).status_code == 302
    assert 'id="button-renew"' in page(client, officer, version)
    client.post(address(version, "revalidation_renew"), {"reason": SAFE})
    assert Revalidation.objects.get().outcome == "renewed"
    assert "Approval renewed" in page(client, officer, version)


def test_the_inbox_asks_for_the_signature_again(client, cast, version):
    client.force_login(cast.signers[Role.RISK_OFFICER], backend="django.contrib.auth.backends.ModelBackend")
    client.post(address(version, "revalidation_ask"), {"reason": SAFE})
    client.force_login(cast.signers[Role.MODEL_VALIDATOR], backend="django.contrib.auth.backends.ModelBackend")
    inbox = client.get(reverse("admin:approvals_modelversion_awaiting")).content.decode()
    assert "revalidation, by" in inbox


@pytest.mark.parametrize("act", ["revalidation_ask", "revalidation_renew", "revalidation_refuse"])
def test_who_may_not_is_told_so_and_nothing_happens(client, cast, version, act):
    client.force_login(cast.auditor, backend="django.contrib.auth.backends.ModelBackend")
    assert "Not possible now" in client.get(address(version, act)).content.decode()
    assert client.post(address(version, act), {"reason": SAFE}).status_code == 403
    assert not Revalidation.objects.exists()


def test_retirement_waits_for_the_checklist_on_the_page(client, cast, version):
    assert "Off while the decommission checklist has open items." in page(client, cast.owner, version)
    operator = cast.signers[Role.IT_OPERATIONS]
    assert "Answer…" in page(client, operator, version)
    client.post(address(version, "decommission", "endpoint_off"), {"applies": "yes", "evidence": SAFE})
    html = page(client, cast.owner, version)
    assert SAFE in html
    assert " as IT operations, " in html
    client.post(address(version, "move", "retire"), {"reason": SAFE})
    assert ModelVersion.objects.get(pk=version.pk).stage == Stage.RETIRED
    assert SAFE in page(client, cast.owner, version), "the answers stay on the page"
