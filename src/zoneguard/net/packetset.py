"""Exact sets of packets, by who opened, who answered, protocol and service port."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from zoneguard.net.address import LAST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zoneguard.net.address import Span

# A node is one field: stretches (first, last, node of the next field). () is empty; after the last field
# stands TRUE.
Node: TypeAlias = "tuple[tuple[int, int, Node], ...] | Literal[True]"
Operation: TypeAlias = Literal["union", "intersect", "subtract"]

ADDRESSES: Span = (0, LAST)
PROTOCOLS: Span = (0, 255)
PORTS: Span = (0, 65535)


class Header(NamedTuple):
    """One packet: addresses as numbers (net.address), protocol, port of the responder."""

    orig: int
    resp: int
    protocol: int
    port: int


class Product(NamedTuple):
    """A box of packets: one stretch in each field, both ends inside."""

    orig: Span
    resp: Span
    protocol: Span
    port: Span


@dataclass(frozen=True, slots=True)
class PacketSet:
    """A union of disjoint products, in the one form that its packets allow.

    Invariant (canonical): in every node the stretches ascend and do not overlap, no stretch leads to an
    empty node, and two stretches that touch lead to different nodes. Two sets of the same packets thus
    have equal nodes, and `==` is semantic equality.
    """

    node: Node = ()

    @classmethod
    def of(
        cls,
        *,
        orig: Iterable[Span] = (ADDRESSES,),
        resp: Iterable[Span] = (ADDRESSES,),
        protocol: Iterable[Span] = (PROTOCOLS,),
        port: Iterable[Span] = (PORTS,),
    ) -> PacketSet:
        """Make the product of unions of stretches; a field left out holds everything."""
        node: Node = True
        for spans in (port, protocol, resp, orig):
            node = _layer(spans, node)
        return cls(node)

    def __or__(self, other: PacketSet) -> PacketSet:
        return PacketSet(_combine(self.node, other.node, "union", {}))

    def __and__(self, other: PacketSet) -> PacketSet:
        return PacketSet(_combine(self.node, other.node, "intersect", {}))

    def __sub__(self, other: PacketSet) -> PacketSet:
        return PacketSet(_combine(self.node, other.node, "subtract", {}))

    def __contains__(self, header: Header) -> bool:
        node = self.node
        for value in header:
            if node is True:
                break
            node = next((child for first, last, child in node if first <= value <= last), ())
        return node is True

    def __bool__(self) -> bool:
        return not self.is_empty()

    def __le__(self, other: PacketSet) -> bool:
        return (self - other).is_empty()

    def is_empty(self) -> bool:
        """Tell whether no packet is in the set."""
        return self.node == ()

    def sample(self) -> Header | None:
        """Give the packet with the lowest numbers; None when the set is empty."""
        box = next(self.products(), None)
        return box and Header(box.orig[0], box.resp[0], box.protocol[0], box.port[0])

    def products(self) -> Iterator[Product]:
        """Yield the disjoint products in ascending order."""
        for spans in _paths(self.node):
            yield Product(*spans)

    def count(self) -> int:
        """Count the packets of the set."""
        return _count(self.node)


def _layer(spans: Iterable[Span], child: Node) -> Node:
    if child == ():
        return ()
    stretches: list[tuple[int, int, Node]] = []
    for first, last in sorted(spans):
        if stretches and first <= stretches[-1][1] + 1:
            stretches[-1] = (stretches[-1][0], max(last, stretches[-1][1]), child)
        else:
            stretches.append((first, last, child))
    return tuple(stretches)


def _combine(a: Node, b: Node, operation: Operation, known: dict[tuple[int, int], Node]) -> Node:
    """Sweep over two nodes; nodes met before are known by identity (the operands keep them alive)."""
    if a is True or b is True or a == () or b == () or a is b:
        return _settle(a, b, operation)
    key = (id(a), id(b))
    if key in known:
        return known[key]
    cuts = sorted({cut for first, last, _ in a + b for cut in (first, last + 1)})
    stretches: list[tuple[int, int, Node]] = []
    at_a = at_b = 0
    for first, after in pairwise(cuts):
        while at_a < len(a) and a[at_a][1] < first:
            at_a += 1
        while at_b < len(b) and b[at_b][1] < first:
            at_b += 1
        child_a: Node = a[at_a][2] if at_a < len(a) and a[at_a][0] <= first else ()
        child_b: Node = b[at_b][2] if at_b < len(b) and b[at_b][0] <= first else ()
        child = _combine(child_a, child_b, operation, known)
        if child == ():
            continue
        if stretches and stretches[-1][1] + 1 == first and stretches[-1][2] == child:
            stretches[-1] = (stretches[-1][0], after - 1, child)
        else:
            stretches.append((first, after - 1, child))
    known[key] = tuple(stretches)
    return known[key]


def _settle(a: Node, b: Node, operation: Operation) -> Node:
    """Combine where one side is empty or both are the same."""
    if a == () and b == ():
        return ()
    if operation == "union":
        return b if a == () else a
    if operation == "intersect":
        return () if a == () or b == () else a
    return a if b == () else ()


def _paths(node: Node) -> Iterator[tuple[Span, ...]]:
    if node is True:
        yield ()
        return
    for first, last, child in node:
        for rest in _paths(child):
            yield ((first, last), *rest)


def _count(node: Node) -> int:
    if node is True:
        return 1
    return sum((last - first + 1) * _count(child) for first, last, child in node)
