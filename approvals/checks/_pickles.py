"""Names what a pickle would create or call on loading, by running its stack machine with inert stand-ins.

No name is ever imported, nothing is ever called. The outcome is an explanation, not a permission.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar

MOST_PICKLES = 1000
_MALFORMED = (
    pickle.UnpicklingError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    NotImplementedError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)
_USUAL = (
    "catboost.",
    "collections.OrderedDict",
    "collections.defaultdict",
    "copyreg._reconstructor",
    "joblib.numpy_pickle.",
    "lightgbm.",
    "numpy.",
    "pandas.",
    "scipy.",
    "sklearn.",
    "torch.",
    "xgboost.",
)
_PLAIN = "bool bytearray bytes complex dict float frozenset int list object range set slice str tuple"
_USUAL_BUILTINS = frozenset(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in _PLAIN.split())


@dataclass(frozen=True)
class PickleReport:
    """The names in one or more pickles that follow each other, and what was odd about them."""

    names: tuple[str, ...]
    complete: bool
    left_over: int

    @property
    def unusual(self) -> tuple[str, ...]:
        """Names outside the usual libraries of models: what an attacker would use is among these."""
        return tuple(name for name in self.names if name not in _USUAL_BUILTINS and not name.startswith(_USUAL))


def report_on(stream: BinaryIO, size: int) -> PickleReport:
    """Read every pickle in the stream from its position on, to its end or as far as it makes sense."""
    reader = _Reader(stream, size)
    names: dict[str, None] = {}
    for _ in range(MOST_PICKLES):
        try:
            _StandIn(reader, names).load()
        except _MALFORMED:
            return PickleReport(tuple(names), complete=False, left_over=reader.left)
        if not reader.left:
            return PickleReport(tuple(names), complete=True, left_over=0)
        if not reader.next_is(pickle.PROTO):
            break
    return PickleReport(tuple(names), complete=True, left_over=reader.left)


class _Reader:
    """A file that refuses to read beyond its end, so that a false length allocates nothing."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self.left = size

    def read(self, length: int) -> bytes:
        if length < 0 or length > self.left:
            raise EOFError
        self.left -= length
        return self._stream.read(length)

    def readline(self) -> bytes:
        line = self._stream.readline(min(self.left, 1 << 20))
        self.left -= len(line)
        return line

    def next_is(self, sign: bytes) -> bool:
        found = self._stream.read(len(sign))
        self._stream.seek(-len(found), 1)
        return found == sign


@dataclass(eq=False)
class _Inert:
    """Stands for anything that the pickle names or makes; takes everything, does nothing."""

    name: str
    arguments: tuple[Any, ...] = ()
    state: Any = field(default=None, repr=False)

    def __setitem__(self, key: Any, value: Any) -> None:
        """Take it."""

    def take(self, *_: Any) -> None:
        """Take it."""

    append = extend = add = update = take


class _StandIn(pickle._Unpickler):  # noqa: SLF001 (the machine in Python, whose operations can be replaced)
    """The stack machine of pickle without the power to import, call or fill anything."""

    def __init__(self, reader: _Reader, names: dict[str, None]) -> None:
        super().__init__(reader)
        self._reader = reader
        self._names = names
        self.stack: list[Any]

    def find_class(self, module: str, name: str, /) -> Any:
        full = f"{module}.{name}"
        self._names[full] = None
        return _Inert(full)

    def persistent_load(self, pid: Any) -> Any:
        return _Inert("persistent", (pid,))

    def get_extension(self, code: int) -> None:
        self._names[f"copyreg extension {code}"] = None
        self.stack.append(_Inert("extension"))

    def _instantiate(self, kind: Any, arguments: Any) -> None:
        self.stack.append(_made(kind, arguments))

    def reduce(self) -> None:
        arguments, kind = self.stack.pop(), self.stack.pop()
        self.stack.append(_made(kind, arguments))

    def make_with_names(self) -> None:
        _, arguments, kind = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.stack.append(_made(kind, arguments))

    def build(self) -> None:
        state = self.stack.pop()
        filled = self.stack[-1]
        if isinstance(filled, _Inert):
            filled.state = state
            if filled.name == "joblib.numpy_pickle.NumpyArrayWrapper":
                self._step_over_array(state)

    def _step_over_array(self, state: Any) -> None:
        """Joblib writes the bytes of an array into the stream, behind the object that describes it."""
        kind = str(state["dtype"].arguments[0])
        if kind.startswith("O"):
            _StandIn(self._reader, self._names).load()
            return
        if state.get("numpy_array_alignment_bytes") is not None:
            self._reader.read(self._reader.read(1)[0])
        length = int(kind[1:]) * (4 if kind.startswith("U") else 1)
        for extent in state["shape"]:
            length *= extent
        self._reader.read(length)

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = {
        **pickle._Unpickler.dispatch,  # noqa: SLF001
        pickle.REDUCE[0]: reduce,
        pickle.NEWOBJ[0]: reduce,
        pickle.NEWOBJ_EX[0]: make_with_names,
        pickle.BUILD[0]: build,
    }


def _made(kind: Any, arguments: Any) -> _Inert:
    name = kind.name if isinstance(kind, _Inert) else type(kind).__name__
    return _Inert(name, tuple(arguments) if isinstance(arguments, list | tuple) else ())
