"""What a use case may answer instead of acting: each error carries one sentence for the person who asked.

Nothing here decides anything or knows a table.
"""

from collections.abc import Iterable


class DomainError(Exception):
    """A refusal or failure that a person may read; `code` is a short slug for programs."""

    code: str = "error"
    recorded: bool = False
    """Whether the refusal stands in the ledger already."""

    def __init__(self, sentence: str, *, code: str | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return self.sentence


class NotPermitted(DomainError):
    """This person may not do this to this object."""

    code = "not-permitted"


class Stale(DomainError):
    """Something changed between showing and acting; `changes` names what, one sentence each."""

    code = "stale"

    def __init__(self, sentence: str, *, changes: Iterable[str] = (), code: str | None = None) -> None:
        super().__init__(sentence, code=code)
        self.changes: tuple[str, ...] = tuple(changes)


class Refused(DomainError):
    """A rule says no; `blockers` are the reasons, as the module that decided gave them."""

    code = "refused"

    def __init__(self, sentence: str, *, blockers: Iterable[object] = (), code: str | None = None) -> None:
        super().__init__(sentence, code=code)
        self.blockers: tuple[object, ...] = tuple(blockers)


class BadInput(DomainError):
    """What was given cannot be used; `field` names the form field, if one is to blame."""

    code = "bad-input"

    def __init__(self, sentence: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(sentence, code=code)
        self.field = field


class Unavailable(DomainError):
    """Something the act needs is not there right now (key, ledger, engine): nothing was done."""

    code = "unavailable"
