"""Signs statements and manifests with the key that seals cards, as DSSE envelopes. Knows no card and no database.

The signature follows from key and content alone (RFC 6979), so the same statement signed again is the same bytes; only
a token that holds the key may sign otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from modelcards.envelopes import MANIFEST_TYPE, STATEMENT_TYPE, Envelope, encoded, envelope_line
from modelcards.signing import SigningIdentity


def attested_statements(statements: Iterable[bytes], identity: SigningIdentity) -> bytes:
    """A bundle: one envelope a line, each around one in-toto statement."""
    return b"".join(_line(STATEMENT_TYPE, statement, identity) for statement in statements)


def attested_manifest(manifest: bytes, identity: SigningIdentity) -> bytes:
    """One envelope around the manifest of an audit pack."""
    return _line(MANIFEST_TYPE, manifest, identity)


def _line(payload_type: str, payload: bytes, identity: SigningIdentity) -> bytes:
    signature = _signature(identity, encoded(payload_type, payload))
    return envelope_line(Envelope(payload_type, payload, signature, identity.certificate)) + b"\n"


def _signature(identity: SigningIdentity, covered: bytes) -> bytes:
    if isinstance(identity.key, ec.EllipticCurvePrivateKey):
        return identity.key.sign(covered, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
    return identity.signature_of(covered)
