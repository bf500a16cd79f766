"""The eight stages and every legal move between them; nothing else is a move."""

from itertools import product

import pytest
from django.utils import timezone

from approvals import dossier, policy
from approvals.policy_document import parse
from approvals.stages import ENDS, PATH, REVIEW_STAGES, Stage, Transition, legal_moves, next_stage, stages_up_to

EVERY_MOVE = tuple(product(Transition, (None, *REVIEW_STAGES)))
ALLOWED_ONLY_FROM = {
    Transition.ADVANCE: set(REVIEW_STAGES),
    Transition.REJECT: set(REVIEW_STAGES),
    Transition.WITHDRAW: set(REVIEW_STAGES),
    Transition.SUSPEND: {Stage.MONITORING},
    Transition.REINSTATE: {Stage.SUSPENDED},
    Transition.RETIRE: {Stage.MONITORING, Stage.SUSPENDED},
}


def test_the_path_is_the_eight_stages_in_the_order_of_a_review():
    assert [stage.value for stage in PATH] == [
        "scoping",
        "data_review",
        "development",
        "validation",
        "fairness_review",
        "regulatory_review",
        "deployment_approval",
        "monitoring",
    ]


def test_every_review_stage_leads_to_the_next_and_no_other_stage_does():
    assert [next_stage(stage) for stage in REVIEW_STAGES] == list(PATH[1:])
    for stage in set(Stage) - set(REVIEW_STAGES):
        with pytest.raises(ValueError, match=r"not in tuple|not in list"):
            next_stage(stage)


def test_the_gates_before_a_stage_are_all_that_come_earlier_and_its_own():
    assert stages_up_to(Stage.SCOPING) == (Stage.SCOPING,)
    assert stages_up_to(Stage.VALIDATION) == REVIEW_STAGES[:4]
    for past in (Stage.MONITORING, Stage.SUSPENDED, *ENDS):
        assert stages_up_to(past) == REVIEW_STAGES


def test_no_move_skips_a_stage_and_nothing_leaves_an_end():
    for source, target in legal_moves():
        assert source not in ENDS
        if source in REVIEW_STAGES and target in PATH:
            assert PATH.index(Stage(target)) <= PATH.index(Stage(source)) + 1
    assert {source for source, target in legal_moves() if target == Stage.MONITORING} == {
        Stage.DEPLOYMENT_APPROVAL,
        Stage.SUSPENDED,
    }


@pytest.fixture
def case_in(cast):
    cast.publish()
    version = cast.version()

    def made(stage):
        version.__dict__["stage"] = stage.value  # in memory only: the database refuses such a jump
        return dossier.load_case(version), parse(version.policy.text)

    return made


@pytest.mark.parametrize("source", Stage)
def test_each_transition_is_decided_as_the_table_of_moves_says(case_in, source):
    case, document = case_in(source)
    for transition, to in EVERY_MOVE:
        decision = policy.decide(case, document, transition, now=timezone.now(), to=to)
        if transition is Transition.REQUEST_CHANGES:
            legal = source in REVIEW_STAGES and to is not None and PATH.index(to) < PATH.index(source)
        else:
            legal = source in ALLOWED_ONLY_FROM[transition]
        assert decision.allowed is legal, (transition, source, to)
        if not legal:
            assert [blocker.code for blocker in decision.blockers] == ["illegal_move"]
            assert decision.blockers[0].sentence.startswith(
                (f"A version in {source.label.lower()} cannot ", f"A {source.label.lower()} version cannot ")
            )


def test_a_stage_that_the_policy_does_not_name_is_closed(case_in):
    case, document = case_in(Stage.VALIDATION)
    without = type(document)(**{**document.__dict__, "gates": {Stage.VALIDATION: ()}})
    decision = policy.decide(case, without, Transition.ADVANCE, now=timezone.now())
    assert [(b.code, b.stage) for b in decision.blockers] == [
        ("gate_undefined", stage) for stage in (Stage.SCOPING, Stage.DATA_REVIEW, Stage.DEVELOPMENT)
    ]
