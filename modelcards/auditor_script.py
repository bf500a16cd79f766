"""The one file that an auditor runs without the portal: the verifier of cards with the Merkle tree it needs, in one."""

from __future__ import annotations

import re
from pathlib import Path

from modelcards import offline
from portal import merkle

IMPORT = re.compile(r"^from portal\.merkle import [^\n]*\n", flags=re.MULTILINE)
MAIN = 'if __name__ == "__main__":'


def auditor_script() -> str:
    """The source of the script: the standard library and `cryptography` are all it needs."""
    tree = Path(merkle.__file__).read_text("utf-8").partition(MAIN)[0]
    own = Path(offline.__file__).read_text("utf-8")
    own, count = IMPORT.subn(lambda _: f"\n{_without_main(tree)}\n", own)
    if count != 1:
        message = "modelcards/offline.py no longer imports from portal.merkle in one line."
        raise RuntimeError(message)
    return own


def _without_main(source: str) -> str:
    """The tree's source without its own docstring and command line, whose names would stand twice."""
    body = source.split('"""', 2)[2]
    return re.sub(r"^def main\(.*?(?=^def )", "", body, flags=re.MULTILINE | re.DOTALL).strip()
