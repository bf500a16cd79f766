"""Tables in which nothing could be looked at: no share and no count is given of nothing."""

import pytest

from approvals.checks.data_quality import DataQuality
from approvals.checks.group_fairness import GroupFairness

CLASSES = {"label": "y", "prediction": "p", "groups": ["sex"], "features": ["age"], "favourable": 1}
NUMBERS = CLASSES | {"kind": "regression"}
HEAD = "y,p,sex,age"
WHOLE = [f"{row % 2},{row // 2 % 2},{'fm'[row % 3 == 0]},{20 + row}" for row in range(40)]


def named(reading, part):
    return [measure for measure in reading.measures if part in measure.name]


def without(place):
    lines = [line.split(",") for line in WHOLE]
    return [",".join([*line[:place], "", *line[place + 1 :]]) for line in lines]


@pytest.mark.parametrize("place", [0, 1])
def test_no_share_of_groups_is_given_of_no_row(measured, judged, table, place):
    details = {key: value for key, value in NUMBERS.items() if key != "favourable"}
    reading = measured(GroupFairness, table(HEAD, without(place), **details))
    shares = [*named(reading, "share of rows of unknown"), *named(reading, "share of rows of small")]
    assert len(shares) == 2
    assert all(share.reason == "Not computable: no row can be used." and share.n == 0 for share in shares)
    judgement = judged(GroupFairness, reading, max_mae_difference_between_groups=5.0)
    assert judgement.verdict != "passed"
    assert "no row can be used" in " ".join(judgement.sentences)


@pytest.mark.parametrize(("place", "name"), [(0, "y"), (1, "p")])
def test_values_that_are_not_there_are_not_all_allowed(measured, judged, table, place, name):
    reading = measured(DataQuality, table(HEAD, without(place), **CLASSES))
    [invalid] = named(reading, "values that are not allowed")
    assert (invalid.reason, invalid.n) == (f"Not computable: the column “{name}” has no values.", 0)
    judgement = judged(DataQuality, reading, min_rows=1)
    assert judgement.verdict == "not_computable"


@pytest.mark.parametrize(("gone", "where"), [("evaluation", "evaluation"), ("training", "training")])
def test_rows_are_not_told_apart_by_a_column_that_one_table_has_no_values_in(measured, table, piece, gone, where):
    lines = {"evaluation": WHOLE, "training": WHOLE} | {gone: without(0)}
    evaluation = table(HEAD, lines["evaluation"], **CLASSES)
    training = piece("training_table", "\n".join([HEAD, *lines["training"]]) + "\n")
    reading = measured(DataQuality, evaluation, training)
    [equal] = named(reading, "equal one of the training table")
    assert equal.reason == f"Not computable: “y” has no values in the {where} table."
    [known] = named(reading, "share of rows that are also in the training table")
    assert known.value == 1.0


def test_rows_are_still_compared_where_neither_table_has_any(measured, table, piece):
    evaluation = table(HEAD, without(3), **CLASSES)
    training = piece("training_table", "\n".join([HEAD, *without(3)]) + "\n")
    [equal] = named(measured(DataQuality, evaluation, training), "equal one of the training table")
    assert equal.value == 1.0
