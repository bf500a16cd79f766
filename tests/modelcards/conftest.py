"""One printed and sealed card for all tests of this folder: printing takes seconds."""

from types import SimpleNamespace

import pytest

from modelcards.exporters.pdf import PdfExporter
from modelcards.signing import ensure_signing_identity, sign_pdf
from tests.modelcards.cards import card


@pytest.fixture(scope="session")
def printed():
    """The full card with its unsigned PDF."""
    document = card()
    return SimpleNamespace(card=document, pdf=PdfExporter().export(document))


@pytest.fixture(scope="session")
def identity(tmp_path_factory):
    return ensure_signing_identity(tmp_path_factory.mktemp("var"), organisation="Nordhaven Bank")


@pytest.fixture(scope="session")
def sealed(printed, identity):
    """The full card as issued."""
    return sign_pdf(printed.pdf, identity=identity, reason="Issued as MC-2026-0007")
