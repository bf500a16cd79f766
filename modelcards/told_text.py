"""Text that is drawn in another order than it is written in, told letter by letter beside its shapes (ActualText).

Without it a reader's program guesses the letters of Bengali, Khmer, Tibetan or Thaana from places on the page, and
guesses wrong. Works on WeasyPrint's stream, which it is handed: WeasyPrint has no setting for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pydyf  # type: ignore[import-untyped]

from modelcards import faces


def tell(stream: Any) -> None:
    """Make the class of streams write the text of such boxes into the tags that mark them. Done once."""
    if getattr(stream, "tells", False):
        return
    mark = stream.marked

    @contextmanager
    def marked(self: Any, box: Any, tag: str) -> Iterator[None]:
        text = getattr(box, "text", "")
        with mark(self, box, tag):
            opened = self.stream[-2] if len(self.stream) > 1 else None
            if isinstance(opened, pydyf.Dictionary) and "MCID" in opened and faces.reorders(text):
                opened["ActualText"] = pydyf.String(text)
            yield

    stream.marked, stream.tells = marked, True
