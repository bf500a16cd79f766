"""Where the portal keeps its private state, and the two keys it cannot run without.

Makes what is missing, readable by its owner only; never replaces, prints or weakens a key.
"""

import hashlib
import os
import secrets
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

FOLDERS = ("keys", "uploads", "incoming", "demo", "checkpoints", "run", "mail", "static")
# A unix socket's path must fit into 108 bytes, 104 on macOS.
LONGEST_SOCKET_PATH = 100


def var_folder() -> Path:
    """Return the folder of all run-time state: PORTAL_VAR, or var/ beside the code."""
    beside_the_code = Path(__file__).resolve().parent.parent / "var"
    return Path(os.environ.get("PORTAL_VAR") or beside_the_code).resolve()


def secret_key_path(var: Path) -> Path:
    """Return the file that holds Django's SECRET_KEY."""
    return var / "keys" / "secret_key"


def ledger_key_path(var: Path) -> Path:
    """Return the file that holds the Ed25519 key that signs ledger checkpoints (PEM, PKCS #8)."""
    return var / "keys" / "ledger.pem"


def read_secret_key(var: Path) -> str:
    """Return the SECRET_KEY, or an empty string when none was made yet: Django then refuses to use it."""
    path = secret_key_path(var)
    return path.read_text(encoding="ascii").strip() if path.is_file() else ""


def broker_socket(var: Path) -> Path:
    """Return the embedded broker's socket: under var, or in a private temporary folder if that path is too long."""
    inside = var / "run" / "broker.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    name = f"portal-{os.getuid()}-{hashlib.sha256(os.fsencode(var)).hexdigest()[:12]}"
    return Path(tempfile.gettempdir()) / name / "broker.sock"


def ensure_folders(var: Path) -> None:
    """Make var and its folders, each for its owner only."""
    for folder in (var, *(var / name for name in FOLDERS)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_mode & 0o077:
            folder.chmod(0o700)


def ensure_keys(var: Path) -> None:
    """Make the folders and the two keys that are missing; close existing keys to everyone but their owner."""
    ensure_folders(var)
    make_once(secret_key_path(var), secrets.token_urlsafe(64).encode("ascii"))
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    make_once(ledger_key_path(var), pem)


def make_once(path: Path, content: bytes) -> None:
    """Write a private file whole or not at all; of two processes that try at once, the first one's content stays."""
    if not path.exists():
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(draft, path)
            except FileExistsError:
                return
        finally:
            Path(draft).unlink()
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
