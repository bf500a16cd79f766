"""When cells of two tables mean the same, as SQL: the types of two files say how they were written, not what they mean.

1, 1.0, the text "1" and true are alike, so are "a" and " a ", and a moment in any way of writing it. Missing is like
missing. Texts are alike to the letter otherwise, and numbers to the last digit; but where one
file keeps 32 bits of a number and the other more, they are alike if 32 bits of them are, whole numbers apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from approvals.measures.kinds import NUMBER

if TYPE_CHECKING:
    from approvals.measures.tables import Table

_EXACT_DOUBLE = 2**53
_BLANKS = "' ' || chr(9) || chr(10) || chr(13) || chr(160)"
_ZONE = ":[0-9.]+(Z|[+-][0-9]{2}(:?[0-9]{2})?)"


def comparable(table: Table, name: str, beside: Table) -> str:
    """What is hashed of a column of `table` to be compared with the column of that name in `beside`."""
    cell, kind, other = table.cell(name), table.column(name).kind, beside.column(name).kind
    near = table.holds_singles(name) != beside.holds_singles(name)
    if kind == "number":
        # Beside anything else there is a third part, for what is no number.
        number = f"CAST({cell} AS DOUBLE)"
        return f"{_in_32_bits(number) if near else number}, {_whole(cell, cell)}{'' if other == 'number' else ', NULL'}"
    if other == "number":
        return _beside_number(cell, kind, near=near)
    if kind == "boolean":
        return f"CAST({cell} AS VARCHAR)"
    text = _trimmed(cell)
    if "date" in (kind, other):
        return f"COALESCE(CAST({_moment(text)} AS VARCHAR), {text})"
    return _truth(text) if other == "boolean" else text


def _in_32_bits(number: str) -> str:
    """A number rounded to 32 bits, so that 0.1 is what a file of such numbers has for it; whole ones as they are."""
    return f"CASE WHEN {number} = TRUNC({number}) THEN {number} ELSE CAST(CAST({number} AS FLOAT) AS DOUBLE) END"


def _beside_number(cell: str, kind: str, *, near: bool) -> str:
    if kind == "boolean":
        return f"CAST({cell} AS DOUBLE), NULL, NULL"
    text = _trimmed(cell)
    if kind == "date":
        return f"NULL, NULL, {text}"
    number = f"CASE WHEN regexp_full_match({text}, '{NUMBER}') THEN TRY_CAST(LOWER({text}) AS DOUBLE) END"
    shown = _in_32_bits(f"({number})") if near else number
    return f"{shown}, {_whole(number, text)}, CASE WHEN ({number}) IS NULL THEN {text} END"


def _whole(number: str, cell: str) -> str:
    """The digits of a whole number that a double cannot hold."""
    return f"CASE WHEN ABS({number}) >= {_EXACT_DOUBLE} THEN TRY_CAST({cell} AS DECIMAL(38, 0)) END"


def _trimmed(cell: str) -> str:
    return f"TRIM(CAST({cell} AS VARCHAR), {_BLANKS})"


def _moment(text: str) -> str:
    """Microseconds since 1970; without a zone as if in UTC, so that nothing depends on where this runs."""
    zoned = f"regexp_matches({text}, '{_ZONE}$')"
    moment, plain = (f"EPOCH_US(TRY_CAST({text} AS {kind}))" for kind in ("TIMESTAMPTZ", "TIMESTAMP"))
    return f"CASE WHEN {zoned} THEN {moment} ELSE {plain} END"


def _truth(text: str) -> str:
    low = f"LOWER({text})"
    return (
        f"CASE WHEN regexp_full_match({low}, 'true|1([.]0+)?') THEN 'true' "
        f"WHEN regexp_full_match({low}, 'false|0([.]0+)?') THEN 'false' ELSE {text} END"
    )
