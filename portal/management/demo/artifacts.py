"""Freezes a trained scikit-learn model into bytes, the same for the same model. Loads only what it froze itself.

The format is skops. Why not the others:

- pickle and joblib are programs: opening the file runs what its author put in it. An approval portal has to be able
  to say what is inside before anybody opens it, and of a pickle nobody can.
- ONNX keeps a computation graph, not the scikit-learn model: the fitted parameters, the decision threshold and the
  names of the steps are lost or rounded to 32 bits, so the file that is approved would not be the model that was
  validated, and it needs a converter and a run time that would have to be validated too.
- skops is a zip archive with one `schema.json` that declares the class of every object, and `.npy` arrays written
  without pickle. Types can be read and judged without loading, 64-bit numbers come back exactly, and loading refuses
  each type that is not on its list. Our models use trusted types only, which `untrusted_types` shows and a test asks.

skops writes memory addresses and the clock into the archive. Both are replaced here, which makes the digest of an
artifact reproducible: the same seed, code and library versions give the same bytes.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import skops.io

SCHEMA = "schema.json"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_READABLE = 0o644 << 16


def freeze(model: Any) -> bytes:
    """The model as a skops archive without memory addresses or times."""
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(model))) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(contents.pop(SCHEMA))
    numbers: dict[int, int] = {}
    files: dict[str, str] = {}
    _renumber(schema, numbers, files)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(contents.items(), key=lambda item: int(files[item[0]].partition(".")[0])):
            _write(archive, files[name], content)
        _write(archive, SCHEMA, json.dumps(schema, indent=1).encode())
    return target.getvalue()


def _renumber(node: Any, numbers: dict[int, int], files: dict[str, str]) -> None:
    """Replace addresses by the order in which they are met, in place, in the ids and in the names of array files."""
    if isinstance(node, list):
        for inner in node:
            _renumber(inner, numbers, files)
        return
    if not isinstance(node, dict):
        return
    if "__id__" in node:
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
    if isinstance(node.get("file"), str):
        suffix = node["file"].partition(".")[2]
        node["file"] = files.setdefault(node["file"], f"{len(files) + 1}.{suffix}")
    for inner in node.values():
        _renumber(inner, numbers, files)


def _write(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=_EPOCH)
    entry.external_attr = _READABLE
    entry.create_system = 3
    archive.writestr(entry, content)


def thaw(artifact: bytes) -> Any:
    """The model in an archive of ours. Raises skops' UntrustedTypesFoundException for any type beyond its own list."""
    return skops.io.loads(artifact)


def untrusted_types(artifact: bytes) -> tuple[str, ...]:
    """Types in an archive that skops does not trust by itself, read without loading anything."""
    return tuple(skops.io.get_untrusted_types(data=artifact))
