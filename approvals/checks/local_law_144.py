"""The bias audit tables of New York City's Local Law 144, as the rule prints them, on the attached evaluation table.

Source: 6 RCNY 5-301. The law sets no limit; a policy may. An independent auditor has to make the audit, not the portal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

from approvals.checks._evaluation import (
    LEFT_OUT,
    Declaration,
    declaration_of,
    left_out_share,
    missing_rules,
    opened,
)
from approvals.checks._fairness_turning import RATE, Cell, turning_of_groups
from approvals.checks._law_layout import heading, layout, named
from approvals.checks._verdicts import Rule, judge_by, number, reason_of
from approvals.checks.base import Check, CheckInputError, Job, Judgement, NumberTable, Reading, Report
from approvals.measures.law_categories import apart
from approvals.measures.local_law_144 import Category, LawTable, scoring_tables, selection_tables
from approvals.measures.values import Measure, not_computable

BASES = ("selection", "scoring")
APPLICANTS = "# of Applicants"
RATIO = "lowest impact ratio by {}"
UNKNOWN = "share of rows of unknown {}"


@dataclass(frozen=True)
class Parameters:
    """Which tables (none named: the declared groups, alone and together), and on which basis.

    Ethnicity and race in columns of their own are one table of race/ethnicity, as the rule has it.

    Basis "selection" takes the prediction, "scoring" the score, where 1 is favourable. A justification leaves
    categories of under 2 % out of the ratios, as the rule allows an auditor; it is printed below the tables.
    """

    attributes: tuple[tuple[str, ...], ...] = ()
    basis: str = "selection"
    justification: str = ""


@dataclass(frozen=True)
class Thresholds:
    """What is asked; None is not asked. Rows of unknown category, or without outcome, fail above the shares allowed."""

    min_impact_ratio: float | None = None
    max_unknown_share: float = 0.05
    max_left_out_share: float = 0.0


class LocalLaw144(Check):
    """Selection or scoring rates and impact ratios by category, with the rows of unknown category stated."""

    title = "Local Law 144 tables"
    version = "4"
    inputs = ("evaluation_table",)
    Parameters = Parameters
    Thresholds = Thresholds

    def measure(self, job: Job, report: Report) -> Reading:
        piece, asked = job.input("evaluation_table"), job.parameters
        declared = declaration_of(piece)
        attributes = asked.attributes or _declared(declared, piece.name)
        report(0.0, "Reading the evaluation table")
        with opened(piece, job) as table:
            if asked.basis == "selection":
                found = selection_tables(
                    table,
                    selected=declared.prediction,
                    attributes=attributes,
                    positive=declared.favourable,
                    justification=asked.justification,
                )
            elif asked.basis == "scoring" and declared.score:
                _refuse_a_score_of_the_other(declared, piece.name)
                found = scoring_tables(
                    table, score=declared.score, attributes=attributes, justification=asked.justification
                )
            else:
                raise CheckInputError("The basis is “selection”, or “scoring” where the table declares a score.")
            rows = table.rows
        return Reading(
            measures=(
                *(measure for item in found for measure in _measures(item, rows)),
                left_out_share(used=rows - found[0].rows_left_out, rows=rows),  # the outcome is that of every table
            ),
            looked_at=tuple(_looked_at(item, rows) for item in found),
            not_looked_at=(
                "Whether categories were reported by people themselves or imputed, which the rule does not accept.",
                "Independence of the auditor, dates and publication, which the rule asks for besides.",
            ),
            tables=tuple(_printed(item) for item in found),
            details={
                "tables": [" and ".join(item.attributes) for item in found],
                # What other selections would mean can be said; a score moves the median, and with it everybody's rate.
                **({"categories": _compared(found)} if asked.basis == "selection" else {}),
            },
        )

    def judge(self, reading: Reading, thresholds: Any) -> Judgement:
        names = reading.details.get("tables") or ("undeclared groups",)
        least = thresholds.min_impact_ratio
        rules = [
            Rule(RATIO.format(by), least, at_least=True, exact=_exact_ratio, turning=_turning(reading, by, least))
            for by in names
        ]
        limits = {LEFT_OUT: thresholds.max_left_out_share}
        limits |= {UNKNOWN.format(by): thresholds.max_unknown_share for by in names}
        return judge_by(reading, rules, required=missing_rules(reading, limits))


def _refuse_a_score_of_the_other(declared: Declaration, name: str) -> None:
    """A scoring rate counts high scores as good ones; a score is that of 1."""
    if declared.favourable != 1:
        raise CheckInputError(
            f"{name} declares 0 as the favourable prediction, and a high “{declared.score}” speaks for 1, so scores "
            "above the median are not the favourable ones; ask for the basis “selection”, or declare a score that is "
            "high where the favourable outcome is expected."
        )


def _compared(found: Sequence[LawTable]) -> dict[str, list[tuple[str, int, int]]]:
    """The categories that have an impact ratio: selected of applicants."""
    return {
        " and ".join(item.attributes): [
            (category.label, category.k, category.n) for category in item.categories if category.impact_ratio.computable
        ]
        for item in found
    }


def _turning(reading: Reading, by: str, limit: float | None) -> Callable[[Measure], str]:
    listed = reading.details.get("categories", {}).get(by, ())
    cells = {by: {RATE: [Cell(label, k, n) for label, k, n in listed]}}
    return partial(turning_of_groups, cells=cells, threshold="min_impact_ratio", limit=limit)


def _declared(declared: Declaration, name: str) -> tuple[tuple[str, ...], ...]:
    if not declared.groups:
        raise CheckInputError(f"{name} declares no group columns, so there are no categories; declare them.")
    groups = tuple(declared.groups)
    places = apart(groups)
    pair = () if places is None else (tuple(groups[place] for place in places),)
    alone = tuple((group,) for place, group in enumerate(groups) if places is None or place not in places)
    together = (groups,) if len(groups) > 1 and (groups,) != pair else ()
    return (*alone, *pair, *together)


def _measures(table: LawTable, rows: int) -> tuple[Measure, ...]:
    by = " and ".join(table.attributes)
    compared = [category for category in table.categories if category.impact_ratio.computable]
    name = RATIO.format(by)
    if compared:
        worst = min(compared, key=lambda category: float(category.impact_ratio.value or 0))
        ratio = Measure(
            name,
            worst.impact_ratio.value,
            sum(category.n for category in compared),
            method=f"{worst.label}; {worst.impact_ratio.method}",
            slice=(("attributes", by),),
            counts=worst.impact_ratio.counts,
        )
    else:
        reason = next((item.impact_ratio.reason for item in table.categories), "Not computable: no known category.")
        ratio = not_computable(name, reason)
    used = rows - table.rows_left_out
    return (
        ratio,
        left_out_share(used=used - table.unknown_rows, rows=used, name=UNKNOWN.format(by)),
    )


def _exact_ratio(measure: Measure) -> Fraction | None:
    k1, n1, k2, n2 = (measure.count(name) for name in ("k1", "n1", "k2", "n2"))
    if k1 is None or not n1 or not k2 or not n2:
        return None
    return Fraction(k1, n1) / Fraction(k2, n2)


def _looked_at(table: LawTable, rows: int) -> str:
    by = " and ".join(table.attributes)
    above = "" if table.median is None else f" The median score is {number(table.median)}."
    return f"{rows - table.rows_left_out - table.unknown_rows:,} rows by {by}.{above}"


def _printed(table: LawTable) -> NumberTable:
    """Headings, columns, order and note as in the examples of 6 RCNY 5-301.

    The columns before “# of Applicants” are headings that stand inside each other; an empty cell among them belongs to
    the heading before it.
    """
    selection = table.basis == "selection"
    columns = (APPLICANTS, "# Selected", "Selection Rate") if selection else (APPLICANTS, "Scoring Rate")
    unknown = f"{table.unknown_rows:,} individuals with an unknown {named(table.attributes)} category"
    left_out = "Data on those individuals was not included in the calculations above."
    notes = [f"The AEDT was also used to assess {unknown}. {left_out}"]
    if table.median is not None:
        notes.append(f"The scoring rate is the share of scores above the median, {number(table.median)}.")
    if any(category.excluded for category in table.categories):
        notes.append(
            f"Categories of under 2 % of the data are left out of the impact ratios: {table.justification}".rstrip(".")
            + "."
        )
    laid_out = layout(table.attributes, table.categories)
    return NumberTable(
        title=heading(table.attributes, table.categories),
        columns=(*laid_out.columns, *columns, "Impact Ratio"),
        rows=tuple((*line.headings, *_line(line.category, selection=selection)) for line in laid_out.lines),
        note=" ".join(notes),
    )


def _line(category: Category, *, selection: bool) -> tuple[Any, ...]:
    rate, ratio = category.rate, category.impact_ratio
    shown = reason_of(rate) if rate.value is None else f"{100 * rate.value:.1f}%"  # as the rule prints rates
    counted = (category.n, category.k) if selection else (category.n,)
    return (*counted, shown, number(ratio.value) if ratio.computable else reason_of(ratio))
