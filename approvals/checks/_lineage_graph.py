"""Which dataset was made out of which: links that lead nowhere, circles, what lies before a dataset. No verdicts."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from approvals.checks._lineage import Lineage, Step

Parents = Mapping[str, tuple[str, ...]]


def makers(lineage: Lineage) -> dict[str, Step]:
    """The first step that generated each dataset."""
    found: dict[str, Step] = {}
    for step in lineage.steps:
        for name in step.generated:
            found.setdefault(name, step)
    return found


def parents(lineage: Lineage) -> dict[str, tuple[str, ...]]:
    """What each known dataset was made out of, by all steps that generated it."""
    known = {dataset.name for dataset in lineage.datasets}
    found: dict[str, dict[str, None]] = {name: {} for name in known}
    for step in lineage.steps:
        for made in step.generated:
            if made in known:
                found[made] |= dict.fromkeys(name for name in step.used if name in known)
    return {dataset.name: tuple(found[dataset.name]) for dataset in lineage.datasets}


def before(names: Iterable[str], made_of: Parents) -> frozenset[str]:
    """Everything that the named datasets were made out of, through any number of steps."""
    seen: set[str] = set()
    waiting = [parent for name in names for parent in made_of[name]]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += made_of[name]
    return frozenset(seen)


def only_out_of(name: str, made_of: Parents, these: Container[str], no_data: Container[str]) -> bool:
    """Whether all that a dataset was made out of, as far back as it goes, comes through some of these."""
    seen: set[str] = set()
    waiting, came_through = [name], False
    while waiting:
        behind = [parent for parent in made_of[waiting.pop()] if parent not in no_data]
        came_through |= any(parent in these for parent in behind)
        further = [parent for parent in behind if parent not in these and parent not in seen]
        if any(not made_of[parent] for parent in further):
            return False
        seen |= set(further)
        waiting += further
    return came_through


def in_order(lineage: Lineage, made_of: Parents) -> tuple[str, ...]:
    """All datasets, each after what it was made out of; where there is a circle, in order of the document."""
    try:
        return tuple(TopologicalSorter(made_of).static_order())
    except CycleError:
        return tuple(dataset.name for dataset in lineage.datasets)


def broken_links(lineage: Lineage, made_of: Parents) -> Iterator[tuple[str, str]]:
    """Where and why the steps do not lead from the sources to the tables."""
    made = makers(lineage)
    order = {step.place: position for position, step in enumerate(lineage.steps)}
    sources = {dataset.name for dataset in lineage.sources}
    known = sources | {table.name for table in lineage.tables}
    for step in lineage.steps:
        for name in step.used:
            if name not in known:
                yield step.place, f"It uses “{name}”, which is no dataset of this document."
            elif name not in sources and name in made and order[made[name].place] >= order[step.place]:
                yield step.place, f"It uses “{name}” before a step has made it."
        for name in step.generated:
            if name not in known:
                yield step.place, f"It makes “{name}”, which is no dataset of this document."
            elif name in sources:
                yield step.place, f"It makes “{name}”, which is a source."
            elif made[name] is not step:
                yield step.place, f"It makes “{name}”, which {made[name].place} made already."
    yield from _from_nowhere(lineage, made)
    circle = _circle(made_of)
    if circle:
        shown = " → ".join(circle[:6]) + (" → …" if len(circle) > 6 else "")
        yield "transformations", f"A dataset is made out of itself: {shown}."


def _from_nowhere(lineage: Lineage, made: Mapping[str, Step]) -> Iterator[tuple[str, str]]:
    for table in lineage.tables:
        if table.name not in made:
            yield table.place, f"No step makes “{table.name}”, and it is no source."


def _circle(made_of: Parents) -> list[str]:
    try:
        TopologicalSorter(made_of).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []
