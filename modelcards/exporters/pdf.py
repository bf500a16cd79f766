"""A card as PDF/A-3a and PDF/UA-1 with its data, bill of materials and proofs inside, not yet signed.

WeasyPrint runs in a child process with limits, our fonts and nothing it may fetch; this file, run as a module, is it.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from subprocess import PIPE
from typing import Any
from xml.sax.saxutils import escape

import pikepdf

from modelcards import faces, told_text
from modelcards.card import Card
from modelcards.embedded import embedded
from modelcards.exporters.base import Exporter, Records
from modelcards.rendering import html
from portal.errors import Unavailable

PROJECT = Path(__file__).resolve().parent.parent.parent
SECONDS = 240
BEAT_SECONDS = 10
MEMORY = 2 * 1024**3
NAMESPACE = "urn:model-approval-portal:card:1#"
REFUSED = 3

XMP = """<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"><pdfuaid:part>1</pdfuaid:part>
</rdf:Description><rdf:Description rdf:about="" xmlns:card="{namespace}"><card:digest>{digest}</card:digest>
<card:number>{number}</card:number></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag>
<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq>
<rdf:li rdf:parseType="Resource"><pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType><pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289</pdfaProperty:description></rdf:li></rdf:Seq></pdfaSchema:property></rdf:li>
<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>Model card schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>{namespace}</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>card</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq>
<rdf:li rdf:parseType="Resource"><pdfaProperty:name>digest</pdfaProperty:name>
<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category>
<pdfaProperty:description>SHA-256 of the attached card.json</pdfaProperty:description></rdf:li>
<rdf:li rdf:parseType="Resource"><pdfaProperty:name>number</pdfaProperty:name>
<pdfaProperty:valueType>Text</pdfaProperty:valueType><pdfaProperty:category>external</pdfaProperty:category>
<pdfaProperty:description>Number of the card</pdfaProperty:description></rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>"""


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
        """The same, calling `meanwhile` every few seconds: printing takes minutes at most, and what it raises ends it.

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


def _print_in_child(order: bytes, meanwhile: Callable[[], None] = _wait, *, seconds: int = SECONDS) -> bytes:
    with tempfile.TemporaryDirectory(prefix="card-") as folder:
        fonts = Path(folder, "fonts.conf")
        fonts.write_text(faces.fontconfig(json.loads(order)["html"], cache=Path(folder)), encoding="utf-8")
        environment = {
            "FONTCONFIG_FILE": str(fonts),
            "HOME": folder,
            "TMPDIR": folder,
            "LC_ALL": "C.UTF-8",
            "PATH": os.environ.get("PATH", ""),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        command = [sys.executable, "-m", "modelcards.exporters.pdf"]
        with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, cwd=PROJECT, env=environment) as child:
            try:
                printed, complaints = _answer(child, order, meanwhile, time.monotonic() + seconds)
            except TimeoutError as late:
                raise Unavailable(
                    f"Printing the card took more than {seconds} seconds and was stopped; shorten its texts and "
                    "tables.",
                    code="card-too-slow",
                ) from late
            finally:
                child.kill()
    if child.returncode == 0 and printed.startswith(b"%PDF-"):
        return printed
    code = "card-lacks-a-letter" if child.returncode == REFUSED else "card-not-printed"
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
    if code == REFUSED:
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


class _Complaints(logging.Handler):
    """Keeps what the engine says about characters without a glyph."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.missing: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if ".notdef" in message:
            self.missing.append(message)


def _print(order: dict[str, Any]) -> bytes:
    # Raises OSError where Pango is missing, so only the child imports it.
    import weasyprint  # noqa: PLC0415
    from weasyprint.pdf.stream import Stream  # noqa: PLC0415
    from weasyprint.urls import URLFetcher  # noqa: PLC0415

    class NothingButPictures(URLFetcher):  # type: ignore[misc]  # WeasyPrint has no types
        """Opens the drawings inside the document and no address at all."""

        def __init__(self) -> None:
            super().__init__(allowed_protocols=("data",), allow_redirects=False, fail_on_errors=True)

        def fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:
            if url.startswith("data:image/svg+xml;base64,"):
                return super().fetch(url, headers)
            raise ValueError("The card names an address to load; nothing is loaded.")

    told_text.tell(Stream)
    moment = datetime.fromisoformat(order["made_at"]).astimezone(UTC).replace(tzinfo=None)
    fetcher = NothingButPictures()
    attachments = [
        weasyprint.Attachment(
            string=base64.b64decode(file["content"]),
            name=name,
            description=file["description"],
            relationship=file["relationship"],
            created=moment,
            modified=moment,
            url_fetcher=fetcher,
        )
        for name, file in order["files"].items()
    ]
    document = weasyprint.HTML(string=order["html"], base_url="card:", url_fetcher=fetcher)
    printed: bytes = document.write_pdf(
        pdf_variant="pdf/a-3a", attachments=attachments, finisher=lambda _, pdf: _declare(pdf, order)
    )
    return printed


def _declare(pdf: Any, order: dict[str, Any]) -> None:
    """State in the metadata that this is PDF/UA-1 as well, and the digest of card.json; list each attachment once."""
    metadata = pdf.objects[int(pdf.catalog["Metadata"].split()[0])]
    text = b"".join(metadata.stream).decode()
    described = XMP.format(namespace=NAMESPACE, digest=order["digest"], number=escape(order["number"]))
    metadata.stream = [text.replace("</rdf:RDF>", described + "</rdf:RDF>").encode()]
    metadata.compress = False
    listed = pdf.catalog.get("AF", [])
    listed[:] = dict.fromkeys(listed)


def main() -> int:
    """Be the child: an order as JSON on standard input, the PDF on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    complaints = _Complaints()
    logging.getLogger("weasyprint").addHandler(complaints)
    pdf = _print(json.load(sys.stdin.buffer))
    if complaints.missing:
        sys.stderr.write(f"{complaints.missing[0]}\n")
        return REFUSED
    sys.stdout.buffer.write(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
