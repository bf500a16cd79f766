"""The kind of a column: from every cell of a CSV, or from the types of a Parquet file. Never from a sample."""

from __future__ import annotations

from typing import Literal

Kind = Literal["number", "text", "boolean", "date", "other"]

BLANKS = "".join(map(chr, (0x20, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)))
"""The spaces of Unicode, which DuckDB trims; a text of nothing else is missing in every engine."""
NUMBER = r"[+-]?((0|[1-9][0-9]*)([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?|[+-]?[iI]nf(inity)?"
"""How a number is written in a text, as a regular expression; 01 is a code and not 1, and makes its column text."""
NO_WORD = "[^0-9a-z\u00a1-\u1fff\u2070-\u2fff\u3040-\ufffd]+"
"""What parts words of lower case, as a regular expression that every engine reads alike, without signs to escape:
all of ASCII but digits and letters, control signs, spaces and punctuation of Unicode's general blocks, and what is
beyond its first plane, which Spark miscounts in the text of a question."""
_INTEGER = r"[+-]?[0-9]{1,38}"
_LONG_INTEGER = r"[+-]?[0-9]{19,38}"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
TESTS = 6
"""How many counts `csv_tests` makes."""
SINGLE = "FLOAT"
"""A number of 32 bits: seven digits."""
FLOATING = {SINGLE, "DOUBLE"}
_WHOLE_TYPES = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "HUGEINT"}


def csv_tests(cell: str) -> str:
    """SQL that counts, of one text cell: present, numbers, whole numbers, long ones of them, booleans and dates."""
    text = f"TRIM({cell})"
    return (
        f"COUNT({cell}), "
        f"COUNT(CASE WHEN regexp_full_match({text}, '{NUMBER}') THEN TRY_CAST(LOWER({text}) AS DOUBLE) END), "
        f"COUNT(CASE WHEN regexp_full_match({text}, '{_INTEGER}') THEN 1 END), "
        f"COUNT(CASE WHEN regexp_full_match({text}, '{_LONG_INTEGER}') THEN 1 END), "
        f"COUNT(CASE WHEN LOWER({text}) IN ('true', 'false') THEN 1 END), "
        f"COUNT(CASE WHEN regexp_full_match({text}, '{_DATE}') THEN TRY_CAST({text} AS TIMESTAMP) END)"
    )


def csv_kind(
    present: int, numbers: int, integers: int, long_integers: int, booleans: int, dates: int
) -> tuple[Kind, str]:
    """The kind and the SQL type to store, from the counts of `csv_tests`."""
    if not present:
        return "other", "VARCHAR"
    if numbers == present:
        if integers < present:
            return "number", "DOUBLE"
        return "number", "HUGEINT" if long_integers else "BIGINT"  # account numbers keep every digit
    if booleans == present:
        return "boolean", "BOOLEAN"
    return ("date" if dates == present else "text"), "VARCHAR"


def parquet_cell(cell: str, type_name: str) -> tuple[Kind, str]:
    """The kind of a cell of this SQL type, and the SQL that reads it with NaN and blank text as missing."""
    if type_name in _WHOLE_TYPES:
        return "number", cell
    if type_name in FLOATING or type_name.startswith("DECIMAL"):
        number = f"CAST({cell} AS DOUBLE)"
        # Not by isnan: where a file's statistics name the least and the greatest number, which NaN is never among,
        # DuckDB takes it that there is none. And not by OR, which takes three times as long.
        return "number", f"CASE WHEN isfinite({number}) THEN {number} WHEN isinf({number}) THEN {number} END"
    if type_name == "BOOLEAN":
        return "boolean", cell
    if type_name == "DATE" or type_name.startswith("TIMESTAMP"):
        return "date", f"CAST({cell} AS VARCHAR)"
    text = f"CAST({cell} AS VARCHAR)"
    if type_name == "VARCHAR" or type_name.startswith("ENUM"):
        return "text", f"CASE WHEN TRIM({text}) = '' THEN NULL ELSE {text} END"
    return "other", text
