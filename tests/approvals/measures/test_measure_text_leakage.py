"""Texts of many values against labels of each kind: scikit-learn, SciPy and every word of every row say the same."""

import math
import random
import re
from collections import Counter
from typing import Any

import duckdb
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from approvals.measures.class_leakage import class_leakage
from approvals.measures.held_out import ValuesOfSize, held_out_area, held_out_correlation
from approvals.measures.label_rows import two_class_rows
from approvals.measures.level_leakage import level_leakage
from approvals.measures.number_leakage import number_leakage
from approvals.measures.tables import open_table
from approvals.measures.text_leakage import TextLeakage

KINDS: dict[str, Any] = {"y": level_leakage, "c": class_leakage, "z": number_leakage}
ROWS = 360


def stored(folder, columns, name="table.parquet"):
    """A Parquet file of columns of Python values."""
    path = folder / name
    connection = duckdb.connect()
    types = {int: "BIGINT", float: "DOUBLE", str: "VARCHAR", bytes: "BLOB"}
    of = {key: types[type(next(value for value in values if value is not None))] for key, values in columns.items()}
    connection.execute(f"CREATE TABLE made ({', '.join(f'{key} {of[key]}' for key in columns)})")
    rows = list(zip(*columns.values(), strict=True))
    connection.executemany(f"INSERT INTO made VALUES ({', '.join('?' * len(columns))})", rows)
    connection.execute(f"COPY made TO '{path}' (FORMAT parquet)")
    return path


def labels_of(draw, rows=ROWS):
    return {
        "y": [int(draw.random() < 0.3) for _ in range(rows)],
        "c": ["uvw"[draw.randrange(3)] for _ in range(rows)],
        "z": [float(draw.randrange(40)) for _ in range(rows)],
    }


def found(path, label):
    with open_table(path) as table:
        return KINDS[label](table, label, exclude=set("ycz") - {label})


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """Texts of all kinds that say a little about each label, with gaps in both."""
    draw = random.Random(11)
    columns = labels_of(draw)
    of = list(zip(*columns.values(), strict=True))
    words = ("Red", "red", "green-tea", "naïve", "“No”", "x_y", "", "42")
    texts = {
        "recurring": [f"h{min(draw.randrange(150), draw.randrange(150)) + 9 * y}" for y, _, _ in of],
        "ordered": [f"{'aB_é'[draw.randrange(4)]}{int(z) + draw.randrange(2000)}" for _, _, z in of],
        "long": ["x" * (1 + draw.randrange(150) + 30 * (c == "v")) for _, c, _ in of],
        "worded": [
            f"{draw.random():.6f} "
            + " ".join(draw.choices(words, k=4))
            + (" LATE!" if draw.random() < 0.2 + 0.5 * y else "")
            for y, _, _ in of
        ],
        "alike": [("same beginning " * 10) + str(draw.randrange(120)) for _ in of],
    }
    for values in (*texts.values(), columns["y"], columns["z"]):
        for place in draw.sample(range(ROWS), 12):
            values[place] = None
    return stored(tmp_path_factory.mktemp("texts"), {**columns, **texts}), {**columns, **texts}


def ranks(values):
    """Midranks of what can be compared."""
    place = {value: number for number, value in enumerate(sorted(set(values)))}
    return stats.rankdata([place[value] for value in values])


def strength(label, labels, score):
    if len(set(score)) == 1:
        return 0.5
    if label == "z":
        return (1 + abs(stats.spearmanr(labels, score).statistic)) / 2
    areas = [roc_auc_score([one == each for one in labels], score) for each in set(labels)]
    return max(max(area, 1 - area) for area in areas)


def held_out(label, labels, texts):
    if label == "z":
        twice = 2 * stats.rankdata(labels) - len(labels) - 1
        of = {text: [rank for rank, other in zip(twice, texts, strict=True) if other == text] for text in texts}
        sizes = [ValuesOfSize(len(one), 1, round(sum(one)) ** 2, round(sum(r * r for r in one))) for one in of.values()]
        return (1 + max(0.0, held_out_correlation(sizes))) / 2
    n = Counter(texts)
    classes = [1] if label == "y" else sorted(set(labels))
    return max(
        held_out_area(
            [(Counter(t for t, one in zip(texts, labels, strict=True) if one == each)[text], n[text], 1) for text in n]
        )
        for each in classes
    )


def strongest_word(label, labels, texts):
    """As the docstring has it, over every word of every row."""
    return strongest_piece(label, labels, [set(re.findall(r"[0-9a-zà-ÿ]+", text.lower())) for text in texts])


def strongest_end(label, labels, texts):
    """The same of how texts begin and end."""
    ends = [[(text[:size], text[-size:]) for size in range(1, 5) if size <= len(text)] for text in texts]
    return strongest_piece(
        label, labels, [{f"<{first}" for first, _ in each} | {f">{last}" for _, last in each} for each in ends]
    )


def strongest_piece(label, labels, have):
    words = {word for word, rows in Counter(word for words in have for word in words).items() if 3 <= rows < len(have)}
    classes = 1 if label in "yz" else len(set(labels))
    best = 0.5
    for word in words:
        has = [word in each for each in have]
        value = strength(label, labels, has) if label == "z" else max(_apart(has, labels, each) for each in set(labels))
        if label == "z":
            chance = math.exp(-((2 * value - 1) ** 2) * (len(have) - 1) / 2)
        else:
            chance = min(_chvatal(has, [one == each for one in labels]) for each in set(labels))
        if chance * 2 * len(words) * classes <= 0.05:
            best = max(best, value)
    return best


def _apart(has, labels, each):
    of, rest = ([h for h, one in zip(has, labels, strict=True) if (one == each) == side] for side in (True, False))
    return 0.5 + abs(sum(of) / len(of) - sum(rest) / len(rest)) / 2


def _chvatal(has, is_of):
    k = sum(one and other for one, other in zip(has, is_of, strict=True))

    def bound(of, rest):
        p, q = k / sum(of), sum(rest) / len(rest)
        nats = (p * math.log(p / q) if p else 0.0) + ((1 - p) * math.log((1 - p) / (1 - q)) if p < 1 else 0.0)
        return math.exp(-sum(of) * nats)

    return min(bound(has, is_of), bound(is_of, has))


@pytest.mark.parametrize("label", KINDS)
@pytest.mark.parametrize("column", ["recurring", "ordered", "long", "worded", "alike"])
def test_the_strongest_view_counts(noisy, label, column):
    path, columns = noisy
    both = [(y, x) for y, x in zip(columns[label], columns[column], strict=True) if y is not None and x is not None]
    labels, texts = [y for y, _ in both], [x for _, x in both]
    first = [text[:128] for text in texts]
    expected = {
        "half of": held_out(label, labels, texts),
        "in order": strength(label, labels, ranks([text.encode() for text in first])),
        "shorter ones first": strength(label, labels, ranks([(len(text), text.encode()) for text in first])),
        "characters": strength(label, labels, [len(text) for text in texts]),
        "word": strongest_word(label, labels, texts),
        "ing with “": strongest_end(label, labels, texts),
    }
    measure = found(path, label)[column]
    assert (measure.value, measure.n) == (pytest.approx(max(expected.values()), abs=1e-9), len(both))
    named = [view for view, value in expected.items() if value == pytest.approx(measure.value, abs=1e-9)]
    assert any(view in measure.method for view in named)


LEAKS = {
    "of its value in half of": lambda draw, mark, row: f"{mark} {mark * 40 + draw.randrange(40):x}",
    "in order": lambda draw, mark, row: f"{mark}{row:05}",
    "shorter ones first": lambda draw, mark, row: f"INC-{960 + row + 400 * mark}",
    "characters": lambda draw, mark, row: f"{draw.random():.9f}" + "#" * mark,
    "ending with “!”": lambda draw, mark, row: f"{draw.random():.9f}{'?!'[mark]}",
    "beginning with “NO”": lambda draw, mark, row: f"{'NO' if mark else draw.choice(('No', 'Mo'))}{draw.random():.9f}",
    "word “defaulted": lambda draw, mark, row: f"{draw.random():.9f}, it defaulted{mark}.",
}


@pytest.mark.parametrize("label", KINDS)
def test_each_way_to_give_a_label_away_is_found(tmp_path, label):
    draw = random.Random(3)
    marks = [draw.randrange(2) for _ in range(ROWS)]
    given = {"y": marks, "c": ["uv"[mark] for mark in marks], "z": [2.0 * mark for mark in marks]}[label]
    texts = {f"x{i}": [leak(draw, m, row) for row, m in enumerate(marks)] for i, leak in enumerate(LEAKS.values())}
    for name, measure in found(stored(tmp_path, {label: given, **texts}), label).items():
        # Texts have more ranks than a number of two values, so that no order of theirs is all of its.
        is_order = label == "z" and name == "x2"
        assert measure.value == pytest.approx((1 + math.sqrt(3) / 2) / 2 if is_order else 1.0, abs=1e-3), name


@pytest.mark.parametrize("label", KINDS)
def test_noise_gives_nothing_away(tmp_path, label):
    """Also where there are few rows and as many words, of which some fit by chance."""
    for seed in range(2):
        draw = random.Random(seed)
        rows = 150
        words = [f"w{number}" for number in range(400)]
        columns = labels_of(draw, rows) | {
            "note": [" ".join(draw.choices(words, k=30)) for _ in range(rows)],
            "house": [f"h{draw.randrange(110) if row > 110 else row}" for row in range(rows)],
            "id": [f"{draw.getrandbits(64):x}" for _ in range(rows)],
        }
        for name, measure in found(stored(tmp_path, columns, f"{seed}.parquet"), label).items():
            assert measure.value < 0.68, (name, measure.method)


def test_households_of_one_label_are_found_though_most_values_are_rare(tmp_path):
    house = [row // 3 for row in range(360)]
    columns = {"y": [int(home % 4 == 0) for home in house], "home": [f"{home * 7919 % 1000:03}" for home in house]}
    measure = found(stored(tmp_path, columns), "y")["home"]
    assert measure.value == 1.0
    assert measure.method == "AUC of the share of the class of each value in half of its rows, for the other half"
    assert measure.counts == (("positives", 90), ("negatives", 270))


def test_one_class_says_nothing(tmp_path):
    texts = [f"t{row}" for row in range(150)]
    columns = {"y": [0] * 150, "x": texts, "c": ["u"] * 150, "z": [1.0] * 150}
    path = stored(tmp_path, columns)
    assert "only one class" in found(path, "y")["x"].reason
    assert "only one class" in found(path, "c")["x"].reason
    assert "one value only" in found(path, "z")["x"].reason


@pytest.mark.parametrize("label", KINDS)
def test_what_cannot_be_looked_at_is_not_computable_and_says_what_to_do(tmp_path, label):
    draw = random.Random(1)
    columns = labels_of(draw, 150) | {
        "scan": [f"{row} bytes".encode() for row in range(150)],
        "pages": [f"{row} " + "line " * 1100 for row in range(150)],
        "book": [f"{row} " + "long " * (4001 if row == 9 else 1) for row in range(150)],
    }
    measures = found(stored(tmp_path, columns), label)
    assert "“scan” holds bytes" in measures["scan"].reason
    assert "“book” has texts of up to 20,007 characters" in measures["book"].reason
    assert "5,503 on average" in measures["pages"].reason
    assert all("Declare the model's features without it" in measure.reason for measure in measures.values())


def test_with_too_few_rows_of_a_class_no_word_can_be_told_from_chance(tmp_path):
    draw = random.Random(2)
    words = [f"w{number}" for number in range(300)]
    columns = {
        "y": [int(row < 2) for row in range(150)],
        "note": [" ".join(draw.choices(words, k=30)) for _ in range(150)],
    }
    reason = found(stored(tmp_path, columns), "y")["note"].reason
    assert re.search(r"“note” has \d+ words in 3 rows or more, and with 2 rows of a class", reason)


def test_more_columns_than_are_looked_at_are_not_computable(tmp_path):
    columns = {"y": [row % 2 for row in range(150)]} | {name: [f"{name}{row}" for row in range(150)] for name in "abc"}
    with open_table(stored(tmp_path, columns)) as table:
        texts = TextLeakage(table, "y", lambda name: two_class_rows(table, name, "y", 1), "leakage", most_columns=2)
        measures = [texts.of(table.column(name)) for name in "abc"]
    assert [measure.computable for measure in measures] == [True, True, False]
    assert "beyond the 2 columns" in measures[2].reason


def test_texts_with_zero_bytes_and_odd_signs_are_looked_at(tmp_path):
    texts = [f"a\0{row}\x07'\\“😀[^]" for row in range(150)]
    columns = {"y": [row % 2 for row in range(150)], "x": texts}
    assert found(stored(tmp_path, columns), "y")["x"].value < 0.6
