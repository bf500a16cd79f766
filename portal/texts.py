"""Which texts can be kept: every database, the ledger's canonical JSON and the printed card must take them."""

from typing import Any

from portal.errors import BadInput

KEPT_CONTROLS = "\n\r\t"
REASON_MINIMUM = 10


def unprintable(text: str) -> str:
    """The first character that cannot be kept, as U+0000; empty if there is none.

    Control characters (PostgreSQL takes no NUL) and lone surrogates, which have no UTF-8.
    """
    for sign in text:
        code = ord(sign)
        if (code < 0x20 and sign not in KEPT_CONTROLS) or 0x7F <= code < 0xA0 or 0xD800 <= code <= 0xDFFF:
            return f"U+{code:04X}"
    return ""


def require_storable(text: str, *, field: str) -> None:
    """Raise BadInput at the field if a text holds a character that cannot be kept."""
    found = unprintable(text)
    if found:
        raise BadInput(f"The text holds a character that cannot be kept ({found}); remove it.", field=field)


def require_reason(
    text: str,
    *,
    field: str = "reason",
    least: int = REASON_MINIMUM,
    asks: str = "Give a reason of at least {least} characters.",
) -> None:
    """Raise BadInput at the field if what is to stand in the record says too little or holds what cannot be kept.

    `least` counts characters without the blanks around; `asks` is the sentence, with `{least}` in it.
    """
    if len(text.strip()) < least:
        raise BadInput(asks.format(least=least), field=field)
    require_storable(text, field=field)


def storable(value: Any) -> Any:
    """The same text, mapping or list with U+FFFD for NUL: a cell of somebody's table may hold it, no database does."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, dict):
        return {storable(name): storable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(storable(item) for item in value)
    return value
