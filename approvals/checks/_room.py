"""Whether the rows of a table fit into the memory of a check that has to hold them, asked before they are read."""

from __future__ import annotations

import resource

from approvals.measures.tables import Table, TableError

MIB = 1024 * 1024
TAKEN = 1000 * MIB
"""What the interpreter, its libraries and the engine take of the memory beside the rows; measured at 2,048 MiB."""


def rows_that_fit(bytes_per_row: int) -> int | None:
    """How many rows of so many bytes this process may hold; None where nothing limits it."""
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if most == resource.RLIM_INFINITY else (most - min(TAKEN, most // 2)) // bytes_per_row


def require_room(table: Table, bytes_per_row: int, *, why: str, rows: int | None = None) -> None:
    """TableError if so many bytes for each row (or for so many rows) are more than this process may use.

    `why` says what needs the rows.
    """
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    fit, needed = rows_that_fit(bytes_per_row), table.rows if rows is None else rows
    of_these = "" if rows is None else " of that kind"
    if fit is not None and needed > fit:
        raise TableError(
            f"{why} needs every row in memory. The table “{table.name}” has {needed:,} rows{of_these}, and about "
            f"{fit:,} of them fit into the {most // MIB:,} MiB that a check may use; attach a random part of the rows, "
            "or ask an administrator for more memory (CHECK_MEMORY_MB)."
        )
