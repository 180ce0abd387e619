"""Groups in groups, drawn as a tree: above a person or a group, and below a group.

The rule of this file: whatever there is, a tree is small. It says when it does not show all, and a group that is met
again is named without what is above or below it.
"""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from vestibule.store.database import Reading
from vestibule.store.group_lists import Link, links_above, links_below

MOST_DRAWN: Final = 60
"""How many groups one tree shows."""


@dataclass(slots=True)
class Branch:
    """A group of a tree, and what follows from it."""

    id: str
    name: str
    provider_id: str
    member_count: int
    branches: "list[Branch]" = field(default_factory=list)
    is_repeated: bool = False
    """Whether it is there more than once; only once does it have branches."""


@dataclass(slots=True)
class Tree:
    """The branches of a root, which is not part of it."""

    branches: list[Branch]
    is_whole: bool = True

    @property
    def ids(self) -> set[str]:
        """The ids of all groups in it."""
        return {branch.id for branch in self.walk()}

    def walk(self) -> Iterator[Branch]:
        """Yield every branch."""
        waiting = list(self.branches)
        while waiting:
            branch = waiting.pop()
            yield branch
            waiting += branch.branches


async def tree_above(reading: Reading, id_: str) -> Tree:
    """Returns the groups that a person or a group is in, and the groups that those are in."""
    return await _grown(reading, id_, links_above)


async def tree_below(reading: Reading, group_id: str) -> Tree:
    """Returns the groups in a group, and the groups in those."""
    return await _grown(reading, group_id, links_below)


async def _grown(reading: Reading, root: str, links: Callable[[Reading, str, int], Awaitable[Sequence[Link]]]) -> Tree:
    tree = Tree([])
    left, seen = MOST_DRAWN, {root}
    waiting = [(root, tree.branches)]
    while waiting:
        from_id, branches = waiting.pop(0)
        found = await links(reading, from_id, left + 1)
        tree.is_whole = tree.is_whole and len(found) <= left
        for link in found[:left]:
            branch = Branch(link.group_id, link.name, link.provider_id, link.member_count)
            branch.is_repeated = branch.id in seen
            branches.append(branch)
            if not branch.is_repeated:
                seen.add(branch.id)
                waiting.append((branch.id, branch.branches))
        left -= len(found[:left])
    return tree
