"""What a text of many values says about a label: its values elsewhere, its order, its length, its words, its ends.

Each engine only gives counts; each view is the strongest of all classes.
"""
# ruff: noqa: S608 - the SQL below is made of our own templates, c0, c1, … and numbers only

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from approvals.measures.held_out import ValuesOfSize, held_out_area, held_out_correlation
from approvals.measures.label_rows import LabelRows
from approvals.measures.paired_values import exact

FIRST_CHARACTERS = 128
"""Texts are ordered by as many characters; those that agree in them are ties."""
FEWEST_ROWS = 3
"""A word of fewer rows is not looked at."""
CHANCE = 0.05
"""Words count that would be as strong by chance, anywhere among the words of the column, at most so often."""
_LISTED = 20


@dataclass(frozen=True)
class View:
    """How strongly a view gives the label away, in [0.5, 1] but for values elsewhere, which may be below; and how."""

    strength: float
    how: str
    of_class: str


@dataclass(frozen=True)
class Totals:
    """Rows that have both text and label, the sum of each target and of its square, and lengths of texts."""

    n: int
    sums: tuple[int, ...]
    squares: tuple[int, ...]
    shortest: int
    longest: int

    @property
    def told_apart(self) -> tuple[int, ...]:
        """Targets that vary, by their place."""
        return tuple(place for place, total in enumerate(self.squares) if total * self.n > self.sums[place] ** 2)


@dataclass(frozen=True)
class Lengths:
    """Rows and sums of the targets by the number of characters, rising."""

    by_length: tuple[tuple[int, int, tuple[int, ...]], ...]
    totals: Totals


def lengths(rows: LabelRows) -> Lengths:
    """Counted from one reading."""
    sums = ", ".join(f"SUM({target}), {product(target, target)}" for target in rows.targets)
    by = f"SELECT LENGTH(x), COUNT(*), {sums} FROM {{rows}} GROUP BY LENGTH(x)"
    found = sorted([int(value) for value in row] for row in rows.fetch(by))
    n = sum(row[1] for row in found)
    of_target = [
        (sum(row[2 + 2 * i] for row in found), sum(row[3 + 2 * i] for row in found)) for i in range(_size(rows))
    ]
    ends = (found[0][0], found[-1][0]) if found else (0, 0)
    totals = Totals(n, tuple(s for s, _ in of_target), tuple(q for _, q in of_target), *ends)
    return Lengths(tuple((row[0], row[1], tuple(row[2::2])) for row in found), totals)


def length_view(rows: LabelRows, found: Lengths) -> View:
    """The number of characters, ties at their midrank."""
    totals, below, own = found.totals, 0, 0
    both = [0] * _size(rows)
    for _, n, sums in found.by_length:
        place = 2 * below + n - totals.n
        below += n
        own += n * place * place
        both = [so_far + total * place for so_far, total in zip(both, sums, strict=True)]
    return _of_ranks(rows, totals, both, own, "of its number of characters")


def order_views(rows: LabelRows, totals: Totals, *, recurring: bool) -> Iterator[View]:
    """The place among the texts in order of their bytes; and in order of length, then of bytes, where that differs."""
    orders = {"of its place among the texts in order": "p"}
    if totals.shortest < totals.longest:
        orders["of its place among the texts in order, shorter ones first"] = "LENGTH(p), p"
    part = f"SUBSTRING(x, 1, {FIRST_CHARACTERS}) AS p"
    if recurring:
        sums = ", ".join(f"SUM({target}) AS {target}" for target in rows.targets)
        texts = f"SELECT {part}, COUNT(*) AS n, {sums} FROM {{rows}} GROUP BY SUBSTRING(x, 1, {FIRST_CHARACTERS})"
        place = f"2 * SUM(n) OVER (ORDER BY {{order}}) - n - {totals.n}"
    else:
        texts = f"SELECT {part}, 1 AS n, {', '.join(rows.targets)} FROM {{rows}}"
        place = f"RANK() OVER (ORDER BY {{order}}) - 1 + COUNT(*) OVER (ORDER BY {{order}}) - {totals.n}"
    places = ", ".join(f"{place.format(order=order)} AS a{i}" for i, order in enumerate(orders.values()))
    ranked = f"SELECT n, {', '.join(rows.targets)}, {places} FROM ({texts}) AS texts"
    sums = ", ".join(product(target, f"a{i}") for i in range(len(orders)) for target in rows.targets)
    squares = ", ".join(exact("n", f"a{i}", f"a{i}") for i in range(len(orders)))
    found = [int(value or 0) for value in rows.fetch(f"SELECT {sums}, {squares} FROM ({ranked}) AS ranked")[0]]
    for i, how in enumerate(orders):
        both = found[i * _size(rows) : (i + 1) * _size(rows)]
        yield _of_ranks(rows, totals, both, found[len(orders) * _size(rows) + i], how)


def values_view(rows: LabelRows, totals: Totals) -> View:
    """What a value says in half of its rows, for the other half; see `held_out`."""
    if rows.of_numbers:
        of_value = f"SELECT x, COUNT(*) AS n, SUM(k0) AS s, {product('k0', 'k0')} AS q FROM {{rows}} GROUP BY x"
        asked = f"SELECT n, COUNT(*), {product('s', 's')}, SUM(q) FROM ({of_value}) AS v GROUP BY n ORDER BY n"
        sizes = [ValuesOfSize(*(int(value) for value in row)) for row in rows.fetch(asked)]
        strength = (1.0 + max(0.0, held_out_correlation(sizes) or 0.0)) / 2.0
        return View(strength, "correlation of the label's rank with the mean rank of its value in half of the rows", "")
    found = value_patterns(rows)
    areas = {place: held_out_area(found[place]) for place in totals.told_apart}
    best = max(areas, key=lambda place: areas[place] or 0.0)
    how = "AUC of the share of the class of each value in half of its rows, for the other half"
    return View(areas[best] or 0.5, how, rows.names[best])


def value_patterns(rows: LabelRows) -> dict[int, list[tuple[int, int, int]]]:
    """By the place of a class: rows of it, rows of the value, and how many values have as many of both."""
    sums = ", ".join(f"SUM({target}) AS {target}" for target in rows.targets)
    of_value = f"SELECT x, COUNT(*) AS n, {sums} FROM {{rows}} GROUP BY x"
    chosen = f"SELECT i, n, {_chosen(rows)} AS k FROM ({of_value}) AS v CROSS JOIN ({_places(rows)}) AS d"
    found: dict[int, list[tuple[int, int, int]]] = {}
    for place, k, n, values in rows.fetch(f"SELECT i, k, n, COUNT(*) FROM ({chosen}) AS c GROUP BY i, k, n"):
        found.setdefault(int(place), []).append((int(k), int(n), int(values)))
    return found


class TooFewRowsError(Exception):
    """No word could be told from chance, however well it tells the classes apart; there are so many `pieces`."""

    def __init__(self, pieces: str, rows: int) -> None:
        super().__init__(pieces, rows)
        self.pieces, self.rows = pieces, rows


def words_view(rows: LabelRows, totals: Totals) -> View:
    """Having one of the words, of those in FEWEST_ROWS rows or more; the strongest that is not as strong by chance.

    The chance of a word is bounded by Chvátal (1979), or by the normal tail for ranks, times twice all words and
    classes. TooFewRowsError where that cannot be decided of any class.
    """
    targets = ", ".join(rows.targets)
    words = rows.table.engine.words(f"SELECT x, {targets} FROM {{rows}}", targets)
    return _having(rows, totals, f"SELECT {targets}, w FROM ({words}) AS texts WHERE w <> ''", "words", _word)


def ends_view(rows: LabelRows, totals: Totals) -> View:
    """Beginning or ending with one to four characters, as they are written; as `words_view`."""
    sides = " UNION ALL ".join(f"SELECT '{side}' AS side, {size} AS size" for side in "<>" for size in _END_SIZES)
    cut = "SUBSTRING(x, CASE side WHEN '<' THEN 1 ELSE LENGTH(x) - size + 1 END, size)"
    ends = (
        f"SELECT {', '.join(rows.targets)}, CONCAT(side, {cut}) AS w FROM {{rows}} CROSS JOIN ({sides}) AS sides "
        "WHERE LENGTH(x) >= size"
    )
    return _having(rows, totals, ends, "beginnings and endings", _end)


_END_SIZES = range(1, 5)


def _word(w: str) -> str:
    return f"having the word “{w}”"


def _end(w: str) -> str:
    return f"{'beginning' if w[0] == '<' else 'ending'} with “{w[1:]}”"


def _having(rows: LabelRows, totals: Totals, pieces: str, noun: str, said: Callable[[str], str]) -> View:
    """Of SQL of w, each piece of a text once for each of its rows."""
    sums = ", ".join(f"SUM({target}) AS {target}" for target in rows.targets)
    of_piece = (
        f"SELECT w, COUNT(*) AS n, {sums} FROM ({pieces}) AS pieces "
        f"GROUP BY w HAVING COUNT(*) BETWEEN {FEWEST_ROWS} AND {totals.n - 1}"
    )
    chosen = f"SELECT i, w, n, {_chosen(rows)} AS k FROM ({of_piece}) AS v CROSS JOIN ({_places(rows)}) AS d"
    ranked = (
        f"SELECT i, w, n, k, COUNT(*) OVER (PARTITION BY i) AS size, "
        f"ROW_NUMBER() OVER (PARTITION BY i ORDER BY {_strength(rows, totals)} DESC, w) AS place FROM ({chosen}) AS c"
    )
    asked = f"SELECT i, w, n, k, size FROM ({ranked}) AS r WHERE place <= {_LISTED} ORDER BY i, place"
    found = [(int(i), str(w), int(n), int(k), int(size)) for i, w, n, k, size in rows.fetch(asked)]
    if not found:
        return View(0.5, f"of having {noun}", "")
    apart = totals.told_apart
    limit = math.log(2.0 * found[0][4] * len(apart) / CHANCE)
    decidable = [place for place in apart if _largest_surprise(rows, totals, place) >= limit]
    if not decidable:
        rarest = min(min(totals.sums[place], totals.n - totals.sums[place]) for place in apart)
        raise TooFewRowsError(f"{found[0][4]:,} {noun}", rarest)
    best = View(0.5, f"of having {noun}: none of {found[0][4]:,} is stronger than by chance", "")
    for i, w, n, k, _ in found:
        if i in decidable and _surprise(rows, totals, i, n, k) >= limit:
            strength = _of_word(rows, totals, i, n, k)
            if strength > best.strength:
                best = View(strength, f"of {said(w)}, in {n:,} rows", rows.names[i])
    return best


def _of_word(rows: LabelRows, totals: Totals, place: int, n: int, k: int) -> float:
    if rows.of_numbers:
        return (1.0 + _word_correlation(totals, n, k)) / 2.0
    having, rest = totals.sums[place], totals.n - totals.sums[place]
    return 0.5 + abs(k / having - (n - k) / rest) / 2.0


def _word_correlation(totals: Totals, n: int, ranks: int) -> float:
    """Size of the rank correlation of having the word, from the sum of twice the centred ranks of its rows."""
    return min(1.0, abs(ranks) / math.sqrt(n * (totals.n - n) / totals.n * totals.squares[0]))


def _surprise(rows: LabelRows, totals: Totals, place: int, n: int, k: int) -> float:
    """A lower bound of minus the logarithm of the chance that a word of n rows is as strong in its direction."""
    if rows.of_numbers:
        return (totals.n - 1) * _word_correlation(totals, n, k) ** 2 / 2.0
    of_class = totals.sums[place]
    return max(n * _divergence(k / n, of_class / totals.n), of_class * _divergence(k / of_class, n / totals.n))


def _largest_surprise(rows: LabelRows, totals: Totals, place: int) -> float:
    """The same of a word that exactly the rows of the class have, or of one that is the order of the labels."""
    if rows.of_numbers:
        return (totals.n - 1) / 2.0
    rarer = min(totals.sums[place], totals.n - totals.sums[place])
    return rarer * _divergence(1.0, rarer / totals.n)


def _divergence(found: float, expected: float) -> float:
    """Kullback and Leibler's of two shares, in nats."""
    parts = ((found, expected), (1.0 - found, 1.0 - expected))
    return sum(one * math.log(one / other) for one, other in parts if one > 0.0)


def _of_ranks(rows: LabelRows, totals: Totals, both: Sequence[int], own: int, how: str) -> View:
    """From sums of the targets times twice the centred ranks of the texts, and of these ranks' squares."""
    if rows.of_numbers:
        r = min(1.0, abs(both[0]) / math.sqrt(own * totals.squares[0])) if own else 0.0
        return View((1.0 + r) / 2.0, f"size of the rank correlation {how}", "")
    # The sum of twice the centred ranks of k rows is 2 k (n - k) (AUC - 1/2).
    areas = {
        place: 0.5 + abs(both[place]) / (2 * totals.sums[place] * (totals.n - totals.sums[place]))
        for place in totals.told_apart
    }
    best = max(areas, key=lambda place: areas[place])
    return View(areas[best], f"AUC {how}", rows.names[best])


def strongest_view(views: Iterable[View]) -> View:
    """The one that gives most away; of equal ones the first."""
    return max(views, key=lambda view: view.strength)


def _size(rows: LabelRows) -> int:
    return len(rows.names)


def product(*factors: str) -> str:
    """SQL of a sum of products of two whole numbers below 10^19 each; `exact` takes smaller ones, and three."""
    return f"SUM({' * '.join(f'CAST({factor} AS DECIMAL(19, 0))' for factor in factors)})"


def _places(rows: LabelRows) -> str:
    """SQL of i: the places of all targets."""
    return " UNION ALL ".join(f"SELECT {place} AS i" for place in range(_size(rows)))


def _chosen(rows: LabelRows) -> str:
    """SQL of the target at place i."""
    cases = " ".join(f"WHEN {place} THEN {target}" for place, target in enumerate(rows.targets))
    return f"CASE i {cases} END"


def _strength(rows: LabelRows, totals: Totals) -> str:
    """SQL of what rises with the strength of a word of n rows, of which k is the sum of the target at place i."""
    k, n, size = "CAST(k AS DOUBLE)", "CAST(n AS DOUBLE)", f"CAST({totals.n} AS DOUBLE)"
    if rows.of_numbers:
        return f"{k} * {k} / ({n} * ({size} - {n}))"
    cases = " ".join(f"WHEN {place} THEN CAST({total} AS DOUBLE)" for place, total in enumerate(totals.sums))
    return f"ABS({k} * {size} - {n} * CASE i {cases} END)"
