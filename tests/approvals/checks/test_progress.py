"""What a person who waits is told: what is done, how far it is, and that it goes on."""

import io
import json

import pytest

from approvals.checks._progress import Progress
from approvals.measures.keeping import Keeper, Undertaking, steps, under_way
from approvals.sandbox import JobDescription, Limits, Seldom, measure_in_child
from tests.approvals.checks import hostile


class HeardEnoughError(Exception):
    """Ends a measurement that would go on for long."""


@pytest.fixture
def heard():
    """Let something report, and give what was said."""

    def run(act):
        answers = io.StringIO()
        progress = Progress(answers)
        with under_way(Undertaking(Keeper(None), progress.told, progress.asked)):
            act(progress)
        lines = [json.loads(line) for line in answers.getvalue().splitlines()]
        assert [line["percent"] for line in lines] == sorted(line["percent"] for line in lines)
        return [(line["percent"], line["text"]) for line in lines]

    return run


def test_passes_inside_of_passes_are_told_with_their_share(heard):
    def act(report):
        report(0.0, "Reading both tables")
        for _ in steps((), "ab", noun="feature", is_only=True):
            for _ in steps((), range(2)):
                pass
        report(1.0, "Drawing")

    assert heard(act) == [
        (0, "Reading both tables"),
        (0, "Reading both tables: feature 1 of 2"),
        (0, "Reading both tables: feature 1 of 2, range 1 of 2"),
        (12, "Reading both tables: feature 1 of 2, range 2 of 2"),
        (50, "Reading both tables: feature 2 of 2"),
        (50, "Reading both tables: feature 2 of 2, range 1 of 2"),
        (62, "Reading both tables: feature 2 of 2, range 2 of 2"),
        (100, "Drawing"),
    ]


def test_however_many_passes_follow_the_end_is_not_said_early(heard):
    def act(report):
        report(0.2, "Reading")
        for _ in range(20):
            list(steps((), range(3)))

    said = heard(act)
    assert said[0] == (20, "Reading")
    assert 20 < said[4][0] < said[-1][0] < 100


def test_a_check_that_says_nothing_is_said_to_go_on():
    def on_progress(percent, text):
        if text.endswith(" s)"):
            raise HeardEnoughError

    with pytest.raises(HeardEnoughError):
        measure_in_child(
            check=hostile.Sleep, job=JobDescription(inputs={}), limits=Limits(wall_seconds=60), on_progress=on_progress
        )


def test_news_of_every_moment_is_handed_on_seldom_and_none_is_lost():
    told = []
    seldom = Seldom(lambda percent, text: told.append((percent, text)))
    for percent in range(50):
        seldom(percent, "Reading")
    assert told[0] == (0, "Reading")
    assert len(told) < 50
    seldom.flush()
    seldom.flush()
    assert told[-1] == (49, "Reading")
    assert told.count((49, "Reading")) == 1
