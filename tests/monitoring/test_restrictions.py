"""An alarm that restricts: conditions of use on an approval that goes on holding, until an officer lifts them."""

from datetime import date

import pytest
from django.utils import timezone

from approvals import replaying, restricting
from approvals.models import ModelVersion, Policy, Restriction
from approvals.stages import Role
from monitoring.api_documents import as_version
from monitoring.overview import deployed_lines
from portal.errors import BadInput, NotPermitted, Refused
from portal.models import Notification
from tests.cast import SAFE, tiny_table
from tests.monitoring.test_records import DRIFT, deliver, shifted

WORDS = "No automated refusals; a person decides each case."
RESTRICTING = [{**DRIFT[0], "restricts": True, "restriction": WORDS}]


@pytest.fixture
def restricted(cast, deploy):
    version = deploy(RESTRICTING)
    deliver(cast, version, shifted(tiny_table(rows=600, seed=3)), date(2026, 7, 31))
    return ModelVersion.objects.get(pk=version.pk)


def test_the_approval_holds_on_conditions_that_everybody_sees(client, cast, restricted):
    (row,) = restricting.standing(restricted)
    assert row.text == WORDS
    assert restricted.stage == "monitoring"
    told = Notification.objects.filter(event="approvals.restriction.imposed").values_list("user__username", flat=True)
    assert {"owner", "submitter", "it_operations", "business_owner", "risk_officer"} == set(told)
    deliver(cast, restricted, shifted(tiny_table(rows=600, seed=4)), date(2026, 8, 31))
    assert Restriction.objects.count() == 1, "the same monitor restricts once"
    (line,) = deployed_lines(cast.owner, now=timezone.now())
    assert line.state == "Restricted; critical"
    assert as_version(restricted, [])["conditions_of_use"] == [WORDS]
    client.force_login(cast.owner, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(restricted.get_absolute_url()).content.decode()
    assert "for restricted use only" in page
    assert f"Condition of use: {WORDS}" in page
    assert replaying.differences() == ()


@pytest.mark.parametrize("who", ["owner", "submitter", "superuser", "auditor", "outsider"])
def test_only_an_officer_lifts_it_once_and_with_a_reason(cast, restricted, who):
    row = Restriction.objects.get()
    with pytest.raises(NotPermitted):
        restricting.lift(restriction_id=row.pk, actor=getattr(cast, who), reason=SAFE)
    if who != "owner":
        return
    officer = cast.signers[Role.RISK_OFFICER]
    with pytest.raises(BadInput):
        restricting.lift(restriction_id=row.pk, actor=officer, reason="fine now")
    restricting.lift(restriction_id=row.pk, actor=officer, reason=SAFE)
    with pytest.raises(Refused, match="already"):
        restricting.lift(restriction_id=row.pk, actor=officer, reason=SAFE)
    assert restricting.standing(restricted) == ()
    assert replaying.differences() == ()


def test_where_only_a_critical_alarm_restricts_an_alert_does_not(cast, deploy):
    entry = {**RESTRICTING[0], "critical": {"max_psi": 50}, "restricts": "critical"}
    version = deploy([entry])
    deliver(cast, version, shifted(tiny_table(rows=600, seed=3)), date(2026, 7, 31))
    assert not Restriction.objects.exists()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"restricts": True}, "together"),
        ({"restriction": WORDS}, "together"),
        ({"restricts": "maybe", "restriction": WORDS}, "true, false or critical"),
        ({"restricts": True, "restriction": "Careful"}, "10 to 500"),
    ],
)
def test_a_restriction_that_says_nothing_is_refused_where_it_is_written(cast, settings, why):
    with pytest.raises(BadInput, match=why):
        cast.publish(monitors=[{**DRIFT[0], **settings}])
    assert not Policy.objects.exists()
