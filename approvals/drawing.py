"""Draws in a process of its own, kept for the next drawing: what breaks the drawing program breaks no worker.

The program holds a JavaScript engine that reserves address space by the gigabyte without using it, so its data are
limited and not its address space.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from approvals.confinement import close_file_system, leave_network

ROOT = Path(__file__).resolve().parent.parent
FONTS = ROOT / "modelcards" / "fonts"
VEGA_LITE = "6.4"
SECONDS = 20
MEMORY = 2048 * 1024 * 1024
LONGEST_ORDER = 4_000_000


class DrawingError(Exception):
    """There is no drawing; the text says why, without naming the chart."""


class _Program:
    """The drawing process of this process: started when it is needed, and again after it ended."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def draw(self, order: dict[str, Any]) -> str:
        """The SVG of a specification with its configuration. Raises DrawingError."""
        line = json.dumps(order, allow_nan=False).encode()
        if len(line) > LONGEST_ORDER:
            raise DrawingError("it shows too much; draw fewer points")
        with self._one_at_a_time:
            process = self._running()
            try:
                answer = json.loads(self._asked(process, line + b"\n"))
            except (OSError, ValueError) as error:
                self.end()
                raise DrawingError("the drawing program ended before it was done") from error
            except TimeoutError as error:
                self.end()
                raise DrawingError(f"it took more than {SECONDS} seconds") from error
        if "svg" in answer:
            return str(answer["svg"])
        raise DrawingError(str(answer.get("problem", "the drawing program said nothing")))

    def _running(self) -> subprocess.Popen[bytes]:
        if self._owner != os.getpid():
            self._process, self._owner = None, os.getpid()  # a forked copy belongs to the process that started it
        if self._process is None or self._process.poll() is not None:
            self.end()
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-m", "approvals.drawing"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=tempfile.gettempdir(),
                env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"},
            )
        return self._process

    def _asked(self, process: subprocess.Popen[bytes], line: bytes) -> bytes:
        """One line there, one line back. Raises TimeoutError, or OSError if the process is gone."""
        if process.stdin is None or process.stdout is None:
            raise OSError("the drawing program was started without pipes")
        process.stdin.write(line)
        process.stdin.flush()
        deadline = time.monotonic() + SECONDS
        answer = bytearray()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while not answer.endswith(b"\n"):
                if not selector.select(max(deadline - time.monotonic(), 0)):
                    raise TimeoutError
                chunk = os.read(process.stdout.fileno(), 1 << 20)
                if not chunk:
                    raise BrokenPipeError
                answer += chunk
        return bytes(answer)

    def end(self) -> None:
        """End the drawing process if it is ours; the next drawing starts another."""
        if self._owner != os.getpid():
            return
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


_program = _Program()
atexit.register(_program.end)


def draw(specification: dict[str, Any], configuration: dict[str, Any]) -> str:
    """The SVG of a Vega-Lite specification. Raises DrawingError."""
    return _program.draw({"specification": specification, "configuration": configuration})


def main() -> None:
    """Be the drawing process: orders as lines of JSON, answers likewise, until the orders end."""
    # The library embeds a browser's engine, so only the drawing process loads it.
    import vl_convert  # noqa: PLC0415

    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    leave_network()
    close_file_system(readable=[FONTS], writable=[])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asked decides when to end
    if FONTS.is_dir():
        vl_convert.register_font_directory(str(FONTS))
    for line in sys.stdin.buffer:
        _allow_processor_time()
        order = json.loads(line)
        answers.write(json.dumps(_drawn(vl_convert, order)).encode() + b"\n")


def _drawn(library: Any, order: dict[str, Any]) -> dict[str, str]:
    try:
        svg = library.vegalite_to_svg(
            order["specification"], vl_version=VEGA_LITE, config=order["configuration"], allowed_base_urls=[]
        )
    except ValueError as error:
        return {"problem": " ".join(str(error).split())[:300]}
    return {"svg": svg}


def _allow_processor_time() -> None:
    """Another drawing's worth of it, counted from now."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    wanted = int(used.ru_utime + used.ru_stime) + 2 * SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


if __name__ == "__main__":
    main()
