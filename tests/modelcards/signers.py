"""People outside who sign cards further: their keys, and other people's programs that sign."""

import io
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID
from pyhanko.keys.internal import (
    translate_pyca_cryptography_cert_to_asn1,
    translate_pyca_cryptography_key_to_asn1,
)
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore

PASSPHRASE = "of the auditor"
YEAR = timedelta(days=365)


def signer(name, *, kind="ec", years=(-1, 5), may_sign=True):
    """A person with a key under a root of their own."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else keys[1]
    root_name, own_name = _name(f"{name} root"), _name(name)
    root = _certificate(root_name, root_name, keys[0].public_key(), keys[0], years=(-2, 20), ca=True)
    own = _certificate(own_name, root_name, key.public_key(), keys[0], years=years, may_sign=may_sign)
    secret = BestAvailableEncryption(PASSPHRASE.encode())
    p12 = pkcs12.serialize_key_and_certificates(name.encode(), key, own, None, secret)
    return SimpleNamespace(
        key=key, certificate=own, root=root, root_pem=root.public_bytes(Encoding.PEM), p12=p12, name=name
    )


def _name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject, issuer, key, issuer_key, *, years, ca=False, may_sign=True):
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
    builder = builder.not_valid_before(now + years[0] * YEAR).not_valid_after(now + years[1] * YEAR)
    builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    usage = x509.KeyUsage(
        digital_signature=not ca and may_sign, content_commitment=not ca and may_sign, key_encipherment=not may_sign,
        data_encipherment=False, key_agreement=False, key_cert_sign=ca, crl_sign=ca, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    return builder.add_extension(usage, critical=True).sign(issuer_key, hashes.SHA256())


def by_pyhanko(pdf, person, field="CounterSignature1", *, change=None, **more):
    """The card, signed further by pyHanko's own signer, perhaps with another change in the same update."""
    certificate = translate_pyca_cryptography_cert_to_asn1(person.certificate)
    key = translate_pyca_cryptography_key_to_asn1(person.key)
    store = SimpleCertificateStore()
    engine = signers.SimpleSigner(certificate, key, store)
    told = {"md_algorithm": "sha256", "subfilter": fields.SigSeedSubFilter.PADES, "reason": "Seen"}
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf), strict=False)
    if change is not None:
        change(writer)
    metadata = signers.PdfSignatureMetadata(field_name=field, **{**told, **more})
    return bytes(signers.PdfSigner(metadata, engine).sign_pdf(writer).getvalue())
