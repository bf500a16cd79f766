"""The seal's key in a PKCS#11 token: it is made there, signs there, and never leaves it. The only user of pkcs11.

python-pkcs11 is the extra `token`; whoever names a token without it is told so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from portal.errors import Unavailable

CURVE = "secp256r1"


@dataclass(frozen=True)
class Token:
    """A token: the library that speaks to it, its label, and the PIN."""

    module: str
    label: str
    pin: str = field(repr=False)

    def make_key(self, name: str) -> TokenKey:
        """A new key on the curve P-256 under this name. Raises Unavailable."""
        with self.session() as session:
            import pkcs11  # noqa: PLC0415  (an extra)
            from pkcs11.util.ec import encode_named_curve_parameters  # noqa: PLC0415

            parameters = session.create_domain_parameters(
                pkcs11.KeyType.EC,
                {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(CURVE)},
                local=True,
            )
            parameters.generate_keypair(store=True, label=name)
        return TokenKey(self, name)

    @contextmanager
    def session(self) -> Iterator[Any]:
        """Signed in at the token. Raises Unavailable that says what is wrong with it."""
        try:
            import pkcs11  # noqa: PLC0415  (an extra)
        except ImportError as missing:
            raise Unavailable(
                "A token is named for the seal's key, but python-pkcs11 is not installed: install the extra “token”.",
                code="card-token",
            ) from missing
        try:
            token = pkcs11.lib(self.module).get_token(token_label=self.label)
            with token.open(user_pin=self.pin, rw=True) as session:
                yield session
        except pkcs11.PinIncorrect as wrong:
            raise self._failed("refused the PIN; do not try often, tokens lock themselves") from wrong
        except pkcs11.NoSuchToken as absent:
            raise self._failed("is not there") from absent
        except pkcs11.NoSuchKey as absent:
            raise self._failed("does not hold the seal's key") from absent
        except (pkcs11.PKCS11Error, RuntimeError) as failure:
            raise self._failed(f"cannot be used ({type(failure).__name__})") from failure

    def _failed(self, why: str) -> Unavailable:
        return Unavailable(f"The token “{self.label}” {why}.", code="card-token")


@dataclass(frozen=True)
class TokenKey:
    """A key in a token, by its name there."""

    token: Token
    name: str

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half. Raises Unavailable."""
        with self.token.session() as session:
            import pkcs11  # noqa: PLC0415  (an extra)
            from pkcs11.util.ec import encode_ec_public_key  # noqa: PLC0415

            found = session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=self.name)
            key = load_der_public_key(encode_ec_public_key(found))
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise Unavailable("The seal's key in the token is not an elliptic-curve key.", code="card-token")
        return key

    def sign(self, data: bytes) -> bytes:
        """ECDSA with SHA-256 over the data, as DER. Raises Unavailable."""
        with self.token.session() as session:
            import pkcs11  # noqa: PLC0415  (an extra)
            from pkcs11.util.ec import encode_ecdsa_signature  # noqa: PLC0415

            key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self.name)
            # The digest is made here: not every token hashes, and SoftHSM does not for this mechanism.
            raw = key.sign(hashlib.sha256(data).digest(), mechanism=pkcs11.Mechanism.ECDSA)
            return bytes(encode_ecdsa_signature(raw))
