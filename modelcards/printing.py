"""How single facts are worded in print: moments, numbers, sizes, digests, verdicts. Decides nothing about them."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Sequence, Sized
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import groupby

from django.template import Library
from django.utils.html import format_html
from django.utils.safestring import SafeString

from approvals.charts import clean_svg
from approvals.measures.values import said_between
from modelcards import printable
from modelcards.card import Cell, Chart, MonitoredMonth, Number

register = Library()

NOTHING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
HEXADECIMAL = re.compile(r"[0-9a-f]{64}")
THOUSAND = 1000
SHORT_TABLE = 9
SHOUTED = frozenset("auc roc ks ece mce mcc tpr fpr fnr tnr tp fp tn fn npv psi f1 pr id n js".split())  # noqa: SIM905
SMALLEST = 1e-6
"""Below it a number is written by its power of ten."""
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SIGNED = re.compile(r"-?[\d.,]+%?( to -?[\d.,]+%?)?")
EXPONENT = re.compile(r"\d+(\.\d+)?e-\d{1,2}")
WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
LABELS = {"Inputs": "SHA-256 of the inputs", "Reading": "SHA-256 of the reading"}
SPELLED = {
    **{word: word.upper() for word in SHOUTED if len(word) > 2},
    "sha256": "SHA-256",
    "duckdb": "DuckDB",
    "numpy": "NumPy",
    "scipy": "SciPy",
    "onnxruntime": "ONNX Runtime",
    "rmse": "RMSE",
    "mae": "MAE",
    "mse": "MSE",
    "r2": "R²",
    "url": "URL",
    "csv": "CSV",
}
"""Abbreviations and names in labels that are made of keys."""
MARKS = {
    "passed": ("✓", "Passed", "good"),
    "warning": ("!", "Warning", "caution"),
    "failed": ("✗", "Failed", "bad"),
    "not_computable": ("?", "Not computable", "bad"),
    "error": ("✗", "Error", "bad"),
}
SIGNS = {"good": "✓", "caution": "!", "bad": "✗", "neutral": NOTHING}


@register.filter
def moment(text: str) -> str:
    """A UTC time with its zone, or the text itself if it is no time."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return text or NOTHING
    if found.tzinfo is None:
        return text
    return f"{found.astimezone(UTC):%d %b %Y, %H:%M:%S} UTC"


@register.filter
def day(text: str) -> str:
    """A day in words, or the text itself if it is none."""
    try:
        return f"{date.fromisoformat(text[:10]):%d %b %Y}"
    except ValueError:
        return text or NOTHING


@register.filter
def month(text: str) -> str:
    """A month in words, or the text itself if it is none."""
    try:
        return f"{date.fromisoformat(f'{text}-01'):%b %Y}"
    except ValueError:
        return text or NOTHING


@register.filter
def months(texts: Iterable[str]) -> str:
    """Months in words, after each other."""
    return ", ".join(month(text) for text in texts)


@register.filter
def with_gaps(read: Sequence[MonitoredMonth]) -> list[tuple[str, MonitoredMonth]]:
    """Months with their names; those after each other in which nothing was read are one line, from the first on."""
    found: list[tuple[str, MonitoredMonth]] = []
    for is_gap, run in groupby(read, key=lambda one: not (one.readings or one.level or one.measure)):
        part = list(run)
        if is_gap and len(part) > 1:
            found.append((f"{month(part[0].month)} to {month(part[-1].month)}", part[0]))
        else:
            found += [(month(one.month), one) for one in part]
    return found


@register.filter
def dated(line: str) -> str:
    """A line that begins with a day, with that day in words; the rest is somebody's and stays as it is."""
    return f"{day(line[:10])}{line[10:]}"


@register.filter
def whole(number: int | None) -> str:
    """A whole number with thin spaces between thousands."""
    return NOTHING if number is None else f"{number:,}".replace(",", "\u2009")


@register.filter
def bytes_of(number: int) -> str:
    """A file size for people."""
    size = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < THOUSAND or unit == "GB":
            return f"{whole(number)} bytes" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= THOUSAND
    return NOTHING


@register.filter
def decimal(value: Cell) -> str:
    """A number to four significant digits; text stays as it is, nothing is shown as a dash."""
    if value is None:
        return NOTHING
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return whole(value)
    if value == 0:
        return "0"
    if abs(value) < SMALLEST:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        return f"{mantissa.replace('-', MINUS)}\N{NO-BREAK SPACE}×\N{NO-BREAK SPACE}10{superscript(int(exponent))}"
    small = f"{value:.{3 - math.floor(math.log10(abs(value)))}f}".rstrip("0") if abs(value) < 0.001 else ""
    digits = small or (f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}")
    return digits.replace("-", MINUS)


def superscript(exponent: int) -> str:
    """A whole number in raised digits."""
    return str(exponent).translate(RAISED)


@register.filter
def cell(content: Cell) -> str:
    """What stands in a cell: a digest in groups, a number to four digits, text as it is."""
    is_digest = isinstance(content, str) and HEXADECIMAL.fullmatch(content)
    return digest(str(content)) if is_digest else printed(content)


def printed(content: Cell) -> str:
    """A number to four digits, or a text; one that is a number has the sign of one."""
    if isinstance(content, str) and SIGNED.fullmatch(content):
        return content.replace("-", MINUS)
    return decimal(content)


@register.filter
def label(name: str) -> str:
    """A key or setting as words, with names and abbreviations as their owners write them."""
    told = LABELS.get(name, name)
    return WORD.sub(lambda found: SPELLED.get(found[0].lower(), found[0]), told)


@register.filter
def limit(value: str) -> str:
    """The value of a threshold: small numbers without an exponent, members of a list with commas."""
    plain = f"{Decimal(value):f}" if EXPONENT.fullmatch(value) else value
    return plain.replace("; ", ", ")


@register.filter
def fact(value: str) -> str:
    """The value of a fact on one line of a table: a digest in groups, else the text without doubled marks."""
    return digest(value) if HEXADECIMAL.fullmatch(value) else value.replace(".; ", ". ")


@register.filter
def together(sentences: Iterable[str]) -> str:
    """Sentences after each other; what is no sentence is set apart."""
    texts = list(sentences)
    return "".join(
        f"{text}{'' if not rest else ' ' if text.endswith('.') else '; '}" for text, rest in _with_rest(texts)
    )


def _with_rest(texts: list[str]) -> Iterable[tuple[str, int]]:
    return zip(texts, range(len(texts) - 1, -1, -1), strict=True)


@register.filter
def more(count: int, noun: str) -> str:
    """How many more of something there are, with its verb."""
    return f"{whole(count)} more {noun} stands" if count == 1 else f"{whole(count)} more {noun}s stand"


@register.filter
def signed_decimal(value: float | None) -> str:
    """A difference with its sign."""
    if value is None:
        return NOTHING
    return f"+{decimal(value)}" if value > 0 else decimal(value)


@register.filter
def value(number: Number) -> str:
    """The value, or between what it lies, or that there is none."""
    return said_between(number.reason) or "not computable" if number.value is None else decimal(number.value)


@register.filter
def interval(number: Number) -> str:
    """The confidence interval, or a dash."""
    if number.low is None or number.high is None:
        return NOTHING
    return f"{decimal(number.low)} to {decimal(number.high)}"


def methods_of(number: Number) -> tuple[str, ...]:
    """What the number is and how its interval was made, with its level, each apart; whole where it has no interval."""
    made = interval_method(number)
    if not made:
        return (number.method,) if number.method else ()
    return tuple(made if made.endswith(part) else part for part in number.method.split("; "))


def interval_method(number: Number) -> str:
    """Level and method of the interval; empty without one."""
    if number.low is None or number.level is None:
        return ""
    parts = number.method.split("; ")
    made = next((part for part in parts if "interval" in part or "bootstrap" in part), parts[0])
    return f"{number.level:.0%} {made}".replace("%", " %", 1)


@register.filter
def title(number: Number) -> str:
    """The number's title, or its name in words, as a heading of its row."""
    return capital(number.title or wording(number.name))


@register.filter
def capital(text: str) -> str:
    """The text with a large first letter, where its first word is an ordinary one."""
    first = text.split(" ", 1)[0].rstrip(",")
    return (
        f"{text[0].upper()}{text[1:]}"
        if first.replace("-", "").isalpha() and first.islower() and len(first) > 1
        else text
    )


@register.filter
def wording(name: str) -> str:
    """A name from code in words: roc_auc is ROC AUC."""
    if " " in name or not name:
        return name
    words = [word.upper() if word in SHOUTED else word for word in name.split("_")]
    return " ".join([words[0] if words[0].isupper() else words[0].capitalize(), *words[1:]])


@register.filter
def rows_of(number: Number) -> str:
    """The rows that a number is about."""
    return ", ".join(f"{column} = {level}" for column, level in number.slice) or "all"


@register.filter
def verdict(name: str) -> SafeString:
    """A verdict as sign and word; colour is an addition."""
    sign, word, tone = MARKS.get(name, ("?", wording(name) or "Not run", "bad"))
    return badge(word, tone, sign)


@register.filter
def badge(word: str, tone: str, sign: str = "") -> SafeString:
    """A word in a frame, with the sign of its tone."""
    return format_html('<span class="badge {}"><b>{}</b> {}</span>', tone, sign or SIGNS.get(tone, ""), word)


@register.filter
def sign(tone: str) -> str:
    """The sign of a tone, where it says more than a number does."""
    return SIGNS.get(tone, "") if tone != "neutral" else ""


@register.filter
def decision_tone(decision: str) -> str:
    """How a decision is shown: only an approval without conditions is good."""
    return {"approve": "good", "approve_with_conditions": "caution"}.get(decision, "bad")


@register.filter
def digest(text: str) -> SafeString:
    """A digest in groups of eight, so that two can be compared by eye and a line can break."""
    groups = [text[start : start + 8] for start in range(0, len(text), 8)]
    return format_html('<code class="digest">{}</code>', " ".join(groups) or NOTHING)


@register.filter
def shape(rows: Sized) -> str:
    """Short tables stay on one page."""
    return "wide keep" if len(rows) <= SHORT_TABLE else "wide"


@register.filter
def prose(text: str) -> SafeString:
    """A person's Markdown."""
    return printable.prose(text)


@register.filter
def picture(chart: Chart) -> str:
    """The chart's drawing, cleaned once more, as the address of an embedded picture."""
    svg = clean_svg(chart.svg, words=printable.printable)
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"
