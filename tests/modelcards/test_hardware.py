"""The seal's key in a token, tried with SoftHSM: made there, signs there, and each way in which a token fails."""

import io
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from modelcards.hardware import Token, TokenKey
from modelcards.sealing import sign_pdf
from modelcards.signing import ensure_signing_identity, rotate
from modelcards.verification import verify_card
from portal.errors import Unavailable
from tests.modelcards.ledgers import vkey

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def configuration(tmp_path_factory):
    """Of a token of our own."""
    folder = tmp_path_factory.mktemp("softhsm")
    (folder / "tokens").mkdir()
    path = folder / "softhsm2.conf"
    path.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    command = ["softhsm2-util", "--init-token", "--free", "--label", "cards", "--pin", "1234", "--so-pin", "5678"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "SOFTHSM2_CONF": str(path)})
    return path


@pytest.fixture(scope="module")
def token(configuration):
    """That token; the library reads the place of its files once, so all tests share it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        yield Token(next(path for path in MODULES if Path(path).exists()), "cards", "1234")


def test_a_card_sealed_by_a_token_verifies_like_any_other(token, printed, revoked, tmp_path):
    identity = ensure_signing_identity(tmp_path, organisation="Nordhaven Bank", token=token)
    assert ensure_signing_identity(tmp_path, token=token).certificate == identity.certificate
    pdf = sign_pdf(printed.pdf, identity=identity, reason="Issued")
    lists = [(tmp_path / "keys" / "card-root.crl").read_bytes()]
    report = verify_card(pdf, roots=[identity.root_pem], vkey=vkey(), revoked=lists)
    assert report.ok, report.bottom_line
    (signature,) = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    assert signature.signer_cert.serial_number == identity.certificate.serial_number


def test_the_key_of_a_token_is_in_no_file(token, tmp_path):
    identity = ensure_signing_identity(tmp_path, token=token)
    assert isinstance(identity.key, TokenKey)
    assert not (tmp_path / "keys" / "card-seal.p12").exists()
    assert b"PRIVATE" not in (tmp_path / "keys" / "card-seal-token.pem").read_bytes()
    assert "1234" not in repr(identity)


def test_the_key_in_a_token_is_rotated_too(token, tmp_path):
    first = ensure_signing_identity(tmp_path, token=token)
    rotate(tmp_path, organisation="Nordhaven Bank", passphrase="", token=token, now=datetime.now(UTC))
    second = ensure_signing_identity(tmp_path, token=token)
    assert second.key != first.key
    assert second.certificate.public_key() != first.certificate.public_key()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"pin": "9999"}, "refused the PIN"),
        ({"label": "other"}, "is not there"),
        ({"module": "/no.so"}, "cannot be used"),
    ],
    ids=["pin", "label", "module"],
)
def test_a_token_that_cannot_be_used_is_named(token, tmp_path, changes, why):
    wrong = Token(**{"module": token.module, "label": token.label, "pin": token.pin, **changes})
    with pytest.raises(Unavailable) as refused:
        ensure_signing_identity(tmp_path, token=wrong)
    assert why in refused.value.sentence
    assert not list((tmp_path / "keys").glob("card-seal*"))


def test_a_token_that_lost_the_key_is_named(token, tmp_path):
    ensure_signing_identity(tmp_path, token=token)
    path = tmp_path / "keys" / "card-seal-token.pem"
    path.write_bytes(b"card seal of nobody\n" + path.read_bytes().partition(b"\n")[2])
    with pytest.raises(Unavailable, match="does not hold the seal's key"):
        ensure_signing_identity(tmp_path, token=token)


def test_another_key_under_the_name_is_refused(token, tmp_path):
    ensure_signing_identity(tmp_path / "one", token=token)
    ensure_signing_identity(tmp_path / "two", token=token)
    one, two = (tmp_path / name / "keys" / "card-seal-token.pem" for name in ("one", "two"))
    one.write_bytes(two.read_bytes().partition(b"\n")[0] + b"\n" + one.read_bytes().partition(b"\n")[2])
    with pytest.raises(Unavailable, match="not that of the seal's certificate"):
        ensure_signing_identity(tmp_path / "one", token=token)


def test_without_the_library_the_extra_is_named(tmp_path):
    program = (
        "import sys; sys.modules['pkcs11'] = None\n"
        "from modelcards.hardware import Token\n"
        "try:\n    Token('x', 'y', 'z').make_key('k')\n"
        "except Exception as problem:\n    print(problem)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert "install the extra “token”" in done.stdout
