"""One printed and sealed card for all tests of this folder, and one issued by a portal: printing takes seconds."""

import copy
import shutil
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.test import override_settings

from modelcards.exporters.pdf import PdfExporter
from modelcards.models import ModelCard
from modelcards.sealing import sign_pdf
from modelcards.signing import ensure_signing_identity
from portal.keys import ensure_keys
from tests.cast import make_cast
from tests.databases import database_of_its_own
from tests.modelcards.approvals import issued
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


@pytest.fixture(scope="session")
def _portal_with_card(django_db_setup, django_db_blocker, tmp_path_factory):
    """A portal's folder and database in which one card was issued, and nobody looked at it yet."""
    folder = tmp_path_factory.mktemp("issued")
    ensure_keys(folder / "var")
    with override_settings(VAR=folder / "var"), database_of_its_own(django_db_blocker, folder):
        cast = make_cast()
        return SimpleNamespace(folder=folder, cast=cast, card=issued(cast).pk)


@pytest.fixture
def with_card(_portal_with_card, own_var, django_db_blocker, tmp_path):
    """The people of a portal of the test's own, with its one issued card: a copy of one that was made before."""
    shutil.rmtree(own_var)
    shutil.copytree(_portal_with_card.folder / "var", own_var)
    with database_of_its_own(django_db_blocker, tmp_path, template=_portal_with_card.folder):
        row = ModelCard.objects.select_related("pdf", "version").get(pk=_portal_with_card.card)
        yield copy.deepcopy(_portal_with_card.cast), row
