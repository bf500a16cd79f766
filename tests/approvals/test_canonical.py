"""What is written for digests is RFC 8785, byte for byte as the library writes it, and refused where it refuses."""

import enum
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from approvals.canonical import canonical_bytes, canonical_text, digest

TEXT = st.text(st.characters(codec=None), max_size=8)
NUMBERS = st.one_of(
    st.integers(-(2**54), 2**54),
    st.floats(),
    st.integers(-(10**6), 10**6).map(lambda whole: whole / 1000),
    st.sampled_from([1e-4, 9.999e-5, 1e-6, 1e-7, 1e15, 1e16, 1e20, 1e21, 0.0, -0.0, 5e-324, 1.7976931348623157e308]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), TEXT, NUMBERS, st.just({1}), st.just(b"x")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.tuples(inner, inner), st.dictionaries(st.one_of(TEXT, st.integers()), inner)
    ),
    max_leaves=12,
)


class Word(enum.StrEnum):
    NAME = "a name"


class Number(enum.IntEnum):
    TWO = 2


def of_the_library(value):
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as refusal:
        return str(refusal)


def ours(value):
    try:
        return canonical_bytes(value)
    except rfc8785.CanonicalizationError as refusal:
        return str(refusal)


@given(VALUES)
@example({"\ue000": 1, "\U0001f600": 2})  # sorted by UTF-16, not by character
@example({Word.NAME: [Word.NAME, Number.TWO, True]})
@example({"a": '\x7f\x00\u2028"\\/\b\f\n\r\t'})
@example(["\ud800"])
@example([math.nan])
@example([2**53])
@example({None: 1})
@example({1: 1, "a": 2})
def test_it_is_written_and_refused_as_the_library_does(value):
    assert ours(value) == of_the_library(value)


def test_what_is_nested_as_deep_as_the_library_goes_is_written():
    value: Any = []
    for _ in range(700):
        value = [value]
    assert canonical_bytes(value) == rfc8785.dumps(value)


@pytest.mark.parametrize(("value", "text"), [({"b": 1.0, "a": [-0.0, 1e21]}, '{"a":[0,1e+21],"b":1}'), ("é", '"é"')])
def test_the_text_is_that_of_the_standard(value, text):
    assert canonical_text(value) == text
    assert len(digest(value)) == 64
