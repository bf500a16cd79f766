"""How far the columns of one table have moved from those of another, as plain JSON values. Judges nothing.

Keys are those of the reference cases in tests/reference; psi, js_distance, ks, wasserstein and so on are the same
numbers by the names of the functions that make them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from approvals.measures.bins import ReferenceBins, count, reference_bins
from approvals.measures.declared_bins import declared_bins
from approvals.measures.drift import asymptotic_ks_p, categorical_drift, js_distance, largest_change, numeric_drift, psi
from approvals.measures.exactness import EXACT_ROWS
from approvals.measures.labels import value_text
from approvals.measures.quality import row_overlap
from approvals.measures.report import Report, block
from approvals.measures.samples import Sample
from approvals.measures.tables import Table, TableError
from approvals.measures.two_samples import TwoSamples
from approvals.measures.values import Measure

NUMERIC = {
    "ks": "ks_statistic",
    "ks_p": "ks_p_auto",
    "wasserstein": "wasserstein",
    "wasserstein_normalised": "wasserstein_over_ref_std_ddof0",
    "missing_change": "missing_share_change",
}
CATEGORICAL = {
    "chi_square": "chi2",
    "chi_square_p": "chi2_p",
    "psi": "psi_floor_1e4",
    "js_distance": "js_distance_base2",
    "total_variation": "total_variation",
    "new_levels": "rows_with_new_categories",
    "missing_change": "missing_share_change",
}
DECILES = 10
MOST_LISTED = 200_000
TWO_EDGES = 2


@dataclass(frozen=True)
class Binning:
    """How number columns are cut: `bins` quantiles of the reference, or the declared `cuts` of a column.

    In tables of more than `exact_rows` rows distances of numbers are bounded instead, unless it is None.
    """

    bins: int = DECILES
    cuts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    exact_rows: int | None = EXACT_ROWS

    def words(self, column: str) -> str:
        """What stands behind psi_ in the name of a measure."""
        if column in self.cuts:
            return "declared_bins"
        return "ref_deciles" if self.bins == DECILES else f"ref_{self.bins}_quantiles"

    def of(self, pair: TwoSamples) -> ReferenceBins:
        """The bins of the reference sample."""
        if pair.column in self.cuts:
            return declared_bins(pair.reference, self.cuts[pair.column], column=pair.column, std=pair.spread)
        return pair.stored()


def drift_report(
    reference: Table,
    current: Table,
    *,
    columns: Sequence[str] = (),
    categories: Sequence[str] = (),
    binning: Binning | None = None,
    key: Sequence[str] = (),
) -> Report:
    """Drift of each column that both tables have (or of the named ones), and rows of `current` in `reference`.

    A column of numbers is measured on bins of the reference, one of anything else, or named in `categories`, on its
    levels. With a `key` also the rows of `current` whose key is in `reference`.
    """
    shared = list(dict.fromkeys(columns)) or [name for name in reference.names if name in current.names]
    if not shared:
        raise TableError(f"The tables “{reference.name}” and “{current.name}” have no column in common.")
    for table in (reference, current):
        table.require(*shared, *categories, *key)
    chosen = binning or Binning()
    _refuse_cuts(reference, current, chosen, categories)
    overlap = {"rows_of_current_in_reference": row_overlap(current, reference, shared)}
    if key:
        overlap["keys_of_current_in_reference"] = row_overlap(current, reference, key)
    return {
        "n_ref": reference.rows,
        "n_cur": current.rows,
        "columns_only_in_reference": [name for name in reference.names if name not in current.names],
        "columns_only_in_current": [name for name in current.names if name not in reference.names],
        **block(overlap),
        "columns": {name: _of_column(reference, current, name, chosen, categories) for name in shared},
    }


def _of_column(reference: Table, current: Table, column: str, binning: Binning, categories: Sequence[str]) -> Report:
    """One column; what cannot be compared is not computable and keeps no other column from being compared."""
    try:
        if column in categories:
            return _of_levels(reference, current, column)
        kind = _kind(reference, current, column)
        return (
            _of_numbers(reference, current, column, binning)
            if kind == "number"
            else _of_levels(reference, current, column)
        )
    except TableError as error:
        kinds = [table.column(column).kind for table in (reference, current)]
        numbers = column not in categories and "number" in kinds
        named = {key: name for key, name in (NUMERIC if numbers else CATEGORICAL).items() if key != "missing_change"}
        words = binning.words(column)
        names = (
            *named.values(),
            *((f"psi_{words}_floor_1e4", f"js_distance_base2_on_{_on(words)}") if numbers else ()),
        )
        reason = f"Not computable. {error.sentence}"
        return {
            "kind": kinds[0],
            "n_ref": reference.rows - reference.missing()[column],
            "n_cur": current.rows - current.missing()[column],
            **dict.fromkeys(names),
            "not_computable": dict.fromkeys(("column", *names), reason),
        }


def _refuse_cuts(reference: Table, current: Table, binning: Binning, categories: Sequence[str]) -> None:
    reference.require(*binning.cuts)
    for name in binning.cuts:
        current.require(name)
        if name in categories or _kind(reference, current, name) != "number":
            raise TableError(f"“{name}” is compared by its values, so it has no cuts.")


def _kind(reference: Table, current: Table, column: str) -> str:
    """How the column is compared. TableError where it holds numbers on one side only; empty sides say nothing."""
    kinds = [table.column(column).kind for table in (reference, current) if table.missing()[column] < table.rows]
    numbers = ["number" in kinds and kind in {"number", "boolean"} for kind in kinds]
    if any(kind == "number" for kind in kinds) and not all(numbers):
        raise TableError(
            f"The column “{column}” holds {kinds[0]} values in “{reference.name}”, but {kinds[1]} values in "
            f"“{current.name}”; name it as a category to compare it by its values."
        )
    return "number" if any(numbers) else "category"


def _of_levels(reference: Table, current: Table, column: str) -> Report:
    stored = reference_bins(reference, column=column, kind="category")
    found = categorical_drift(reference, current, column=column, stored=stored)
    now: dict[str, int] = {}
    for value, rows in current.levels(column, limit=MOST_LISTED).items():
        if text := value_text(value):
            now[text] = now.get(text, 0) + rows
    named = {name: found[key] for key, name in CATEGORICAL.items()}
    named["l_infinity"] = largest_change(stored, current)
    levels = sorted({*stored.levels, *now})
    before = dict(zip(stored.levels, stored.counts, strict=True))
    distance = found["js_distance"].value
    return {
        "kind": "category",
        "categories": levels,
        "counts_ref": [before.get(level, 0) for level in levels],
        "counts_cur": [now.get(level, 0) for level in levels],
        "df": found["chi_square"].count("degrees_of_freedom"),
        "js_distance_basee": _base_e(distance),
        **block(named),
        **_by_function(found, ("psi", "js_distance", "chi_square", "chi_square_p")),
    }


def _of_numbers(reference: Table, current: Table, column: str, binning: Binning) -> Report:
    pair = TwoSamples.of(reference, current, column=column, bins=binning.bins, exact_rows=binning.exact_rows)
    stored = binning.of(pair)
    found = numeric_drift(pair, column=column, stored=stored)
    one_bin = _in_one_bin(pair, binning)
    distance, words = found["js_distance"].value, "value_bins" if one_bin else binning.words(column)
    before, now = (pair.distances.before, pair.distances.now) if pair.distances else (None, None)
    named = {name: found[key] for key, name in NUMERIC.items()}
    named[f"psi_{words}_floor_1e4"] = found["psi"]
    on = _on(words)
    named[f"js_distance_base2_on_{on}"] = found["js_distance"]
    prefix = "decile" if binning.words(column) == "ref_deciles" else "bin"
    return {
        "kind": "number",
        "n_ref": pair.reference.n,
        "n_cur": pair.current.n,
        "mean_ref": _finite(before.mean) if before else None,
        "mean_cur": _finite(now.mean) if now and now.n else None,
        "std_ref_ddof1": _finite(math.sqrt(before.variance)) if before and before.variance is not None else None,
        "not_numbers_ref": pair.reference.missing,
        "not_numbers_cur": pair.current.missing,
        "binning": f"{words.replace('_', ' ')}, (low, high], outer bins open",
        f"{prefix}_cuts": list(stored.cuts),
        f"{prefix}_counts_ref": list(stored.counts),
        f"{prefix}_counts_cur": _counts(stored, pair.current),
        f"js_divergence_base2_on_{on}": None if distance is None else float(distance) ** 2,
        f"js_distance_basee_on_{on}": _base_e(distance),
        "ks_p_asymp": asymptotic_ks_p(pair),
        **block(named),
        **one_bin,
        **_by_function(found, ("psi", "js_distance", "ks", "ks_p")),
        "wasserstein_over_reference_std": found["wasserstein_normalised"].value,
    }


def _in_one_bin(pair: TwoSamples, binning: Binning) -> Report:
    """PSI and Jensen-Shannon by the letter of the quantile rule, where its bins are one that holds everything.

    Then the rule says that nothing ever changes, so the column is compared on bins of its values instead; these
    numbers stand beside, under the name of the rule.
    """
    if pair.column in binning.cuts or np.unique(pair.quantiles).size > TWO_EDGES or not pair.current.n:
        return {}
    everything = ReferenceBins(pair.column, "number", (), (), (pair.reference.n,), pair.reference.n, 0)
    words = binning.words(pair.column)
    on = _on(words)
    return {
        f"psi_{words}_floor_1e4": psi(everything, pair.current).value,
        f"js_distance_base2_on_{on}": js_distance(everything, pair.current).value,
    }


def _on(words: str) -> str:
    """What stands behind _on_ in the name of a measure."""
    return "deciles" if words == "ref_deciles" else words


def _by_function(found: Mapping[str, Measure], names: Sequence[str]) -> dict[str, Any]:
    return {name: found[name].value for name in names}


def _counts(stored: ReferenceBins, current: Sample) -> list[int]:
    return list(count(stored, current).counts)


def _base_e(distance: float | None) -> float | None:
    return None if distance is None else distance * float(np.sqrt(np.log(2.0)))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
