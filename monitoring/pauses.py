"""How long a connection that refuses the portal's account is left alone, before it is asked again by itself.

An account is locked by wrong passwords, so each refusal doubles the pause, to a day at most. Nothing is given up.
"""

from __future__ import annotations

from datetime import datetime, timedelta

EVERY = timedelta(hours=1)
"""What could not be taken for another reason is tried again after this time."""
LONGEST = timedelta(days=1)
_DOUBLED = 5


def after(denials: int) -> timedelta:
    """The pause after so many refusals of the account in a row."""
    return min(EVERY * (1 << min(max(denials - 1, 0), _DOUBLED)), LONGEST)


def is_over(tried_at: datetime | None, denials: int, *, now: datetime) -> bool:
    """Whether it is time to try again; of a clock that was set back, too."""
    return tried_at is None or tried_at > now or tried_at + after(denials) < now
