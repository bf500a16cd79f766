import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from approvals.measures.level_leakage import level_leakage
from approvals.measures.tables import open_table


def found(path, **settings_):
    with open_table(path) as table:
        return level_leakage(table, "y", **settings_)


def test_a_text_that_repeats_the_label_gives_it_away(write_csv):
    rows = [[1, "approved", "a"], [0, "refused", "a"], [1, "approved", "b"], [0, "refused", "b"], [None, "x", "c"]]
    leaks = found(write_csv(["y", "outcome", "noise"], rows))
    assert leaks["outcome"].value == 1.0
    assert leaks["noise"].value == 0.5
    assert (leaks["outcome"].count("positives"), leaks["outcome"].count("negatives")) == (2, 2)


def test_the_label_numbers_and_named_columns_are_not_looked_at(write_csv):
    table = write_csv(["y", "x", "g", "key"], [[1, 3, "a", "k1"], [0, 4, "b", "k2"]])
    assert found(table, exclude=["key"]).keys() == {"g"}


def test_one_class_is_not_computable(write_csv):
    one_class = write_csv(["y", "g"], [[0, "a"], [0, "b"]])
    assert "only one class" in found(one_class)["g"].reason


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from("abcd")), min_size=2, max_size=40))
def test_it_is_the_area_of_the_share_of_each_value(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("leaks") / "t.csv"
    path.write_text("y,g\n" + "".join(f"{y},{g}\n" for y, g in rows), encoding="utf-8")
    labels = [y for y, _ in rows]
    measure = found(path)["g"]
    if len(set(labels)) == 1:
        assert measure.value is None
        return
    share = {g: [y for y, other in rows if other == g] for _, g in rows}
    scores = [sum(share[g]) / len(share[g]) for _, g in rows]
    assert measure.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
