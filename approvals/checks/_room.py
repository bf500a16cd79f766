"""Whether the rows of a table fit into the memory of a check that has to hold them, asked before they are read."""

from __future__ import annotations

import resource

from approvals.measures.tables import Table, TableError

MIB = 1024 * 1024
TAKEN = 1000 * MIB
"""What the interpreter, its libraries and the engine take of the memory beside the rows; measured at 2,048 MiB."""


def require_room(table: Table, bytes_per_row: int, *, why: str) -> None:
    """TableError if so many bytes for each row are more than this process may use; `why` says what needs the rows."""
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    if most == resource.RLIM_INFINITY:
        return
    fit = (most - min(TAKEN, most // 2)) // bytes_per_row
    if table.rows > fit:
        raise TableError(
            f"{why} needs every row in memory. The table “{table.name}” has {table.rows:,} rows, and about {fit:,} of "
            f"them fit into the {most // MIB:,} MiB that a check may use; attach a random part of the rows, or ask an "
            "administrator for more memory (CHECK_MEMORY_MB)."
        )
