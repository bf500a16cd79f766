"""Words and moments as cards write them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from modelcards.printing import wording


def iso(moment: datetime | date | None) -> str:
    """ISO 8601, empty for nothing."""
    return "" if moment is None else moment.isoformat()


def words(key: str) -> str:
    """`fairness_review` as "Fairness review"."""
    text = key.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def plain(value: Any) -> str:
    """A JSON value as text for a line of facts."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return "; ".join(part for item in value if (part := plain(item)))
    if isinstance(value, dict):
        return _named(value) if isinstance(value.get("name"), str) else _entries(value)
    return str(value)


def _named(value: dict[str, Any]) -> str:
    """An object with a name: the name, and the rest in brackets."""
    rest = _entries({key: item for key, item in value.items() if key != "name"})
    return f"{value['name']} ({rest})" if rest else str(value["name"])


def _entries(value: dict[str, Any]) -> str:
    return ", ".join(f"{words(str(key)).lower()}: {plain(item)}" for key, item in value.items())


def limit_words(name: str) -> str:
    """A threshold's setting in words: `min_accuracy` as "Accuracy, at least"."""
    kind, _, rest = name.partition("_")
    ends = {"min": "at least", "max": "at most"}
    return f"{wording(rest)}, {ends[kind]}" if kind in ends and rest else words(name)
