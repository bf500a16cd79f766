"""From the database to a card document: everything that a card says about one version, at one moment."""

from modelcards.content.assembly import build, signing_entries

__all__ = ["build", "signing_entries"]
