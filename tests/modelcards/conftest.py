"""One printed and sealed card for all tests of this folder: printing takes seconds."""

from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from modelcards.exporters.pdf import PdfExporter
from modelcards.signing import ensure_signing_identity, sign_pdf
from tests.modelcards.cards import card
from tests.modelcards.timestamp_server import make_authority


@pytest.fixture(scope="session")
def printed():
    """The full card with its unsigned PDF."""
    document = card()
    return SimpleNamespace(card=document, pdf=PdfExporter().export(document))


@pytest.fixture(scope="session")
def identity(tmp_path_factory):
    return ensure_signing_identity(tmp_path_factory.mktemp("var"), organisation="Nordhaven Bank")


@pytest.fixture(scope="session")
def revoked(identity):
    """The list of revoked certificates, which are none."""
    return identity.revoked.public_bytes(Encoding.DER)


@pytest.fixture(scope="session")
def sealed(printed, identity):
    """The full card as issued."""
    return sign_pdf(printed.pdf, identity=identity, reason="Issued as MC-2026-0007")


@pytest.fixture(scope="session")
def time_authority(tmp_path_factory):
    """Keys of a timestamp authority, not served yet."""
    return make_authority(tmp_path_factory.mktemp("time"))


@pytest.fixture
def tsa(time_authority):
    """The same without the faults and counts of another test."""
    time_authority.fault, time_authority.asked, time_authority.sound = "", 0, 0
    return time_authority
