"""What a limited process gives up before it opens a file: memory, time, the network, writing, reading secrets.

Uses only the standard library and Linux system calls. What the machine does not allow is said, never hidden.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

MIB = 1024 * 1024

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_READ_ONLY = 0b1101  # execute, read a file, list a folder
_ALL_RIGHTS = (1 << 13) - 1  # the thirteen file rights of Landlock's first version
_FILE_RIGHTS = 0b111  # execute, write, read: the rights that a single file can have
_SYSTEM = (
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/opt",
    "/nix",
    "/proc",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/etc/ld.so.cache",
    "/etc/localtime",
)
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")


def limit_resources(*, memory_mb: int, cpu_seconds: int, file_mb: int) -> None:
    """Bound address space, processor time, file size and open files of this process; no core dumps."""
    wanted = {
        resource.RLIMIT_AS: (memory_mb * MIB, 0),
        resource.RLIMIT_CPU: (cpu_seconds, 5),  # the signal at the lower limit tells the worker why it ended
        resource.RLIMIT_FSIZE: (file_mb * MIB, 0),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: (256, 0),
    }
    for kind, (amount, grace) in wanted.items():
        _, hard = resource.getrlimit(kind)
        highest = amount + grace if hard == resource.RLIM_INFINITY else min(amount + grace, hard)
        resource.setrlimit(kind, (min(amount, highest), highest))


def leave_network() -> str:
    """Move this process into a network of its own without any interface. Gives what to log if that is not allowed."""
    if sys.platform != "linux":
        return "The network could not be cut off on this system; the check ran with it."
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return f"The network could not be cut off here ({os.strerror(ctypes.get_errno())}); the check ran with it."
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except OSError as error:
        return f"The network is cut off; the user could not be mapped ({error.strerror})."
    return ""


def die_with_parent(parent: int) -> None:
    """Be killed when the worker that started this process dies."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def close_file_system(*, readable: Iterable[Path], writable: Iterable[Path]) -> str:
    """Allow reading only libraries, code and the given paths, writing only the given folders (Landlock).

    Gives what to log if the kernel cannot do it.
    """
    if sys.platform != "linux":
        return "Reading and writing other files could not be forbidden on this system."
    libc = ctypes.CDLL(None, use_errno=True)
    attributes = struct.pack("=Q", _ALL_RIGHTS)
    rules = libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, len(attributes), 0)
    if rules < 0:
        return f"Reading and writing other files could not be forbidden here ({os.strerror(ctypes.get_errno())})."
    for path in {*_code_paths(), *(Path(name) for name in _SYSTEM), *readable}:
        _allow(libc, rules, path, _READ_ONLY)
    for path in {*(Path(name) for name in _DEVICES), *writable}:
        _allow(libc, rules, path, _ALL_RIGHTS)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    failed = libc.syscall(_LANDLOCK_RESTRICT_SELF, rules, 0) != 0
    os.close(rules)
    return "Reading and writing other files could not be forbidden here." if failed else ""


def _code_paths() -> Iterable[Path]:
    """Where Python looks for code, without the project's root: secrets lie next to the code there."""
    root = Path(__file__).resolve().parents[1]
    yield from (Path(place) for place in (sys.prefix, sys.base_prefix))
    yield from (Path(place) for place in sysconfig.get_paths().values())
    yield from (Path(place) for place in sys.path if place and Path(place).resolve() != root)
    yield from (root / name for name in ("approvals", "monitoring", "portal", "tests"))


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    if not path.exists():
        return
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        allowed = rights if path.is_dir() else rights & _FILE_RIGHTS
        rule = struct.pack("=Qi", allowed, place)
        libc.syscall(_LANDLOCK_ADD_RULE, rules, 1, rule, 0)
    finally:
        os.close(place)
