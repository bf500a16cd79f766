"""The process that prints: an order as JSON on standard input, the PDF on standard output.

Run as `python -m modelcards.press SECONDS`, with limits on memory and processor time and nothing that it may fetch.
Imports no more than printing needs, because it starts anew for each card.
"""

from __future__ import annotations

import base64
import gc
import json
import logging
import resource
import signal
import sys
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from modelcards import table_headers, told_text

SECONDS = 240
"""Of the processor, not of the clock: a busy machine must not fail a card that an idle one would print."""
MEMORY = 2 * 1024**3
NAMESPACE = "urn:model-approval-portal:card:1#"
LACKS_A_LETTER = 3
TOO_SLOW = -signal.SIGXCPU
"""Exit code, as the parent sees it, of a printing that used up its processor time."""
ALLOCATIONS = (200_000, 50, 50)

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
    """State PDF/UA-1 and the digest of card.json in the metadata, connect tables, list each attachment once."""
    metadata = pdf.objects[int(pdf.catalog["Metadata"].split()[0])]
    text = b"".join(metadata.stream).decode()
    described = XMP.format(namespace=NAMESPACE, digest=order["digest"], number=escape(order["number"]))
    metadata.stream = [text.replace("</rdf:RDF>", described + "</rdf:RDF>").encode()]
    metadata.compress = False
    table_headers.connect(pdf)
    listed = pdf.catalog.get("AF", [])
    listed[:] = dict.fromkeys(listed)


def main(seconds: int) -> int:
    """Print one order within so many seconds of the processor.

    The exit code is 0, LACKS_A_LETTER where the fonts draw nothing for a character of it, or TOO_SLOW, by which the
    kernel ends a process that used up its time.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    # Before the hard limit, where the kernel kills as it does for any other reason, it says that it is about the time.
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 2))
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The default walks through all boxes of the document again and again, for an eighth of the time, and frees little.
    gc.set_threshold(*ALLOCATIONS)
    complaints = _Complaints()
    logging.getLogger("weasyprint").addHandler(complaints)
    pdf = _print(json.load(sys.stdin.buffer))
    if complaints.missing:
        sys.stderr.write(f"{complaints.missing[0]}\n")
        return LACKS_A_LETTER
    sys.stdout.buffer.write(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
