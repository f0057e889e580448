"""Rule lists as binary decision diagrams (oxidd): a second engine that shares nothing with net/ but its values."""

from __future__ import annotations

from functools import reduce
from operator import or_

from oxidd.bcdd import BCDDManager

from zoneguard.net.rulelist import Action, Reading

WIDTHS = {"source": 128, "destination": 128, "protocol": 8, "dport": 16, "sport": 16, "flags": 8, "state": 3}
STATES = 5  # of the 8 values that three bits have


class Diagrams:
    """Sets of packets as diagrams over the bits of all fields, the most significant first.

    The manager refuses more than `nodes` nodes with a memory error; `gc()` frees those that no set holds.
    """

    def __init__(self, nodes: int = 1 << 20) -> None:
        self.manager = BCDDManager(nodes, nodes, 1)
        self.manager.add_vars(sum(WIDTHS.values()))
        self.bits = {}
        at = 0
        for field, width in WIDTHS.items():
            self.bits[field] = [self.manager.var(at + bit) for bit in range(width)]
            at += width
        self.total = at
        self.states_that_are = self.span("state", 0, STATES - 1)
        self.known_services = {}

    def gc(self) -> None:
        self.manager.gc()

    def span(self, field, first, last):
        return self._at_least(field, first) & self._at_most(field, last)

    def _at_least(self, field, number):
        held = self.manager.true()
        for place, bit in enumerate(reversed(self.bits[field])):
            held = bit & held if number >> place & 1 else bit | held
        return held

    def _at_most(self, field, number):
        held = self.manager.true()
        for place, bit in enumerate(reversed(self.bits[field])):
            held = ~bit | held if number >> place & 1 else ~bit & held
        return held

    def spans(self, field, spans):
        return self.union(self.span(field, *one) for one in spans)

    def union(self, sets):
        return reduce(or_, sets, self.manager.false())

    def service(self, service):
        if service not in self.known_services:
            octets = [(at, at) for at in range(256) if service.flags >> at & 1]
            states = [(at, at) for at in range(STATES) if service.states >> at & 1]
            self.known_services[service] = (
                self.spans("protocol", [service.protocol])
                & self.spans("sport", [service.sport])
                & self.spans("dport", [service.dport])
                & (self.manager.true() if len(octets) == 256 else self.spans("flags", octets))
                & self.spans("state", states)
            )
        return self.known_services[service]

    def box(self, source, destination, services):
        """Build source spans x destination spans x a union of Service boxes."""
        named = self.union(self.service(one) for one in services)
        return self.spans("source", source) & self.spans("destination", destination) & named

    def product(self, product, universe):
        return self.box(
            product.source,
            product.destination,
            [atom for at, atom in enumerate(universe.atoms) if product.services >> at & 1],
        )

    def count(self, held):
        return (held & self.states_that_are).sat_count(self.total)

    def permitted(self, lines, default, reading):
        """Give what a list permits: lines are (action, exact set, unsure set), read from the last to the first."""
        held = self.states_that_are if default is Action.PERMIT else self.manager.false()
        for action, exact, unsure in reversed(lines):
            if action is Action.PERMIT:
                held |= exact | unsure if reading is Reading.MAY else exact
            else:
                held &= ~(exact if reading is Reading.MAY else exact | unsure)
        return held

    def unreachable(self, lines):
        """List the lines whose every possible packet earlier lines surely match."""
        found, taken = [], self.manager.false()
        for at, (_, exact, unsure) in enumerate(lines):
            if not ((exact | unsure) & ~taken).satisfiable():
                found.append(at)
            taken |= exact
        return found
