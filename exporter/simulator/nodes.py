"""The nodes of a simulated pool, and who gets what of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from exporter.simulator.jobs import Needs, Share

if TYPE_CHECKING:
    from collections.abc import Iterable


class Room(NamedTuple):
    """What is free on one node.

    Attributes:
        cards: a bit mask of the free cards; bit 0 is card 1.
        cpu: millicores.
        memory: bytes.
    """

    cards: int
    cpu: int
    memory: int

    def holds(self, needs: Needs) -> bool:
        """Whether one node's part of a job fits."""
        return self.cards.bit_count() >= needs.cards and self.cpu >= needs.cpu and self.memory >= needs.memory


class Nodes:
    """Equal nodes and what is free on each; the one owner of that.

    Args:
        count: how many.
        whole: one of them when nothing runs on it.
    """

    def __init__(self, count: int, whole: Room) -> None:
        self._rooms = [whole] * count

    @property
    def rooms(self) -> tuple[Room, ...]:
        """What is free now, node by node."""
        return tuple(self._rooms)

    def take(self, needs: Needs) -> tuple[Share, ...] | None:
        """Give a job all its nodes at once, or nothing: None where it does not fit now.

        The fullest nodes that will do are taken, so that whole ones stay free for the large jobs.
        """
        fitting = [index for index, room in enumerate(self._rooms) if room.holds(needs)]
        if len(fitting) < needs.nodes:
            return None
        fitting.sort(key=lambda index: self._rooms[index].cards.bit_count())
        return tuple(self._take(index, needs) for index in fitting[: needs.nodes])

    def give_back(self, needs: Needs, shares: Iterable[Share]) -> None:
        """The opposite of `take`."""
        for share in shares:
            room = self._rooms[share.node]
            self._rooms[share.node] = Room(
                room.cards | share.cards, room.cpu + needs.cpu, room.memory + needs.memory
            )

    def _take(self, index: int, needs: Needs) -> Share:
        room = self._rooms[index]
        cards = lowest_bits(room.cards, needs.cards)
        self._rooms[index] = Room(room.cards & ~cards, room.cpu - needs.cpu, room.memory - needs.memory)
        return Share(index, cards)


def lowest_bits(mask: int, count: int) -> int:
    """The lowest `count` set bits of a mask."""
    chosen = 0
    for _ in range(count):
        bit = mask & -mask
        chosen |= bit
        mask &= ~bit
    return chosen
