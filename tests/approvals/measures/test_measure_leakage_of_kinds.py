"""One column alone against several classes and against numbers: the numbers of scikit-learn and SciPy."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from approvals.measures.class_leakage import class_leakage, class_missingness_leakage
from approvals.measures.number_leakage import number_leakage, number_missingness_leakage
from approvals.measures.tables import TableError, open_table


def found(path, act, **given_):
    with open_table(path) as table:
        return act(table, "y", **given_)


def file_of(folder, rows):
    path = folder.mktemp("leaks") / "t.csv"
    said = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
    path.write_text("y,x,g\n" + "".join(f"{line}\n" for line in said), encoding="utf-8")
    return path


def best_area(labels, scores_of):
    areas = [roc_auc_score([y == one for y in labels], scores_of(one)) for one in sorted(set(labels))]
    return max(max(area, 1 - area) for area in areas)


CELLS = st.tuples(
    st.sampled_from("uvw"), st.one_of(st.none(), st.integers(-3, 3)), st.one_of(st.none(), st.sampled_from("abc"))
)


@settings(max_examples=16, deadline=None)
@given(st.lists(CELLS, min_size=2, max_size=40))
def test_several_classes_are_each_set_against_the_rest(tmp_path_factory, rows):
    rows = [*rows, ("u", 0, "a"), ("v", 1, "b")]
    path = file_of(tmp_path_factory, rows)
    leaks, absent = found(path, class_leakage), found(path, class_missingness_leakage)
    both = [(y, x) for y, x, _ in rows if x is not None]
    expected = best_area([y for y, _ in both], lambda _: [x for _, x in both])
    assert leaks["x"].value == pytest.approx(expected, abs=1e-12)
    assert leaks["x"].n == len(both)
    texts = [(y, g) for y, _, g in rows if g is not None]

    def shares(one):
        of = {g: [y == one for y, other in texts if other == g] for _, g in texts}
        return [sum(of[g]) / len(of[g]) for _, g in texts]

    assert leaks["g"].value == pytest.approx(best_area([y for y, _ in texts], shares), abs=1e-12)
    labels = [y for y, *_ in rows]
    for place, name in enumerate(("x", "g"), 1):
        gaps = [row[place] is None for row in rows]
        assert (name in absent) == any(gaps)
        if any(gaps):
            assert absent[name].value == pytest.approx(best_area(labels, lambda _, g=gaps: g), abs=1e-12)


PAIRS = st.tuples(
    st.sampled_from([0.5, 1, 2, 7, -1e6]),
    st.one_of(st.none(), st.integers(-3, 3)),
    st.one_of(st.none(), st.sampled_from("abc")),
)


@settings(max_examples=16, deadline=None)
@given(st.lists(PAIRS, min_size=2, max_size=40))
def test_numbers_are_compared_by_their_ranks(tmp_path_factory, rows):
    rows = [*rows, (0.5, 0, "a"), (2, 1, "b")]
    path = file_of(tmp_path_factory, rows)
    leaks, absent = found(path, number_leakage), found(path, number_missingness_leakage)
    both = [(y, x) for y, x, _ in rows if x is not None]
    rho = stats.spearmanr([y for y, _ in both], [x for _, x in both]).statistic
    assert leaks["x"].value == pytest.approx((1 + abs(rho)) / 2, abs=1e-12)
    groups: dict[str | None, list[float]] = {}
    for y, _, g in rows:
        groups.setdefault(g, []).append(y)
    groups.pop(None, None)
    n = sum(len(rows_of) for rows_of in groups.values())
    ratio = math.sqrt(stats.kruskal(*groups.values()).statistic / (n - 1))
    assert leaks["g"].value == pytest.approx((1 + ratio) / 2, abs=1e-9)
    for place, name in enumerate(("x", "g"), 1):
        gaps = [row[place] is None for row in rows]
        assert (name in absent) == any(gaps)
        if any(gaps):
            tied = stats.spearmanr([y for y, *_ in rows], gaps).statistic
            assert absent[name].value == pytest.approx((1 + abs(tied)) / 2, abs=1e-9)


def test_what_does_not_vary_is_not_computable(write_csv):
    rows = [["u", 1, "a"], ["u", 2, "b"]]
    assert "only one class" in found(write_csv(["y", "x", "g"], rows), class_leakage)["x"].reason
    constant = found(write_csv(["y", "x", "g"], [[1, 3, "a"], [2, 3, "a"]]), number_leakage)
    assert "one value only" in constant["x"].reason
    assert "one value only" in constant["g"].reason


def test_numbers_are_no_classes_and_texts_no_numbers(write_csv):
    with pytest.raises(TableError, match="101"):
        found(write_csv(["y", "x"], [[i, i] for i in range(500)]), class_leakage)
    with pytest.raises(TableError, match="must hold numbers"):
        found(write_csv(["y", "x"], [["a", 1], ["b", 2]]), number_leakage)


def test_infinite_numbers_and_named_columns_are_left_out(write_csv):
    path = write_csv(["y", "x", "key"], [[1, 1, 9], [2, 2, 8], [3, "inf", 7], [4, 3, 6]])
    leaks = found(path, number_leakage, exclude=["key"])
    assert leaks.keys() == {"x"}
    assert (leaks["x"].value, leaks["x"].n) == (1.0, 3)
