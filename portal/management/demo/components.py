"""The bill of materials of a demo model: the libraries that its artifact needs, as they are installed here.

Nothing is written down about a library: versions, licences and digests are read from what its makers packed with it.
"""

from __future__ import annotations

import json
import re
from importlib.metadata import Distribution, distribution
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from portal.management.demo.applications import sha256

NEEDED = "skops"
"""What loads the artifact; the library of the model and all the others follow from it."""
DIGEST_OF = "RECORD, the list of the installed files with the digest of each"
_STATED = re.compile(r"^ *License: ([A-Za-z0-9.+-]+(?: WITH [A-Za-z0-9.+-]+)?) *$", re.MULTILINE)
_MIT = re.compile(r"\A\s*(The )?MIT License")
_IDENTIFIER = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")


def bill_of_materials(*, name: str, artifact_sha256: str) -> bytes:
    """A CycloneDX document about the artifact with that digest."""
    libraries = _libraries()
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "machine-learning-model",
                "bom-ref": "model",
                "name": name,
                "hashes": [{"alg": "SHA-256", "content": artifact_sha256}],
            }
        },
        "components": [_component(found) for _, found in sorted(libraries.items())],
        "dependencies": [
            {"ref": "model", "dependsOn": [NEEDED]},
            *({"ref": key, "dependsOn": sorted(_needs(found))} for key, found in sorted(libraries.items())),
        ],
    }
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def _libraries() -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    waiting = [NEEDED]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found[key] = distribution(key)
            waiting += _needs(found[key])
    return found


def _needs(library: Distribution) -> set[str]:
    """What it needs here, without what only its extras need."""
    wanted = [Requirement(line) for line in library.requires or ()]
    return {canonicalize_name(one.name) for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})}


def _component(library: Distribution) -> dict[str, Any]:
    key = canonicalize_name(library.metadata["Name"])
    licence = _licence(library)
    return {
        "type": "library",
        "bom-ref": key,
        "name": key,
        "version": library.version,
        "purl": f"pkg:pypi/{key}@{library.version}",
        **({"licenses": [{"expression": licence}]} if licence else {}),
        **_digest(library.read_text("RECORD")),
    }


def _digest(record: str | None) -> dict[str, Any]:
    if not record:
        return {}
    return {
        "hashes": [{"alg": "SHA-256", "content": sha256(record.encode())}],
        "properties": [{"name": "digest-of", "value": DIGEST_OF}],
    }


def _licence(library: Distribution) -> str:
    """The licence as its makers state it, in SPDX's words; empty if they do not."""
    if expressions := library.metadata.get_all("License-Expression"):
        return str(expressions[0])
    stated = str((library.metadata.get_all("License") or [""])[0])
    if _IDENTIFIER.fullmatch(stated):
        return stated
    if found := list(dict.fromkeys(_STATED.findall(stated))):  # a whole text, with the parts that it is about
        return " AND ".join(found)
    files = [file for file in library.files or () if "dist-info" in str(file) and "LICEN" in file.name.upper()]
    return "MIT" if files and all(_MIT.match(file.read_text(encoding="utf-8")) for file in files) else ""
