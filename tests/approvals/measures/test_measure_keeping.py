"""What is kept of an ended run: bit for bit or not at all; a resumed pass gives what an undisturbed one did."""

import base64
import hashlib
import json
import math
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.measures import keeping
from approvals.measures.distances import distances
from approvals.measures.engine import Engine
from approvals.measures.keeping import Keeper, Remembering, Undertaking, remembering, steps, under_way
from approvals.measures.kept_values import UNREADABLE, NotKeptError, as_plain, from_plain
from approvals.measures.moments import Moments
from approvals.measures.ranks import MeanLoss
from approvals.measures.samples import ColumnSample
from approvals.measures.score_reading import read_scores
from approvals.measures.tables import open_table

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals(allow_nan=False) | st.dates(),
    lambda inner: (
        st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text() | st.tuples(st.integers()), inner)
    ),
    max_leaves=10,
)


class Ended(BaseException):
    """The process was killed here."""


def written(value):
    return from_plain(json.loads(json.dumps(as_plain(value))))


@given(PLAIN)
def test_values_come_back_as_they_were(value):
    assert repr(written(value)) == repr(value)


def test_numbers_of_arrays_and_sums_come_back_bit_for_bit():
    values = np.array([[0.1, -0.0], [math.inf, 5e-324]])
    found = written({("a", 1): values, "n": np.float64(0.1), "m": Moments(3, 0.1, 0.3), "l": MeanLoss(0.1, None, 1)})
    assert found["a", 1].tobytes() == values.tobytes()
    assert (type(found["n"]), found["n"]) == (np.float64, 0.1)
    assert (found["m"], found["l"]) == (Moments(3, 0.1, 0.3), MeanLoss(0.1, None, 1))
    assert written([datetime(2026, 1, 1, 2, 3), date(2026, 1, 1), Decimal("1.10")])[2] == Decimal("1.10")  # noqa: DTZ001


@pytest.mark.parametrize("value", [object(), np.array(["a"]), np.array([None]), np.ma.masked_array([1], [True]), print])
def test_what_cannot_be_written_is_not_kept(value):
    with pytest.raises(NotKeptError):
        as_plain(value)


@pytest.mark.parametrize(
    "said",
    [
        {"~": "os:system", "of": {}},
        {"~": "..checks._child:main", "of": {}},
        {"~": "tables:open_table", "of": {}},
        {"~": "engine:Engine", "of": {}},
        {"~": "moments:Moments.of", "of": {}},
        {"~": "tables:Path", "of": {}},
        {"~": "keeping:Callable", "of": {}},
        {"~": "array", "of": ["O", [1], base64.b64encode(b"12345678").decode()]},
        {"~": "array", "of": ["<f8", [9], base64.b64encode(b"12345678").decode()]},
        {"~": "array", "of": ["<f8", [1], "!!"]},
        {"~": "moments:Moments", "of": {"unknown": 1}},
        {"of": 1},
    ],
)
def test_poison_is_no_value(said):
    with pytest.raises(UNREADABLE):
        from_plain(said)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "kept"
    path.mkdir()
    return path


def keeper_of(folder):
    return Keeper(folder, least_seconds=0.0, state_every=0.0)


def sealed(name, value):
    body = json.dumps({"name": json.dumps(name), "value": value}).encode()
    return hashlib.sha256(body).hexdigest().encode() + body


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: content[:-1],
        lambda content: content[:40],
        lambda content: b"",
        lambda content: content.replace(b"42", b"43"),
        lambda content: sealed(["other"], 42),
        lambda content: sealed(["name"], {"~": "os:system", "of": {}}),
        lambda content: hashlib.sha256(b"[]").hexdigest().encode() + b"[]",
    ],
)
def test_a_damaged_or_exchanged_file_is_ignored_and_said(folder, spoil):
    keeper_of(folder).keep(["name"], 42)
    assert keeper_of(folder).find(["name"]) == 42
    (path,) = folder.iterdir()
    path.write_bytes(spoil(path.read_bytes()))
    keeper = keeper_of(folder)
    assert keeper.find(["name"]) is None
    assert "damaged" in keeper.notes[0]
    keeper.keep(["name"], 42)
    assert keeper_of(folder).find(["name"]) == 42


def test_a_folder_that_is_gone_costs_only_time(folder):
    keeper = keeper_of(folder)
    folder.rmdir()
    keeper.keep(["name"], 1)
    assert keeper.find(["name"]) is None


def test_there_is_an_end_to_what_is_kept(folder, monkeypatch):
    monkeypatch.setattr(keeping, "MOST_BYTES", 300)
    keeper = keeper_of(folder)
    keeper.keep(["a"], "x" * 50)
    keeper.keep(["b"], "x" * 500)
    keeper.keep(["a"], "y" * 50)
    assert (keeper.find(["a"]), keeper.find(["b"])) == ("y" * 50, None)


@pytest.fixture
def table(tmp_path):
    """300 rows with ties and negative scores."""
    rng = np.random.default_rng(3)
    lines = [f"{rng.integers(0, 2)},{rng.normal():.2f},{rng.normal(0.3):.3f}" for _ in range(300)]
    path = tmp_path / "table.csv"
    path.write_text("y,s,x\n" + "\n".join(lines) + "\n")
    with open_table(path) as found:
        yield found


def attempt(table, folder, measure, *, end_at=None):
    """Measure as a run does; end it when so many ranges were begun. Gives the result and how many were."""
    begun = 0

    def told(where):
        nonlocal begun
        begun += 1
        if begun == end_at:
            raise Ended

    undertaking = Undertaking(keeper_of(folder), told, lambda: None)
    engine = table.engine
    try:
        with under_way(undertaking):
            table.engine = remembering(engine, "table")
            return measure(table), begun
    finally:
        table.engine = engine


def scores_of(table):
    scores = read_scores(table, "s", "y", positive=1, block_rows=40)
    return scores.ranks, {
        name: (b.rows.tolist(), b.positives.tolist(), b.totals.tolist()) for name, b in scores._read[1].items()
    }


def distances_of(table):
    return distances(ColumnSample(table, "s"), ColumnSample(table, "x"), quantiles=(0.1, 0.5), block_rows=40)


@pytest.mark.parametrize("measure", [scores_of, distances_of])
def test_a_pass_that_was_ended_anywhere_goes_on_with_the_same_bits(table, folder, measure):
    expected = measure(table)
    undisturbed, ranges = attempt(table, folder, measure)
    assert repr(undisturbed) == repr(expected)
    assert ranges > 5
    for end_at in range(1, ranges + 1):
        for path in folder.iterdir():
            path.unlink()
        with pytest.raises(Ended):
            attempt(table, folder, measure, end_at=end_at)
        found, rest = attempt(table, folder, measure)
        assert repr(found) == repr(expected)
        assert rest == ranges - max(end_at - 1, 0)
        again, none = attempt(table, folder, measure)
        assert (repr(again), none) == (repr(expected), 0), "a finished pass is not read again"


def test_a_pass_may_be_ended_again_and_again(table, folder):
    expected = repr(scores_of(table))
    for _ in range(50):
        try:
            found, _ = attempt(table, folder, scores_of, end_at=2)
        except Ended:
            continue
        assert repr(found) == expected
        return
    pytest.fail("it never came to an end")


def test_counts_are_asked_once_and_rows_in_their_order_every_time(table, folder):
    asked = []

    def measure(table):
        asked.append(table.levels("y"))
        return table.levels("y"), table.texts("s")[:3]

    undertaking = Undertaking(keeper_of(folder), lambda where: None, lambda: asked.append("question"))
    engine = table.engine
    with under_way(undertaking):
        table.engine = remembering(engine, "table")
        first = measure(table)
        assert asked.count("question") == 2
        assert measure(table) == first
    assert asked.count("question") == 3
    table.engine = engine


def test_without_a_run_nothing_is_remembered(table):
    assert remembering(table.engine, "table") is table.engine
    assert list(steps(["name"], [1, 2], object())) == [1, 2]


def test_an_engine_that_remembers_is_in_everything_else_the_engine(table, folder):
    asked = {name for name in vars(Engine) if not name.startswith("_")} | {"has_hash"}
    with under_way(Undertaking(keeper_of(folder), lambda where: None, lambda: None)):
        found = remembering(table.engine, "table")
    said_itself = asked - vars(Remembering).keys() - vars(found).keys()
    assert not said_itself, "a default of the base class would hide what the engine says"
    assert found.rows_by(["c0"]) == table.engine.rows_by(["c0"])
    assert (found.has_hash, found.at_once) == (table.engine.has_hash, table.engine.at_once)
