"""What stands last on each page of a printed card, by the tags that it was printed with."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import pikepdf

HEADINGS = frozenset({"/H1", "/H2", "/H3", "/H4", "/H5", "/H6"})
BLOCKS = HEADINGS | {"/P", "/L", "/Table", "/Figure"}
SHORT = 2


@dataclass
class Block:
    """A heading, paragraph, list, table or picture, or the part of it that is on one page; `leads` while all that is
    printed of it leads to what follows: a heading, or the caption and the head of a table without a row.
    """

    tag: str
    page: int
    leads: bool
    pieces: int = 1


def leading_ends(pdf):
    """Pages that end with what leads to the next page: each with the tags of its last two blocks.

    That is a heading, a table's caption or head alone, or one short line between a heading and its table.
    """
    found = []
    blocks = _blocks(pdf)
    for before, last, following in zip([None, *blocks], blocks, blocks[1:], strict=False):
        if last.page == following.page:
            continue
        introduces = (
            before is not None
            and before.tag in HEADINGS
            and last.tag in {"/P", "/L"}
            and last.pieces <= SHORT
            and following.tag == "/Table"
        )
        if last.leads or introduces:
            found.append((last.page, before.tag if before else "", last.tag))
    return found


def _blocks(pdf: bytes) -> list[Block]:
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        numbers = {page.obj.objgen: number for number, page in enumerate(opened.pages, start=1)}
        blocks: list[Block] = []
        known = None
        for path, block, page in _leaves(opened.Root.StructTreeRoot, (), None):
            tag = next((tag for tag in path if tag in BLOCKS), "")
            leads = tag in HEADINGS or (tag == "/Table" and bool({"/Caption", "/THead"} & set(path)))
            if block is not None and block == known:
                blocks[-1].leads &= leads
                blocks[-1].pieces += 1
            else:
                blocks.append(Block(tag, numbers[page], leads))
            known = block
    return blocks


def _leaves(element, path, block) -> Iterator[tuple[tuple[str, ...], object, tuple[int, int]]]:
    """Each element that holds text or a picture: the tags down to it, its outermost block and its page."""
    kids = element.get("/K", [])
    for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
        if isinstance(kid, pikepdf.Dictionary):
            if "/S" in kid:
                own = kid.objgen if block is None and str(kid.S) in BLOCKS else block
                yield from _leaves(kid, (*path, str(kid.S)), own)
        elif "/Pg" in element:
            yield path, block, element.Pg.objgen
