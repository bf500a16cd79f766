"""Exceptions from a policy: the wrong people first, then what ends one. Two people sign; no day is ever moved."""

import uuid
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from approvals import dossier, policy, replaying, waivers, workflow
from approvals.models import ModelVersion, SignOff, Waiver, WaiverSignature
from approvals.policy_document import parse
from approvals.stages import Role, Transition
from approvals.waivable import waivable
from portal.errors import BadInput, NotPermitted, Refused, Stale
from portal.models import LedgerEntry
from portal.reauthentication import Proof
from tests.cast import PASSWORD, SAFE, web_request

pytestmark = pytest.mark.both_engines
GATES = {
    "scoping": [
        {"evidence": {"kind": "artifact"}},
        {"evidence": {"kind": "risk_register"}},
        {"signoffs": {"role": "business_analyst"}},
    ],
    "deployment_approval": [{"evidence": {"kind": "rollback_plan"}}],
}
RULES = {
    "waivers": {"roles": ["risk_officer", "compliance_officer"], "longest_days": 90},
    "emergency_override": {"roles": ["risk_officer", "business_owner"], "longest_days": 7},
}
WHY = "The register is being rewritten with the new owner of the process."
MEANWHILE = "Only the pilot branch uses it, and every case is read by a person."


@pytest.fixture
def version(cast):
    cast.publish(GATES, **RULES)
    version = cast.version()
    cast.artifact(version)
    return version


def today(days=0):
    return timezone.now().date() + timedelta(days=days)


@pytest.fixture
def ask(cast, version):
    def asked(kind="waiver", by=None, of=None, **changes):
        one = next(one for one in waivable(of or version) if one.kind == kind)
        given = {"reason": WHY, "meanwhile": MEANWHILE, "expires_on": today(7), "key": one.key, **changes}
        return waivers.ask(version_id=(of or version).pk, actor=by or cast.submitter, **given)

    return asked


@pytest.fixture
def sign(cast):
    def signed(waiver, role=None, by=None, password=PASSWORD, **changes):
        actor = by or cast.signers[role]
        waiver = Waiver.objects.get(pk=waiver.pk)
        given = {
            "seen_digest": waivers.prepare(waiver=waiver, actor=actor).digest,
            "idempotency_key": uuid.uuid4().hex,
            "comment": SAFE,
            **changes,
        }
        return waivers.sign(
            waiver_id=waiver.pk, actor=actor, proof=Proof(password), http_request=web_request(), **given
        )

    return signed


def open_kinds(version, cast):
    with pytest.raises(Refused) as caught:
        cast.advance(version)
    return {getattr(blocker, "code", "") for blocker in caught.value.blockers}


def test_a_policy_that_names_no_exceptions_allows_none(cast):
    cast.publish(GATES)
    version = cast.version()
    assert waivable(version) == ()
    with pytest.raises(Refused, match="allows no exception"):
        waivers.ask(
            version_id=version.pk,
            actor=cast.submitter,
            key="waiver scoping x",
            reason=WHY,
            meanwhile=MEANWHILE,
            expires_on=today(7),
        )
    assert not Waiver.objects.exists()


def test_only_those_who_take_part_ask_and_only_within_the_days_of_the_policy(cast, version, ask):
    with pytest.raises(NotPermitted):
        ask(by=cast.outsider)
    with pytest.raises(NotPermitted):
        ask(by=cast.auditor)
    for changes, field in [
        ({"expires_on": today()}, "expires_on"),
        ({"expires_on": today(91)}, "expires_on"),
        ({"reason": "too short"}, "reason"),
        ({"meanwhile": "nothing"}, "meanwhile"),
    ]:
        with pytest.raises(BadInput) as caught:
            ask(**changes)
        assert caught.value.field == field
    assert not Waiver.objects.exists()


def test_a_signature_itself_is_never_waived(version):
    kinds = {(one.kind, one.title) for one in waivable(version)}
    assert ("waiver", "Risk register") in kinds
    assert not any(kind == "waiver" and "Sign-off" in title for kind, title in kinds)


def test_who_may_not_sign_an_exception(cast, version, ask, sign):
    waiver = ask(by=cast.signers[Role.RISK_OFFICER])
    for actor, sentence in [
        (cast.signers[Role.RISK_OFFICER], "You asked for this exception"),
        (cast.signers[Role.BUSINESS_OWNER], "you hold none of these roles"),
        (cast.superuser, "you hold none of these roles"),
        (cast.submitter, "you hold none of these roles"),
    ]:
        with pytest.raises(NotPermitted, match=sentence):
            sign(waiver, by=actor)
    with pytest.raises(BadInput, match="password"):
        sign(waiver, Role.COMPLIANCE_OFFICER, password="guess")
    assert not WaiverSignature.objects.exists()
    refused = LedgerEntry.objects.filter(event="approvals.signoff.refused")
    assert refused.count() == 5


def test_one_signature_opens_nothing_two_do_and_the_day_after_the_last_closes_again(cast, version, ask, sign):
    waiver = ask()
    sign(waiver, Role.RISK_OFFICER)
    with pytest.raises(NotPermitted, match="signed this exception already"):
        sign(waiver, Role.RISK_OFFICER)
    assert open_kinds(version, cast) == {"evidence_missing", "sign_off_missing"}
    sign(waiver, Role.COMPLIANCE_OFFICER)
    assert open_kinds(version, cast) == {"sign_off_missing"}
    cast.sign(version, Role.BUSINESS_ANALYST)
    with pytest.raises(Refused, match="The exception from this ended"):
        cast.advance(version, now=timezone.now() + timedelta(days=8))
    cast.advance(version, now=timezone.now() + timedelta(days=7))
    assert replaying.differences() == ()


def test_an_exception_is_part_of_the_dossier_so_whoever_signed_before_signs_again(cast, version, ask, sign):
    cast.sign(version, Role.BUSINESS_ANALYST)
    waiver = ask()
    sign(waiver, Role.RISK_OFFICER)
    assert not LedgerEntry.objects.filter(event="approvals.signoff.voided").exists()
    sign(waiver, Role.COMPLIANCE_OFFICER)
    assert LedgerEntry.objects.filter(event="approvals.signoff.voided").count() == 1
    assert open_kinds(version, cast) == {"sign_off_voided"}


def test_an_exception_ends_when_what_it_is_about_changes(cast, version, ask, sign):
    waiver = ask()
    sign(waiver, Role.RISK_OFFICER)
    cast.artifact(version, seed=2)
    with pytest.raises(NotPermitted, match="has changed since it was asked for"):
        sign(waiver, Role.COMPLIANCE_OFFICER)
    assert "evidence_missing" in open_kinds(version, cast)


def test_what_changed_after_the_page_was_shown_is_not_signed(cast, version, ask, sign):
    waiver = ask(kind="emergency")
    seen = waivers.prepare(waiver=waiver, actor=cast.signers[Role.RISK_OFFICER]).digest
    cast.attach(version, "risk_register", b'{"risks": ["one"]}', "risks.json")
    with pytest.raises(Stale) as caught:
        sign(waiver, Role.RISK_OFFICER, seen_digest=seen)
    assert any("risk_register" in change for change in caught.value.changes)
    assert not WaiverSignature.objects.exists()


def test_an_emergency_sets_the_whole_gate_aside_for_days_and_says_so(cast, version, ask, sign):
    with pytest.raises(BadInput, match="at most 7 days"):
        ask(kind="emergency", expires_on=today(8))
    waiver = ask(kind="emergency")
    sign(waiver, Role.RISK_OFFICER)
    sign(waiver, Role.BUSINESS_OWNER)
    assert cast.advance(version).stage == "data_review"
    event = LedgerEntry.objects.filter(event="approvals.waiver.signed").latest("seq")
    assert '"exception":"emergency"' in event.payload
    assert not SignOff.objects.exists()


def test_the_same_key_signs_once(version, ask, sign):
    waiver = ask()
    first = sign(waiver, Role.RISK_OFFICER, idempotency_key="k")
    assert sign(waiver, Role.RISK_OFFICER, idempotency_key="k") == first
    assert WaiverSignature.objects.count() == 1


@pytest.fixture
def deployed(cast, version, ask, sign):
    cast.attach(version, "risk_register", b'{"risks": ["one"]}', "risks.json")
    cast.sign(version, Role.BUSINESS_ANALYST)
    for _ in range(6):
        cast.advance(version)
    waiver = ask(of=ModelVersion.objects.get(pk=version.pk), expires_on=today(30))
    sign(waiver, Role.RISK_OFFICER)
    sign(waiver, Role.COMPLIANCE_OFFICER)
    cast.advance(version)
    return waiver


def test_an_approval_that_rests_on_an_exception_is_suspended_the_day_after_it_ends(cast, deployed):
    assert workflow.suspend_lapsed(now=timezone.now() + timedelta(days=30)) == ()
    late = timezone.now() + timedelta(days=31)
    assert len(workflow.suspend_lapsed(now=late)) == 1
    assert workflow.suspend_lapsed(now=late) == ()
    entry = LedgerEntry.objects.filter(event="approvals.version.suspended").latest("seq")
    assert "Rollback plan" in entry.payload
    assert "still not met" in entry.payload
    version = ModelVersion.objects.select_related("model", "policy").get(pk=deployed.version_id)
    again = policy.decide(
        dossier.load_case(version), parse(version.policy.text), Transition.REINSTATE, now=late
    ).blockers
    assert [one.code for one in again] == ["evidence_missing"]
    assert "The exception from this ended" in again[0].sentence


def test_an_exception_that_the_approval_does_not_rest_on_suspends_nothing(cast, version, ask, sign):
    """It was never granted, or what it set aside was met in time."""
    halfway = ask()
    sign(halfway, Role.RISK_OFFICER)
    cast.attach(version, "risk_register", b'{"risks": ["one"]}', "risks.json")
    cast.sign(version, Role.BUSINESS_ANALYST)
    for _ in range(6):
        cast.advance(version)
    granted = ask(of=ModelVersion.objects.get(pk=version.pk))
    sign(granted, Role.RISK_OFFICER)
    sign(granted, Role.COMPLIANCE_OFFICER)
    cast.attach(version, "rollback_plan", b"Back to the earlier version by a switch.", "rollback.md")
    cast.advance(version)
    assert workflow.suspend_lapsed(now=timezone.now() + timedelta(days=60)) == ()


def test_a_revoked_exception_suspends_at_once_and_only_the_right_people_revoke(cast, deployed):
    for actor in (cast.auditor, cast.outsider, cast.signers[Role.IT_OPERATIONS]):
        with pytest.raises(NotPermitted):
            waivers.revoke(waiver_id=deployed.pk, actor=actor, reason=SAFE)
    waivers.revoke(waiver_id=deployed.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)
    with pytest.raises(Refused, match="already"):
        waivers.revoke(waiver_id=deployed.pk, actor=cast.signers[Role.RISK_OFFICER], reason=SAFE)
    assert len(workflow.suspend_lapsed()) == 1
    assert replaying.differences() == ()


def test_the_database_keeps_what_an_exception_says(version, ask, sign):
    waiver = ask()
    sign(waiver, Role.RISK_OFFICER)
    for change in (
        lambda: Waiver.objects.filter(pk=waiver.pk).update(expires_on=today(80)),
        lambda: Waiver.objects.filter(pk=waiver.pk)._raw_delete("default"),
        lambda: WaiverSignature.objects.update(comment="Other words than those signed."),
    ):
        with pytest.raises(DatabaseError, match="never"), transaction.atomic():
            change()
