"""The Celery workers of the served portal, as the system's list of processes has them."""

import os
import signal
from pathlib import Path


def workers(var: Path) -> set[int]:
    """Every process of the worker of the portal whose data are in this folder."""
    found = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                ours = f"PORTAL_VAR={var}\0".encode() in (folder / "environ").read_bytes()
                if ours and b"\0worker\0" in (folder / "cmdline").read_bytes():
                    found.add(int(folder.name))
            except (PermissionError, FileNotFoundError, ProcessLookupError):
                continue
    return found


def kill_workers(var: Path) -> set[int]:
    """Kill them all at once; gives those that were there."""
    found = workers(var)
    for process in found:
        os.kill(process, signal.SIGKILL)
    return found
