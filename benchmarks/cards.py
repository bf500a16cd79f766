"""What a sealed card costs beside WeasyPrint rendering the same HTML bare, in the same run.

Run `make benchmark-cards`. Ours is the whole way from the card document to the sealed and verified file; bare is a new
process that does nothing but `HTML(string).write_pdf()` with the same fonts: no tags, no PDF/A, nothing attached, no
seal. Prints seconds of processor time and of the clock, medians of alternating runs, and the ratios.
"""

from __future__ import annotations

import io
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pikepdf
from cryptography.hazmat.primitives.serialization import Encoding

from modelcards import faces
from modelcards.card import Card
from modelcards.exporters.pdf import PdfExporter
from modelcards.rendering import html
from modelcards.sealing import sign_pdf
from modelcards.signing import SigningIdentity, ensure_signing_identity
from modelcards.verification import verify_card
from tests.modelcards.cards import card
from tests.modelcards.ledgers import vkey

RUNS = 5
ALLOWED = 1.3
BARE = (
    "import sys, weasyprint; "
    "sys.stdout.buffer.write(weasyprint.HTML(string=sys.stdin.read(), base_url='card:').write_pdf())"
)


def main() -> int:
    """Measure and print; 1 if a card costs more than is allowed."""
    document = card()
    with tempfile.TemporaryDirectory() as folder:
        identity = ensure_signing_identity(Path(folder, "var"))
        fonts = Path(folder, "fonts.conf")
        text = html(document)
        fonts.write_text(faces.fontconfig(text, cache=Path(folder)), encoding="utf-8")
        ours, bare = [], []
        pages = 0
        for _ in range(RUNS):
            seconds, pdf = _timed(lambda: _sealed(document, identity))
            ours.append(seconds)
            seconds, plain = _timed(lambda: _bare(text, fonts))
            bare.append(seconds)
            with pikepdf.open(io.BytesIO(pdf)) as opened, pikepdf.open(io.BytesIO(plain)) as other:
                pages = len(opened.pages)
                if len(other.pages) != pages:
                    message = f"The two have {pages} and {len(other.pages)} pages, so they are not comparable."
                    raise RuntimeError(message)
    worst = 0.0
    print(f"A card of {pages} pages, median of {RUNS} runs")
    for name, index in (("processor time", 0), ("clock", 1)):
        mine, theirs = (statistics.median(run[index] for run in runs) for runs in (ours, bare))
        print(f"  {name}: sealed card {mine:.2f} s, bare {theirs:.2f} s, ratio {mine / theirs:.2f} (at most {ALLOWED})")
        worst = max(worst, mine / theirs)
    return 1 if worst > ALLOWED else 0


def _timed(act: Callable[[], bytes]) -> tuple[tuple[float, float], bytes]:
    """Processor time of this process and its children, time of the clock, and what was made."""
    before, start = _processor(), time.perf_counter()
    made = act()
    return (_processor() - before, time.perf_counter() - start), made


def _processor() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def _sealed(document: Card, identity: SigningIdentity) -> bytes:
    pdf = sign_pdf(PdfExporter().export(document), identity=identity, reason="Benchmark")
    revoked = [] if identity.revoked is None else [identity.revoked.public_bytes(Encoding.DER)]
    report = verify_card(pdf, roots=[identity.root_pem], vkey=vkey(), revoked=revoked)
    if not report.ok:
        raise RuntimeError(report.bottom_line)
    return pdf


def _bare(text: str, fonts: Path) -> bytes:
    environment = {**os.environ, "FONTCONFIG_FILE": str(fonts)}
    done = subprocess.run(
        [sys.executable, "-c", BARE], input=text.encode(), stdout=subprocess.PIPE, env=environment, check=True
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
