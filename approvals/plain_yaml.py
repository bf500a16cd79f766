"""YAML in which nothing can be taken for something else: what a reviewer reads is what the portal gets."""

from __future__ import annotations

import math
import re
from typing import Any
from unicodedata import category

import yaml

from portal.errors import BadInput
from portal.texts import unprintable

LONGEST_TEXT = 200_000
DEEPEST = 20
LARGEST_INTEGER = 2**53 - 1  # beyond it canonical JSON, and with it a dossier, cannot hold the number
PLAIN_NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
NEEDED = "\t\u200c\u200d"  # some scripts are not written without the two joiners


class _PlainYaml(yaml.SafeLoader):
    """YAML that means what a reviewer reads: no aliases, tags, merges or repeated entries, and only JSON values."""

    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused(event.start_mark, "anchors (&) and aliases (*) are not accepted; write the text out")
        if getattr(event, "tag", None):
            raise _refused(event.start_mark, "tags (!) are not accepted")
        if self._depth >= DEEPEST:
            raise _refused(event.start_mark, f"this is nested more than {DEEPEST} levels deep")
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  (PyYAML's)
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                raise _refused(key.start_mark, "the name of an entry must be text; put it in quotes")
            if key.value in seen:
                raise _refused(key.start_mark, f"the entry “{key.value}” stands here twice")
            seen.add(key.value)
        return super().construct_mapping(node, deep=deep)

    def construct_text(self, node: Any) -> str:
        text = str(node.value)
        if found := unprintable(text):
            raise _refused(node.start_mark, f"the text holds a character that cannot be kept ({found})")
        return text

    def construct_number(self, node: Any) -> float | int:
        if not PLAIN_NUMBER.fullmatch(node.value):  # YAML 1.1 reads 0365 as 245 and 1:30 as 90
            raise _refused(node.start_mark, f"write “{node.value}” as a plain number, or in quotes if it is text")
        value: float | int = int(node.value) if node.tag.endswith(":int") else float(node.value)
        if not math.isfinite(value) or (isinstance(value, int) and abs(value) > LARGEST_INTEGER):
            raise _refused(node.start_mark, f"numbers must be finite and at most {LARGEST_INTEGER}")
        return value

    def construct_date(self, node: Any) -> str:
        """A date stays the text that stands there."""
        return str(node.value)


_PlainYaml.add_constructor("tag:yaml.org,2002:str", _PlainYaml.construct_text)
_PlainYaml.add_constructor("tag:yaml.org,2002:int", _PlainYaml.construct_number)
_PlainYaml.add_constructor("tag:yaml.org,2002:float", _PlainYaml.construct_number)
_PlainYaml.add_constructor("tag:yaml.org,2002:timestamp", _PlainYaml.construct_date)


def _refused(mark: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def _place(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return " ".join(str(error).split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {getattr(error, 'problem', None) or 'cannot be read'}"


def _require_visible(text: str, what: str) -> None:
    """What ends a line for YAML must end it for a reader too, and nothing may hide or turn what stands there."""
    for number, line in enumerate(text.split("\n"), 1):
        hidden = next((sign for sign in line if category(sign) in INVISIBLE and sign not in NEEDED), None)
        if hidden is not None:
            raise BadInput(
                f"Line {number} holds the invisible character U+{ord(hidden):04X}; remove it, "
                f"so that the {what} reads as it is meant.",
                field="text",
            )


def plain_yaml(text: str, *, what: str = "policy") -> Any:
    """What stands in the text, as JSON values. Raises BadInput for YAML that a reader could take for something else."""
    if len(text) > LONGEST_TEXT:
        raise BadInput(f"The {what} is longer than {LONGEST_TEXT:,} characters.", field="text")
    _require_visible(text, what)
    try:
        loader = _PlainYaml(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise BadInput(f"The {what} is not valid YAML: {_place(error)}.", field="text") from error
