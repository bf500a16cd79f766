"""What a policy thinks of a licence expression in SPDX's words (AND, OR, WITH). Knows identifiers, no legal texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import IntEnum
from functools import cache
from typing import Any

from license_expression import (
    ExpressionError,
    LicenseSymbol,
    LicenseWithExceptionSymbol,
    Licensing,
    get_spdx_licensing,
)

from approvals.checks.base import CheckInputError

LONGEST_EXPRESSION = 1000
OWN_WORD = re.compile(r"(DocumentRef-[A-Za-z0-9.-]+:)?LicenseRef-[A-Za-z0-9.-]+")
_SIGNS = re.compile(r"[A-Za-z0-9.+:() -]+")
_FORMER = ("BSD-2-Clause-FreeBSD", "BSD-2-Clause-NetBSD", "StandardML-NJ", "bzip2-1.0.5")
# The library says “()” with an IndexError and “(OR MIT” with an AssertionError.
_UNREADABLE = (ExpressionError, LookupError, AssertionError, RecursionError)


@cache
def _spdx() -> Any:
    """SPDX's own identifiers only.

    The library reads further words as the nearest licence, such as GPL as GPL-1.0-or-later and LicenseRef-MIT-Discord
    as MIT. Of these only identifiers that SPDX itself has replaced are taken, such as GPL-2.0+.
    """
    listed = get_spdx_licensing().known_symbols.values()
    return Licensing(
        LicenseSymbol(
            one.key, tuple(alias for alias in one.aliases if _is_former(alias, one.key)), is_exception=one.is_exception
        )
        for one in listed
        if not OWN_WORD.match(one.key)
    )


def _is_former(alias: str, key: str) -> bool:
    current = f"{alias[:-1]}-or-later" if alias.endswith("+") else f"{alias}-only"
    return key == current or alias in _FORMER


class Standing(IntEnum):
    """From best to worst: OR takes the best of its branches, AND the worst of its parts."""

    ALLOWED = 0
    UNKNOWN = 1
    NOT_ALLOWED = 2
    DENIED = 3


class LicenceRules:
    """The licences that a policy allows and denies.

    A licence WITH an exception stands as the policy says about the pair, else as the licence alone does.
    """

    def __init__(self, *, allowed: Iterable[str], denied: Iterable[str]) -> None:
        self._licensing = _spdx()
        self._allowed = {self._policy_word(word) for word in allowed}
        self._denied = {self._policy_word(word) for word in denied}
        self._known: dict[str, Standing] = {}

    def standing(self, expressions: Iterable[str]) -> Standing:
        """The standing of several statements that all hold; nothing stated is unknown."""
        return max((self._standing(expression) for expression in expressions), default=Standing.UNKNOWN)

    def _standing(self, expression: str) -> Standing:
        if expression not in self._known:
            parsed = self._parsed(expression)
            self._known[expression] = Standing.UNKNOWN if parsed is None else self._of(parsed)
        return self._known[expression]

    def _parsed(self, expression: str) -> Any:
        """The tree of an expression, or None for what is none."""
        if len(expression) > LONGEST_EXPRESSION or not _SIGNS.fullmatch(expression):
            return None
        try:
            return self._licensing.parse(expression)
        except _UNREADABLE:
            return None

    def _of(self, node: Any) -> Standing:
        if node.isliteral:
            return self._of_one(node)
        parts = [self._of(part) for part in node.args]
        return min(parts) if isinstance(node, self._licensing.OR) else max(parts)

    def _of_one(self, symbol: Any) -> Standing:
        if symbol.render() in self._denied:
            return Standing.DENIED
        if symbol.render() in self._allowed:
            return Standing.ALLOWED
        if isinstance(symbol, LicenseWithExceptionSymbol):
            if not symbol.exception_symbol.is_exception:
                return Standing.UNKNOWN
            return self._of_one(symbol.license_symbol)
        return Standing.NOT_ALLOWED if self._is_licence(symbol) else Standing.UNKNOWN

    def _is_licence(self, symbol: Any) -> bool:
        """Whether SPDX lists it as a licence; a LicenseRef means only what its document says."""
        return symbol.key in self._licensing.known_symbols and not symbol.is_exception

    def _policy_word(self, word: str) -> str:
        symbol = self._parsed(word)
        if symbol is not None and symbol.isliteral:
            pair = isinstance(symbol, LicenseWithExceptionSymbol)
            licence = symbol.license_symbol if pair else symbol
            known = self._is_licence(licence) or OWN_WORD.fullmatch(licence.key)
            if known and (not pair or symbol.exception_symbol.is_exception):
                return str(symbol.render())
        raise CheckInputError(
            f"The policy names the licence “{word[:100]}”, which is no identifier of SPDX such as Apache-2.0."
        )
