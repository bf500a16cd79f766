"""A revalidation judged by a newer policy: what it asks, what the approval rests on meanwhile, what its end does."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from approvals import (
    checking,
    dossier,
    findings,
    judging,
    lapsing,
    permissions,
    policy,
    publishing,
    repinning,
    replaying,
    revalidating,
    running,
    signing_off,
    timeline,
    waivers,
    workflow,
)
from approvals.models import Finding, ModelVersion, Revalidation, Waiver
from approvals.policy_document import parse
from approvals.stages import Role, Stage
from approvals.waivable import waivable
from portal.auditing import verify
from portal.errors import BadInput, DomainError, NotPermitted, Refused
from portal.models import LedgerEntry, Notification
from portal.reauthentication import Proof
from tests.approvals.test_revalidating import GATES, REPORT, RULE, ask, deploy, fresh, renew, sign_again
from tests.cast import PASSWORD, SAFE, TABLE, make_cast, tiny_table, web_request
from tests.databases import at_once

BACKEND = "django.contrib.auth.backends.ModelBackend"
OFFICER = Role.RISK_OFFICER
NEWER = {
    **GATES,
    "fairness_review": [{"signoffs": {"role": "compliance_officer"}}],
    "validation": [{"evidence": {"kind": "validation_report"}}, {"signoffs": {"role": "model_validator"}}],
}


@pytest.fixture
def deployed(cast):
    return deploy(cast)


@pytest.fixture
def newer(cast, deployed):
    return publish(cast)


def publish(cast, gates=None, **changed):
    return cast.publish(gates or NEWER, approval_valid_days=90, revalidation={**RULE, "every_months": 3}, **changed)


def pin(cast, version, newer, by=None, **changed):
    given = {"actor": by or cast.signers[OFFICER], "reason": SAFE, **changed}
    return repinning.repin(version_id=version.pk, policy_id=newer.pk, **given)


def dossiers(version):
    return dict(dossier.load_case(fresh(version)).dossiers)


def sign_all(cast, version):
    signed = sign_again(cast, version)
    return signed, cast.sign(version, Role.COMPLIANCE_OFFICER, stage=Stage.FAIRNESS_REVIEW)


def test_a_condition_of_a_sign_off_that_a_pin_voided_stands_and_the_page_says_why_and_what_cures_it(
    client, cast, deployed, newer
):
    ask(cast, deployed)
    due = timezone.now().date() + timedelta(days=5)
    conditions = (signing_off.Condition("Explain the refusals.", cast.owner, due),)
    stage = Stage.VALIDATION
    cast.sign(
        fresh(deployed), Role.MODEL_VALIDATOR, stage=stage, decision="approve_with_conditions", conditions=conditions
    )
    late = timezone.now() + timedelta(days=7)
    assert "that sign-off does not count" not in lapsing.lapsed(fresh(deployed), late)
    pin(cast, deployed, newer)
    assert workflow.suspend_lapsed(now=timezone.now() + timedelta(days=4)) == ()
    [suspended] = workflow.suspend_lapsed(now=late)
    assert suspended.pk == deployed.pk
    client.force_login(cast.auditor, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get(deployed.get_absolute_url()).content.decode()
    for words in (
        "A condition of the approval is overdue since",
        "Explain the refusals. Elif Kaya set it as Model Validator on",
        "that sign-off does not count any more, but what it asked for stands.",
        "The model validator or a risk officer closes the finding with evidence; then it can be reinstated.",
    ):
        assert words.lower() in page.lower()
    findings.close_finding(finding_id=Finding.objects.get().pk, actor=cast.signers[OFFICER], evidence=SAFE)
    assert "condition" not in lapsing.lapsed(fresh(deployed), late)


class TestPinning:
    @pytest.mark.parametrize("who", ["submitter", "owner", "outsider", "superuser", Role.MODEL_VALIDATOR])
    def test_who_is_no_officer_pins_nothing(self, cast, deployed, newer, who):
        ask(cast, deployed)
        actor = cast.signers[who] if isinstance(who, Role) else getattr(cast, who)
        with pytest.raises(NotPermitted, match="Only a risk or compliance officer"):
            pin(cast, deployed, newer, by=actor)
        assert LedgerEntry.objects.filter(event="approvals.act.refused").count() == 1
        assert judging.of(fresh(deployed)).policy == deployed.policy

    def test_who_submitted_the_version_does_not_choose_and_a_reason_is_given(self, cast, deployed, newer):
        ask(cast, deployed)
        right = permissions.permission_for(OFFICER)
        permissions.grant(actor=cast.superuser, codename=right, to=cast.submitter, model=deployed.model)
        with pytest.raises(NotPermitted, match="somebody else must decide"):
            pin(cast, deployed, newer, by=cast.submitter)
        with pytest.raises(BadInput):
            pin(cast, deployed, newer, reason="  why ")

    def test_without_a_revalidation_a_deployed_version_keeps_its_policy(self, cast, deployed, newer):
        with pytest.raises(Refused, match=r"keeps the policy .* pinned in a revalidation"):
            pin(cast, deployed, newer)

    def test_only_a_published_policy_of_the_tier_and_another_one(self, cast, deployed, newer):
        ask(cast, deployed)
        draft = publishing.draft(actor=cast.author, text=newer.text)
        for wrong in (cast.publish(tier="low"), draft):
            with pytest.raises(Refused, match="no published policy of the high tier"):
                pin(cast, deployed, wrong)
        with pytest.raises(Refused, match=r"revalidation is pinned to .* already"):
            pin(cast, deployed, deployed.policy)

    def test_an_approval_is_renewed_under_no_older_policy_than_its_own(self, cast):
        older = cast.publish(GATES, revalidation=RULE, basis=["Before the rules were made stricter."])
        version = deploy(cast)
        ask(cast, version)
        with pytest.raises(Refused, match="was published before"):
            pin(cast, version, older)

    def test_the_pass_is_judged_by_it_and_the_approval_rests_on_the_old_one(self, cast, deployed, newer):
        before, standing = timeline.dossiers_at_approval(deployed), timeline.standing_sign_offs(fresh(deployed))
        ask(cast, deployed)
        row = Revalidation.objects.get()
        pin(cast, deployed, newer)
        version = fresh(deployed)
        assert version.policy != newer
        assert Revalidation.objects.get().due_on == row.due_on
        assert Revalidation.objects.get().stages == (Stage.VALIDATION, Stage.FAIRNESS_REVIEW), (
            "what asks otherwise, too"
        )
        assert timeline.dossiers_at_approval(version) == before
        assert timeline.standing_sign_offs(version) == standing
        assert {stage: dossiers(version)[stage] for stage in ("scoping", "deployment_approval")} == {
            stage: before[stage] for stage in ("scoping", "deployment_approval")
        }
        told = Notification.objects.filter(event="approvals.revalidation.repinned").values_list(
            "user__username", flat=True
        )
        assert set(told) == {"submitter", "owner", "model_validator", "compliance_officer"}
        facts = json.loads(LedgerEntry.objects.get(event="approvals.revalidation.repinned").payload)["facts"]
        assert (facts["policy_digest"], facts["approval_digest"]) == (newer.digest, version.policy.digest)
        assert "An approval is valid for 90 days instead of 365 days." in facts["differences"]
        assert replaying.differences() == ()

    def test_it_voids_what_was_signed_in_the_pass_and_nothing_else_and_going_back_restores_it(
        self, cast, deployed, newer
    ):
        ask(cast, deployed)
        signed = sign_again(cast, deployed)
        pin(cast, deployed, newer)
        facts = json.loads(LedgerEntry.objects.get(event="approvals.signoff.voided").payload)["facts"]
        assert [one["id"] for one in facts["sign_offs"]] == [signed.pk]
        with pytest.raises(Refused, match="must sign again"):
            renew(cast, deployed)
        pin(cast, deployed, deployed.policy)
        facts = json.loads(LedgerEntry.objects.get(event="approvals.signoff.restored").payload)["facts"]
        assert [one["id"] for one in facts["sign_offs"]] == [signed.pk]
        assert renew(cast, deployed).policy == deployed.policy
        assert replaying.differences() == ()

    def test_the_tier_of_the_model_is_met_by_pinning_a_policy_of_it(self, cast, deployed):
        ask(cast, deployed)
        sign_again(cast, deployed)
        deployed.model.risk_tier = "low"
        deployed.model.save()
        with pytest.raises(Refused, match="is in the low tier"):
            renew(cast, deployed)
        low = cast.publish(GATES, tier="low", revalidation=RULE)
        pin(cast, deployed, low)
        with pytest.raises(Refused, match="must sign again"):
            renew(cast, deployed)
        sign_again(cast, deployed)
        assert renew(cast, deployed).policy == low


class TestItsEnd:
    def test_a_renewal_pins_the_version_to_it_and_gates_that_ask_the_same_stay_signed(self, cast, deployed, newer):
        before = timeline.dossiers_at_approval(deployed)
        ask(cast, deployed)
        pin(cast, deployed, newer)
        sign_again(cast, deployed)
        with pytest.raises(Refused, match="Compliance officer"):
            renew(cast, deployed)
        cast.sign(deployed, Role.COMPLIANCE_OFFICER, stage=Stage.FAIRNESS_REVIEW)
        seen = dossiers(deployed)
        version = renew(cast, deployed)
        assert version.policy == newer
        assert (version.approval_expires_at - timezone.now()).days in (89, 90)
        assert dossiers(version) == seen, "the renewal itself changes no dossier"
        assert seen["scoping"] == before["scoping"]
        facts = json.loads(LedgerEntry.objects.get(event="approvals.revalidation.renewed").payload)["facts"]
        assert (facts["policy_digest"], facts["policy_before"]) == (newer.digest, "policy-high no. 1")
        assert facts["dossiers"] == {**before, **{stage: seen[stage] for stage in ("validation", "fairness_review")}}
        assert len(timeline.standing_sign_offs(fresh(version))) == 4
        assert replaying.differences() == ()

    def test_after_it_a_suspension_is_undone_without_signing_anew_what_asks_the_same(self, cast, deployed, newer):
        ask(cast, deployed)
        pin(cast, deployed, newer)
        sign_all(cast, deployed)
        renew(cast, deployed)
        workflow.suspend(version_id=deployed.pk, actor=cast.signers[OFFICER], reason=SAFE)
        cast.sign(deployed, Role.IT_OPERATIONS, stage=Stage.DEPLOYMENT_APPROVAL)
        workflow.reinstate(version_id=deployed.pk, actor=cast.signers[Role.IT_OPERATIONS], reason=SAFE)
        assert fresh(deployed).stage == Stage.MONITORING
        assert len(timeline.standing_sign_offs(fresh(deployed))) == 4

    def test_after_a_refusal_nothing_of_it_holds(self, cast, deployed, newer):
        before = timeline.dossiers_at_approval(deployed)
        ask(cast, deployed)
        pin(cast, deployed, newer)
        sign_all(cast, deployed)
        revalidating.refuse(version_id=deployed.pk, actor=cast.signers[OFFICER], reason=SAFE)
        version = fresh(deployed)
        assert (version.policy, judging.of(version).policy) == (deployed.policy, deployed.policy)
        assert dossiers(version)["fairness_review"] == before["fairness_review"]
        case = dossier.load_case(version)
        assert {signed.stage for signed in case.sign_offs if case.counts(signed)} == {"scoping"}
        assert replaying.differences() == ()

    def test_the_pass_after_it_rests_on_both(self, cast, deployed, newer):
        ask(cast, deployed)
        pin(cast, deployed, newer)
        sign_all(cast, deployed)
        renew(cast, deployed)
        ask(cast, deployed)
        again = sign_again(cast, deployed)
        version = renew(cast, deployed)
        assert version.policy == newer
        assert again.pk in timeline.standing_sign_offs(fresh(version))
        names = {stage.value: one.number for stage, one in judging.of(version).others.items()}
        assert set(names.values()) == {1}
        assert "validation" not in names
        assert replaying.differences() == ()


def test_a_pass_that_opens_because_of_it_is_judged_by_it_from_the_beginning(cast):
    version = deploy(cast, triggers=["policy_changed"])
    newer = publish(cast)
    (row,) = revalidating.open_due()
    assert row.trigger == "policy_changed"
    assert judging.of(fresh(version)).policy == newer
    assert Revalidation.objects.get().stages == (Stage.VALIDATION, Stage.FAIRNESS_REVIEW)
    sign_all(cast, version)
    assert renew(cast, version).policy == newer
    assert replaying.differences() == ()
    assert revalidating.open_due() == ()


def performance(least):
    check = {"check": "performance", "thresholds": {"min_accuracy": least}}
    return {"validation": [{"checks": check}, {"signoffs": {"role": "model_validator"}}]}


def test_a_run_under_the_old_thresholds_counts_for_no_gate_with_others_and_the_reverse(cast):
    cast.publish(performance(0.5), revalidation=RULE)
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "evaluation_table", tiny_table(), "evaluation.csv", **TABLE)
    old = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    assert running.execute(old.pk)
    for _ in range(3):
        cast.advance(version)
    cast.sign(version, Role.MODEL_VALIDATOR)
    for _ in range(4):
        cast.advance(version)
    ask(cast, version)
    stricter = cast.publish(performance(0.999), revalidation=RULE)
    pin(cast, version, stricter)
    with pytest.raises(Refused, match="ran on earlier inputs"):
        renew(cast, version)
    run = checking.request_check(version_id=version.pk, check_key="performance", actor=cast.submitter)
    assert (run.inputs["thresholds"], run.thresholds_fixed["digest"]) == ({"min_accuracy": 0.999}, stricter.digest)
    assert running.execute(run.pk)
    with pytest.raises(Refused, match=r"Check “Performance.*” failed"):
        renew(cast, version)
    revalidating.refuse(version_id=version.pk, actor=cast.signers[OFFICER], reason=SAFE)
    version = fresh(version)
    state = policy.gate(dossier.load_case(version), judging.document_of(version), Stage.VALIDATION, now=timezone.now())
    assert "passed" in state.outcomes[0].sentence, "the run of the policy of the approval"


def test_the_dry_run_covers_revalidations(cast, deployed, newer):
    assert repinning.dry_run(newer, user=cast.submitter) == (), "without one the policy changes nothing"
    ask(cast, deployed)
    sign_again(cast, deployed)
    before = LedgerEntry.objects.count()
    [effect] = repinning.dry_run(newer, user=cast.submitter)
    assert (effect.in_pass, effect.sign_offs_void, effect.gates) == (True, 1, (Stage.FAIRNESS_REVIEW,))
    assert "Compliance officer has not signed." in effect.added
    assert LedgerEntry.objects.count() == before
    assert repinning.dry_run(newer, user=cast.outsider) == ()
    assert repinning.dry_run(deployed.policy, user=cast.submitter) == ()


def test_the_pages_say_by_which_policy_and_offer_the_act(client, cast, deployed, newer):
    ask(cast, deployed)
    page, address = deployed.get_absolute_url(), f"/approvals/modelversion/{deployed.pk}/policy/{newer.pk}/"
    client.force_login(cast.submitter, backend=BACKEND)
    html = client.get(page).content.decode()
    assert "It is judged by policy-high no. 1, the policy of the approval." in html
    assert address not in html
    assert client.post(address, {"reason": SAFE}).status_code == 403
    client.force_login(cast.signers[OFFICER], backend=BACKEND)
    assert address in client.get(page).content.decode()
    shown = client.get(address).content.decode()
    assert "It would go through fairness review, too." in shown
    assert "Fairness review: now asks for sign-off compliance officer." in shown
    client.post(address, {"reason": SAFE})
    html = client.get(page).content.decode()
    assert "It is judged by policy-high no. 2." in html
    assert "An approval is valid for 90 days instead of 365 days." in html
    assert f"/approvals/modelversion/{deployed.pk}/policy/{deployed.policy_id}/" in html
    assert f"pinned by Farah Haddad on {timezone.now():%d %b %Y}: {SAFE}" in html
    assert str(deployed) in client.get(f"/approvals/policy/{deployed.policy_id}/dry-run/").content.decode()


@pytest.mark.both_engines
def test_renewing_while_another_policy_is_pinned_decides_by_one_of_them_as_a_whole(committed_database, own_var):
    cast = make_cast()
    version = deploy(cast)
    newer = cast.publish({**GATES, "validation": []}, approval_valid_days=30, revalidation=RULE)
    ask(cast, version)
    sign_again(cast, version)

    def work(place):
        try:
            (renew if place % 2 else pin)(cast, version, *(() if place % 2 else (newer,)))
        except DomainError as refusal:
            return refusal.sentence
        return "done"

    at_once(work, threads=8)
    row, version = Revalidation.objects.get(), ModelVersion.objects.select_related("policy").get(pk=version.pk)
    pinned = row.pin.policy if row.pin else None
    if row.outcome == "renewed":
        assert version.policy == (pinned or version.policy)
        assert (version.approval_expires_at - row.decided_at).days == (30 if pinned else 365)
    else:
        assert version.policy != newer, "what is only pinned to the pass does not hold"
    report = verify()
    assert report.ok, report.sentences


QUESTION = {"key": "who", "text": "Who is decided about?", "required": False}
ASKING = {
    **GATES,
    "scoping": [{"answers": {"section": "use"}}, {"signoffs": {"role": "business_analyst"}}],
    "data_review": [{"evidence": {"kind": "risk_register"}}],
}


@pytest.fixture
def excepted(cast):
    """Deployed, with an exception from the risk register in the data review."""
    rule = {"waivers": {"roles": ["risk_officer", "compliance_officer"], "longest_days": 90}}
    cast.publish(ASKING, questionnaires={"use": [QUESTION]}, revalidation=RULE, **rule)
    version = cast.version()
    cast.artifact(version)
    cast.attach(version, "validation_report", REPORT, "report.md")
    cast.sign(version, Role.BUSINESS_ANALYST)
    cast.advance(version)
    (one,) = (one for one in waivable(fresh(version)) if one.kind == "waiver")
    until = timezone.now().date() + timedelta(days=60)
    waiver = waivers.ask(
        version_id=version.pk, actor=cast.submitter, key=one.key, reason=SAFE, meanwhile=SAFE, expires_on=until
    )
    for role in (OFFICER, Role.COMPLIANCE_OFFICER):
        shown = waivers.prepare(waiver=Waiver.objects.get(pk=waiver.pk), actor=cast.signers[role])
        waivers.sign(
            waiver_id=waiver.pk,
            actor=cast.signers[role],
            proof=Proof(PASSWORD),
            comment=SAFE,
            seen_digest=shown.digest,
            idempotency_key=role.value,
            http_request=web_request(),
        )
    for _ in range(2):
        cast.advance(version)
    cast.sign(version, Role.MODEL_VALIDATOR)
    for _ in range(3):
        cast.advance(version)
    cast.sign(version, Role.IT_OPERATIONS)
    return cast.advance(version)


def test_what_rests_on_an_exception_is_asked_again_where_exceptions_are_ruled_otherwise(cast, excepted):
    without = cast.publish(ASKING, questionnaires={"use": [QUESTION]}, revalidation=RULE)
    reworded = {"use": [{**QUESTION, "text": "About whom?"}]}
    asking = cast.publish(ASKING, questionnaires=reworded, revalidation=RULE)
    assert not judging.asks_otherwise(parse(excepted.policy.text), parse(without.text))
    assert judging.asks_otherwise(parse(without.text), parse(asking.text)), "which opens a pass where a policy says so"
    assert judging.gates_under(fresh(excepted), excepted.policy) == (Stage.VALIDATION,)
    assert judging.gates_under(fresh(excepted), without) == (Stage.DATA_REVIEW, Stage.VALIDATION)
    assert judging.gates_under(fresh(excepted), asking) == (Stage.SCOPING, Stage.DATA_REVIEW, Stage.VALIDATION)
    ask(cast, excepted)
    pin(cast, excepted, without)
    assert lapsing.lapsed(fresh(excepted), timezone.now()) == "", "the approval rests on the policy that allows it"
    sign_again(cast, excepted)
    with pytest.raises(Refused, match="Risk register is not attached"):
        renew(cast, excepted)
    pin(cast, excepted, excepted.policy)
    sign_again(cast, excepted)
    assert renew(cast, excepted).policy == excepted.policy


def test_an_exception_for_longer_than_the_policy_that_asks_now_allows_does_not_count(client, cast, excepted):
    rule = {"waivers": {"roles": ["risk_officer", "compliance_officer"], "longest_days": 59}}
    shorter = cast.publish(ASKING, questionnaires={"use": [QUESTION]}, revalidation=RULE, **rule)
    ask(cast, excepted)
    pin(cast, excepted, shorter)
    sign_again(cast, excepted)
    with pytest.raises(Refused, match="Risk register is not attached"):
        renew(cast, excepted)
    client.force_login(cast.owner, backend=BACKEND)
    page = client.get(excepted.get_absolute_url()).content.decode()
    assert "Does not count: The policy that is pinned now allows such an exception for at most 59 days." in page
    assert lapsing.lapsed(fresh(excepted), timezone.now()) == "", "the approval rests on the policy that allows it"


def test_a_gate_whose_signatures_need_a_code_now_is_signed_again(cast, deployed):
    codes = cast.publish(GATES, revalidation=RULE, one_time_codes=["it_operations"])
    assert judging.gates_under(fresh(deployed), codes) == (Stage.VALIDATION, Stage.DEPLOYMENT_APPROVAL)
