import pytest

from approvals.measures import quality
from approvals.measures.tables import TableError, open_table


def close(value):
    return pytest.approx(value, abs=1e-9, rel=1e-9)


@pytest.fixture
def expected(reference):
    return reference("p11_data_quality.expected.json")["expected"]


@pytest.fixture
def toy(reference):
    with open_table(reference("p11_dq_toy.csv")) as table:
        yield table


@pytest.mark.parametrize("case", ["titanic", "toy"])
def test_reference_profile(reference, expected, case):
    recorded = expected["titanic"] if case == "titanic" else expected["toy"]["pandas_default_na_parsing"]
    with open_table(reference(f"p11_dq_{case}.csv")) as table:
        profiles = {found.column.name: found for found in quality.profile(table)}
        missing = quality.missing_share(table)
        assert quality.row_count(table).value == recorded["rows"]
        assert quality.duplicate_rows(table).value == recorded["duplicate_rows_beyond_first"]
        assert list(quality.constant_columns(table)) == recorded["constant_columns"]
    assert missing.value == close(recorded["missing_share_overall"])
    assert missing.count("k") == recorded["total_missing_cells"]
    absent = {
        name: [found.missing.count("k"), found.missing.value]
        for name, found in profiles.items()
        if found.missing.count("k")
    }
    assert absent.keys() == recorded["missing_by_column"].keys()
    assert all(absent[name] == close(pair) for name, pair in recorded["missing_by_column"].items())
    assert {name: found.distinct for name, found in profiles.items()} == recorded["n_unique"]
    assert [name for name, found in profiles.items() if found.constant] == recorded["constant_columns"]


def test_reference_ranges_sets_and_keys(toy, expected):
    recorded = expected["toy"]
    ranged = quality.out_of_range(toy, "age", low=0, high=120)
    assert ranged.value == recorded["range_age_0_120_violations"]
    assert (ranged.count("below"), ranged.count("above")) == (1, 1)
    allowed = quality.not_allowed(toy, "segment", ["A", "B", "C"])
    assert allowed.value == recorded["schema_allowed_segment_ABC_violations"]
    assert allowed.counts == (("D", 1),)
    assert quality.repeated_keys(toy, "id").value == recorded["unique_id_violations_rows_beyond_first"]


def test_reference_leakage(toy, expected):
    found = quality.leakage(toy, "target", exclude=["id"])
    recorded = expected["toy"]["label_leakage_abs_auc"]
    assert {name: found[name].value for name in recorded} == close(recorded)
    assert set(found) == {"age", "income", "target_copy", "noise"}


def test_missingness_can_leak(write_csv):
    rows = [[1, None, 5], [1, None, 5], [0, 3, None], [0, 4, 5]]
    with open_table(write_csv(["y", "given_away", "harmless"], rows)) as table:
        found = quality.missingness_leakage(table, "y")
    assert found["given_away"].value == 1.0
    assert found["harmless"].value == 0.75


def test_reference_overlap_of_training_and_test_rows(toy, expected, reference, tmp_path):
    lines = reference("p11_dq_toy.csv").read_text(encoding="utf-8").splitlines()
    parts = {"train": lines[:9], "test": [lines[0], *lines[7:]]}
    for name, part in parts.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(part), encoding="utf-8")
    with open_table(tmp_path / "train.csv") as train, open_table(tmp_path / "test.csv") as test:
        exact = quality.row_overlap(test, train)
        by_key = quality.row_overlap(test, train, ["id"])
    assert exact.value == expected["toy"]["train_rows_1_8_test_rows_7_12_exact_row_overlap"]
    assert by_key.value == len(expected["toy"]["train_test_id_overlap"])


def test_tables_without_a_common_column_cannot_overlap(write_csv):
    with (
        open_table(write_csv(["a"], [[1]], "a.csv")) as one,
        open_table(write_csv(["b"], [[1]], "b.csv")) as other,
        pytest.raises(TableError, match="no column in common"),
    ):
        quality.row_overlap(one, other)


def test_missing_equals_missing_in_repeated_rows(write_csv):
    with open_table(write_csv(["a", "b"], [[1, None], [1, None], [1, 2]])) as table:
        assert quality.duplicate_rows(table).value == 1
        assert quality.duplicate_rows(table, ignore=["b"]).value == 2


def test_class_balance_counts_missing_labels(write_csv):
    with open_table(write_csv(["y", "i"], [[1, 1], [0, 1], [0, 1], [None, 1]])) as table:
        found = quality.class_balance(table, "y")
    assert found.value == close(1 / 3)
    assert (found.n, found.count("missing")) == (3, 1)


def test_a_schema_is_compared_in_sentences(write_csv):
    with open_table(write_csv(["a", "b", "x"], [[1, "t", 2]])) as table:
        found = quality.schema_differences(table, {"a": "number", "b": "number", "c": "text"})
    assert found == (
        "The column “c” is missing.",
        "The column “b” holds text values, but number is expected.",
        "The column “x” is not expected.",
    )
