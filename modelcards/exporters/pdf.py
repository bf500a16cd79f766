"""A card as PDF/A-3a and PDF/UA-1 with its data, bill of materials and proofs inside, not yet signed.

WeasyPrint runs in a child process with our fonts, and under the limits of modelcards/press.py, which is that process.
"""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from subprocess import PIPE

import pikepdf

from modelcards import faces
from modelcards.card import Card
from modelcards.embedded import embedded
from modelcards.exporters.base import Exporter, Records
from modelcards.press import LACKS_A_LETTER, SECONDS, TOO_SLOW
from modelcards.rendering import html
from portal.errors import Unavailable

PROJECT = Path(__file__).resolve().parent.parent.parent
BEAT_SECONDS = 1
PATIENCE_SECONDS = 1200
"""By the clock: five times what the processor may take, for a machine that has much else to do."""


class PdfExporter(Exporter):
    """The printed card."""

    title = "Card (PDF/A-3, PDF/UA)"
    sentence = (
        "For people and archives: the signed card with its data, bill of materials, attestations and proof inside."
    )
    media_type = "application/pdf"
    suffix = ".pdf"

    def export(self, card: Card) -> bytes:
        return self.printed(card, meanwhile=_wait)

    def handed_out(self, card: Card, records: Records) -> Iterator[bytes]:
        """The file that was made: a card is printed and signed once."""
        yield records.pdf()

    def printed(self, card: Card, *, meanwhile: Callable[[], None], attestations: bytes | None = None) -> bytes:
        """The same, calling `meanwhile` every second: printing takes minutes at most, and what it raises ends it.

        Raises Unavailable with the reason if the card cannot be printed.
        """
        try:
            return self._printed(card, attestations, meanwhile, cautious=False)
        except Unavailable as refusal:
            if refusal.code != "card-lacks-a-letter":
                raise
        # A letter that the fonts' tables promise and no shape draws: readable codes, and never no card at all.
        return self._printed(card, attestations, meanwhile, cautious=True)

    def _printed(
        self, card: Card, attestations: bytes | None, meanwhile: Callable[[], None], *, cautious: bool
    ) -> bytes:
        files = embedded(card, attestations)
        order = {
            "html": html(card, cautious=cautious),
            "files": {
                name: {
                    "content": base64.b64encode(file.content).decode(),
                    "relationship": file.relationship,
                    "description": file.description,
                }
                for name, file in files.items()
            },
            "made_at": card.made_at,
            "digest": card.digest(),
            "number": card.number,
        }
        printed = _print_in_child(json.dumps(order).encode(), meanwhile)
        return _normal(printed, {name: file.media_type for name, file in files.items()})


def _wait() -> None:
    """Nobody has to be told."""


def _print_in_child(
    order: bytes,
    meanwhile: Callable[[], None] = _wait,
    *,
    seconds: int = SECONDS,
    patience: float = PATIENCE_SECONDS,
) -> bytes:
    """The bytes of one printing that may take `seconds` of the processor and `patience` seconds by the clock."""
    with tempfile.TemporaryDirectory(prefix="card-") as folder:
        fonts = Path(folder, "fonts.conf")
        fonts.write_text(faces.fontconfig(json.loads(order)["html"], cache=Path(folder)), encoding="utf-8")
        environment = {
            "FONTCONFIG_FILE": str(fonts),
            "HOME": folder,
            "TMPDIR": folder,
            "LC_ALL": "C.UTF-8",
            # A path to no program: on its way to Pango the engine asks compilers and linkers, for a fifth of a second.
            "PATH": folder,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, "-m", "modelcards.press", str(seconds)]
        with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=PROJECT, env=environment) as child:
            try:
                printed, complaints = _answer(child, order, meanwhile, time.monotonic() + patience)
            except TimeoutError as late:
                raise Unavailable(
                    f"Printing the card was not done within {patience:g} seconds and was stopped: this machine had too "
                    "much else to do. Order the card again when it has less.",
                    code="card-kept-waiting",
                ) from late
            finally:
                child.kill()
    if child.returncode == 0 and printed.startswith(b"%PDF-"):
        return printed
    if child.returncode == TOO_SLOW:
        raise Unavailable(
            f"Printing the card took more than {seconds} seconds of the processor and was stopped; shorten its texts "
            "and tables.",
            code="card-too-slow",
        )
    code = "card-lacks-a-letter" if child.returncode == LACKS_A_LETTER else "card-not-printed"
    raise Unavailable(_why(child.returncode, complaints), code=code)


def _answer(
    child: subprocess.Popen[bytes], order: bytes, meanwhile: Callable[[], None], deadline: float
) -> tuple[bytes, bytes]:
    """What the child wrote and what it complained about. Raises TimeoutError after the deadline."""
    given: bytes | None = order
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        try:
            return child.communicate(given, timeout=min(BEAT_SECONDS, left))
        except subprocess.TimeoutExpired:
            given = None
            meanwhile()


def _why(code: int, complaints: bytes) -> str:
    last = complaints.decode("utf-8", "replace").strip().rpartition("\n")[2][:300]
    if code == LACKS_A_LETTER:
        return f"The card was not printed: {last}"
    return f"The card was not printed: the printing process ended with code {code} ({last or 'no message'})."


def _normal(pdf: bytes, media_types: Mapping[str, str]) -> bytes:
    """The same document with small object streams: one huge stream makes each later verification quadratic.

    The media types of the attachments are ours; the engine would ask the machine about those it does not know.
    """
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        for name, media_type in media_types.items():
            opened.attachments[name].get_file().mime_type = media_type
        opened.save(
            output := io.BytesIO(),
            object_stream_mode=pikepdf.ObjectStreamMode.generate,
            deterministic_id=True,
            fix_metadata_version=False,
        )
    return output.getvalue()
