"""The one file that an auditor runs without the portal: the verifier of cards with all that it needs, in one."""

from __future__ import annotations

import re
from pathlib import Path

from modelcards import detached, offline
from portal import merkle

IMPORT = "from {module} import [^\\n]*\\n"
MAIN = 'if __name__ == "__main__":'


def auditor_script() -> str:
    """The source of the script: the standard library and `cryptography` are all it needs."""
    source = Path(offline.__file__).read_text("utf-8")
    for module in (detached, merkle):
        pattern = re.compile("^" + IMPORT.format(module=re.escape(module.__name__)), flags=re.MULTILINE)
        body = _body(Path(str(module.__file__)).read_text("utf-8"))
        source, count = pattern.subn(lambda _, body=body: f"\n{body}\n\n", source)  # type: ignore[misc]
        if count != 1:
            message = f"modelcards/offline.py no longer imports from {module.__name__} in one line."
            raise RuntimeError(message)
    return source


def _body(source: str) -> str:
    """A module's source without its own docstring and command line, whose names would stand twice."""
    body = source.partition(MAIN)[0].split('"""', 2)[2]
    return re.sub(r"^def main\(.*?(?=^def )", "", body, flags=re.MULTILINE | re.DOTALL).strip()
