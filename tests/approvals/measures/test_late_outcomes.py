"""Outcomes joined by key: contradictions first, then what is counted and what a row ends up with."""

import gzip

import pytest

from approvals.measures.late_outcomes import Contradiction, Files, Named, joined, matcher
from approvals.measures.reading import TableError
from approvals.measures.tables import open_table

NAMED = Named(("id",), "y")


@pytest.fixture
def table(tmp_path):
    """Write rows of text as a CSV, or packed."""

    def write(name, *lines, **extra):
        path = tmp_path / name
        text = ("\n".join(lines) + "\n").encode()
        path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
        return Files(name, path, **extra)

    return write


def examined(scratch, delivery, *earlier, batches=(), named=NAMED):
    with matcher((delivery, *earlier, *batches), named, scratch=scratch) as prepared:
        found = prepared.examine(delivery, earlier)
        for number, batch in enumerate(batches):
            found.batches[batch.name] = prepared.match(batch, f"b{number}")
        found.unmatched = prepared.unmatched()
    return found


def outcomes(scratch, batch, *deliveries, columns=("score",), named=NAMED):
    with joined(batch, deliveries, named, columns, scratch=scratch) as path, open_table(path) as found:
        return found.texts(named.label)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("id,y", "1,0", "1,1"), "two different outcomes for 1 key"),
        (("id,z", "1,0"), "has no column “y”"),
        (("id,y", "1,"), "no row with a key and an outcome"),
        (("id,y", "1,0,3"), "has 3 instead of 2 columns"),
    ],
)
def test_a_delivery_that_cannot_be_right_is_a_sentence(table, tmp_path, lines, why):
    with pytest.raises(TableError, match=why):
        examined(tmp_path, table("o.csv", *lines))


def test_another_outcome_than_before_is_a_contradiction_unless_it_corrects(table, tmp_path):
    batch = table("b.csv", "id,score", "1,0.5", "2,0.5")
    first, second = table("o.csv", "id,y", "1,0", "2,1"), ("id,y", "1,1")
    with pytest.raises(Contradiction, match="another outcome than was delivered before for 1 key"):
        examined(tmp_path, table("p.csv", *second), first)
    right = table("q.csv", *second, corrects=True)
    assert examined(tmp_path, right, first, batches=(batch,)).batches["b.csv"].contradicted == 1
    assert outcomes(tmp_path, batch, first, right) == ["1", "1"]
    assert examined(tmp_path, table("r.csv", "id,y", "1,1.0", "1,true"), first, right).repeated == 1


def test_an_outcome_of_the_batch_itself_is_contradicted_only_by_a_correction(table, tmp_path):
    batch = table("b.csv", "id,score,y", "1,0.5,1", "2,0.5,", "3,0.1,0")
    wrong = table("o.csv", "id,y", "1,0", "2,1")
    with pytest.raises(Contradiction, match=r"than the batch “b.csv” itself for 1 rows"):
        examined(tmp_path, wrong, batches=(batch,))
    with pytest.raises(Contradiction, match="another outcome than was delivered for 1 of its rows"):
        outcomes(tmp_path, batch, wrong)
    assert outcomes(tmp_path, batch, table("p.csv", "id,y", "1,0", "2,1", corrects=True)) == ["0", "1", "0"]
    assert outcomes(tmp_path, batch, table("q.csv", "id,y", "2,1")) == ["1", "1", "0"]


def test_what_matches_nothing_is_counted(table, tmp_path):
    july = table("july.csv", "id,score", "1,0.5", "2,0.5", "2,0.6", ",0.7")
    august = table("august.csv.gz", "id,score", "3,0.5")
    found = examined(tmp_path, table("o.csv", "id,y", "1,0", "2,1", "2,1", "9,1", ",1", "3,"), batches=(july, august))
    assert (found.rows, found.keys, found.repeated, found.without_key, found.without_outcome) == (6, 3, 1, 1, 1)
    assert {name: (one.rows, one.matched) for name, one in found.batches.items()} == {
        "july.csv": (4, 3),
        "august.csv.gz": (1, 0),
    }
    assert found.unmatched == 1


def test_keys_are_compared_as_people_write_them(table, tmp_path):
    delivery = table("o.csv", "id,part,y", "1.0,a,red", "2.0, b ,blue", "x,a,green")
    batch = table("b.csv", "id,part,score", "1,a,0.5", "x,a,0.5", "2,b,0.5", "2,c,0.5", "07,a,0.5")
    with_numbers = table("c.csv", "id,part,score", "1,a,0.5", "2,b,0.5")
    named = Named(("id", "part"), "y")
    assert outcomes(tmp_path, batch, delivery, named=named) == [None, "green", None, None, None]
    numbers = table("p.csv", "id,part,y", "1.0,a,red", "2.0, b ,blue")
    assert outcomes(tmp_path, with_numbers, numbers, named=named) == ["red", "blue"]


def test_a_key_that_begins_with_zero_is_not_that_without_it(table, tmp_path):
    batch = table("b.csv", "id,score", "007,0.5", "7,0.5", "8,0.5")
    deliveries = table("o.csv", "id,y", "007,red", "8,blue"), table("p.csv", "id,y", "7,green")
    with joined(batch, deliveries, NAMED, ("id",), scratch=tmp_path) as path, open_table(path) as found:
        pairs = dict(zip(found.texts("id"), found.texts("y"), strict=True))
    assert pairs == {"007": "red", "7": "green", "8": "blue"}


def test_outcomes_of_different_types_become_one_column(table, tmp_path):
    batch = table("b.csv", "id,score", "1,0.5", "2,0.5", "3,0.5")
    deliveries = (table("o.csv", "id,y", "1,true"), table("p.csv", "id,y", "2,0"), table("q.csv", "id,y", "3,1.0"))
    assert outcomes(tmp_path, batch, *deliveries) == ["1", "0", "1"]
    assert not (tmp_path / "joined.parquet").exists()
