"""Other people's programs on a card: each says pass, or what it does not like. Nothing of ours judges here."""

import io
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import validate_pdf_signature, validate_pdf_timestamp
from pyhanko.version import __version__ as pyhanko_version
from pyhanko_certvalidator import ValidationContext

from modelcards.proofs import whole_stamps
from modelcards.sealed_part import SealedPart, sealed_part, signed_ranges
from modelcards.timestamps import read_stamp

PROJECT = Path(__file__).resolve().parents[2]
PROFILES = {"3a": "PDF/A-3a", "3u": "PDF/A-3u", "ua1": "PDF/UA-1"}


@dataclass(frozen=True)
class Verdict:
    """What one program says about one file."""

    program: str
    question: str
    passed: bool
    said: str


def run(*command, cwd):
    return subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)


def all_verdicts(folder, pdf, roots, *, conformance, signatures=1):
    """Every program on a file that is written into the folder; `roots` are certificates to trust."""
    folder.mkdir(exist_ok=True)
    (folder / "card.pdf").write_bytes(pdf)
    return [
        *pdfsig(folder, roots, signatures=signatures),
        qpdf(folder),
        *pyhanko(pdf, roots),
        openssl_signature(folder, pdf, roots),
        *openssl_timestamp(folder, pdf, roots),
        *conformance.verdicts(folder / "card.pdf"),
    ]


def pdfsig(folder, roots, *, signatures=1):
    """poppler, with a database of NSS that trusts the roots; its exit code says nothing, so its words count."""
    store = f"sql:{folder / 'nss'}"
    (folder / "nss").mkdir()
    run("certutil", "-N", "-d", store, "--empty-password", cwd=folder)
    for number, root in enumerate(roots):
        (folder / f"root-{number}.der").write_bytes(root.public_bytes(Encoding.DER))
        add = ("certutil", "-A", "-d", store, "-n", f"root {number}", "-t", "CT,C,C", "-i", f"root-{number}.der")
        run(*add, cwd=folder)
    # Told not to ask for revocation (-no-ocsp) it trusts no certificate; ours name no address, so nothing is asked.
    said = run("pdfsig", "-nssdir", store, "card.pdf", cwd=folder).stdout
    version = run("pdfsig", "-v", cwd=folder).stderr.splitlines()[0]
    each = "the signature is" if signatures == 1 else f"all {signatures} signatures are"
    wanted = {
        "Signature Validation: Signature is Valid.": (f"{each} valid", signatures),
        "Certificate Validation: Certificate is Trusted.": (
            f"{each.replace('signature', 'certificate')} trusted",
            signatures,
        ),
        "\n  - Total document signed": ("the total document is signed", 1),
    }
    for words, (question, count) in wanted.items():
        yield Verdict(version, question, said.count(words) == count, "" if said.count(words) == count else said)


def qpdf(folder):
    done = run("qpdf", "--check", "card.pdf", cwd=folder)
    version = run("qpdf", "--version", cwd=folder).stdout.splitlines()[0]
    return Verdict(version, "no fault in the structure (--check)", done.returncode == 0, done.stdout + done.stderr)


def pyhanko(pdf, roots):
    """pyHanko's own validator, with its own judgement of what was added after the signature."""
    trusted = [translate_pyca_cryptography_cert_to_asn1(root) for root in roots]
    context = ValidationContext(trust_roots=trusted, allow_fetching=False)
    reader = PdfFileReader(io.BytesIO(pdf))
    name = f"pyHanko {pyhanko_version}"
    for one in reader.embedded_regular_signatures:
        status = validate_pdf_signature(one, context, context)
        yield Verdict(name, "the signature is valid and trusted", status.bottom_line, status.summary())
    for one in reader.embedded_timestamp_signatures:
        stamp = validate_pdf_timestamp(one, context)
        last = one is reader.embedded_signatures[-1]
        whole = stamp.coverage.name == ("ENTIRE_FILE" if last else "ENTIRE_REVISION")
        says = "the whole file" if last else "all before it"
        fine = stamp.intact and stamp.valid and stamp.trusted and whole
        yield Verdict(name, f"the timestamp is trusted and covers {says}", fine, stamp.summary())


def openssl_signature(folder, pdf, roots):
    """OpenSSL on the bytes that the byte range names."""
    before, after, rest = signed_ranges(pdf)[0]
    (folder / "signed").write_bytes(pdf[:before] + pdf[after : after + rest])
    (folder / "signature.der").write_bytes(bytes.fromhex(pdf[before + 1 : after - 1].decode()))
    (folder / "roots.pem").write_bytes(b"".join(root.public_bytes(Encoding.PEM) for root in roots))
    command = ["cms", "-verify", "-inform", "DER", "-in", "signature.der", "-content", "signed", "-binary"]
    done = run("openssl", *command, "-CAfile", "roots.pem", "-purpose", "any", "-out", "/dev/null", cwd=folder)
    return Verdict(_openssl(folder), "the signature holds (cms -verify)", done.returncode == 0, done.stderr)


def _openssl(folder):
    return " ".join(run("openssl", "version", cwd=folder).stdout.split()[:2])


def openssl_timestamp(folder, pdf, roots):
    """OpenSSL on each timestamp over the whole, where there is one."""
    part = sealed_part(pdf)
    assert isinstance(part, SealedPart), part
    for stamp in whole_stamps(pdf, part.additions):
        (folder / "whole").write_bytes(stamp.signed)
        (folder / "token.der").write_bytes(stamp.token)
        command = ("ts", "-verify", "-data", "whole", "-in", "token.der", "-token_in", "-CAfile", "roots.pem")
        done = run("openssl", *command, cwd=folder)
        says = f"the timestamp of {read_stamp(stamp.token).by} holds (ts -verify)"
        yield Verdict(_openssl(folder), says, done.returncode == 0, done.stderr)


class VeraPdf:
    """veraPDF in a process of its own, for as long as the block lasts."""

    def __init__(self, folder):
        self._log = (folder / "verapdf.log").open("w+b")

    def __enter__(self):
        command = [sys.executable, "-m", "tests.modelcards.verapdf", ",".join(PROFILES)]
        self._process = subprocess.Popen(
            command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True
        )
        self._name = f"veraPDF {self._answer()}"
        return self

    def __exit__(self, *failure):
        self._process.communicate()
        self._log.close()

    def _answer(self):
        if line := self._process.stdout.readline():
            return line.rstrip("\n")
        self._log.seek(0)
        raise RuntimeError(f"veraPDF ended: {self._log.read().decode(errors='replace')}")

    def verdicts(self, path):
        """On one file, by profile."""
        print(path, file=self._process.stdin, flush=True)
        for title in PROFILES.values():
            said = self._answer()
            yield Verdict(self._name, title, said == "pass", said)
