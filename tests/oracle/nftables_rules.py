"""Random rulesets in the language of nft: several tables and base chains, sets, maps and verdict maps."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from tests.oracle.packets import PORTS, random_address
from tests.oracle.world import INSIDE, OUTSIDE

if TYPE_CHECKING:
    from random import Random

_STATES = (
    "new",
    "established",
    "established,related",
    "invalid",
    "new,established",
    "untracked",
    "invalid,new",
)
_FLAGS = (
    "syn", "syn,ack", "== syn", "!= syn", "& (fin|syn|rst|ack) == syn", "& (syn|ack) != syn", "& (fin|syn) == fin|syn",
    "{ syn, ack, fin|ack }", "== 0x0", "& fin != 0", "== syn|ack",
)  # fmt: skip
_CHAINS = ("u0", "u1", "u2", "u3")


class Writer:
    """Writes one random ruleset; every rule has a comment of its own."""

    def __init__(self, random: Random, *, nat: bool) -> None:
        self.random = random
        self.nat = nat
        self.number = 0

    def text(self) -> str:
        random = self.random
        families = random.choice((("inet",), ("inet",), ("ip", "ip6"), ("inet", "ip"), ("ip",)))
        tables = [self._table(family, f"t{at}", first=at == 0) for at, family in enumerate(families)]
        return "\n".join(tables) + "\n"

    def _table(self, family: str, name: str, *, first: bool) -> str:
        random = self.random
        lines = [f"table {family} {name} {{", *self._sets(family)]
        # No two tables have chains of one name, so that a line is known by its chain and number.
        chains = [f"{name}{one}" for one in _CHAINS[: random.randrange(len(_CHAINS) + 1)]]
        # A chain is written before those that call it, as nft wants it.
        for at in reversed(range(len(chains))):
            lines += self._chain(
                family,
                chains[at],
                "",
                chains[at + 1 :],
                count=random.randrange(1, 5),
                sides={"in", "out"},
                gentle=False,
            )
        priorities = random.sample(range(-5, 15), 2)
        for at, priority in enumerate(priorities[: random.choice((1, 1, 2))]):
            policy = random.choice(("accept", "drop"))
            hook = f"type filter hook forward priority {priority}; policy {policy};"
            lines += self._chain(
                family,
                f"{name}forward{at}",
                hook,
                chains,
                count=random.randrange(3, 10),
                sides={"in", "out"},
                gentle=at > 0,
            )
        if random.random() < 0.4:
            hook = f"type filter hook prerouting priority {random.choice(('raw', 'mangle', '-50'))}; policy accept;"
            lines += self._chain(family, f"{name}pre", hook, [], count=2, sides={"in"}, gentle=True)
        if random.random() < 0.3:
            hook = "type filter hook postrouting priority mangle; policy accept;"
            lines += self._chain(family, f"{name}post", hook, [], count=2, sides={"in", "out"}, gentle=True)
        if self.nat and first:
            lines += self._nat(family)
        return "\n".join([*lines, "}"])

    def _chain(
        self,
        family: str,
        name: str,
        hook: str,
        chains: list[str],
        *,
        count: int,
        sides: set[str],
        gentle: bool,
    ) -> list[str]:
        rules = [
            f"\t\t{self._rule(family, chains, sides, built_in=bool(hook), gentle=gentle)}"
            for _ in range(count)
        ]
        return [f"\tchain {name} {{", *([f"\t\t{hook}"] if hook else []), *rules, "\t}"]

    def _rule(self, family: str, chains: list[str], sides: set[str], *, built_in: bool, gentle: bool) -> str:
        random = self.random
        self.number += 1
        comment = f'comment "r{self.number}"'
        if random.random() < 0.15 and not gentle:
            return f"{self._verdict_map(family, chains)} {comment}"
        targets = ["accept", "drop", "accept", "drop", "return"] + ["return"] * (not built_in)
        targets += (
            [] if gentle else ["reject", 'log prefix "x " drop', "counter", "counter accept", "continue"]
        )
        target = random.choice(targets)
        if chains and random.random() < 0.4:
            target = f"{random.choice(('jump', 'jump', 'goto'))} {random.choice(chains)}"
        least = 2 if gentle else random.choice((0, 1, 1, 2, 2, 3))
        return " ".join([*self._conditions(family, least, sides), target, comment])

    def _conditions(self, family: str, count: int, sides: set[str]) -> list[str]:
        random = self.random
        v6 = family == "ip6" or (family == "inet" and random.random() < 0.4)
        makers = [self._source, self._destination, self._named, self._state, self._joined, self._family]
        makers += [self._ingress] * ("in" in sides) + [self._egress] * ("out" in sides)
        words = [self._transport(v6)] if random.random() < 0.7 else []
        words += [maker(v6) for maker in random.sample(makers, min(count, len(makers)))]
        if family != "inet":
            words = [word for word in words if "nfproto" not in word]
        return [word for word in words if word]

    def _not(self) -> str:
        return "!= " if self.random.random() < 0.25 else ""

    def _transport(self, v6: bool) -> str:  # noqa: FBT001 - drawn by the caller
        random = self.random
        protocol = random.choice(("tcp", "tcp", "udp"))
        low, high = sorted(random.sample(PORTS, 2))
        some = ", ".join(str(one) for one in sorted(random.sample(PORTS, 3)))
        icmp = (
            ("icmpv6", "{ echo-request, 200 }", "1")
            if v6
            else ("icmp", "{ echo-request, timestamp-request }", "5")
        )
        return random.choice((
            f"{protocol} dport {self._not()}{low}",
            f"{protocol} dport {self._not()}{low}-{high}",
            f"{protocol} dport {self._not()}{{ {some}, 20000-40000 }}",
            f"{protocol} sport {random.choice(('<', '>', '<=', '>='))} {random.randrange(1024, 40000)}",
            f"{protocol} dport {self._not()}@ports",
            f"meta l4proto {{ tcp, udp }} th dport {{ {some} }}",
            f"meta l4proto {self._not()}{random.choice(('tcp', 'udp', 'esp', '{ tcp, udp }', 'icmp'))}",
            f"tcp flags {random.choice(_FLAGS)}",
            f"{icmp[0]} type {icmp[1]}",
            f"{icmp[0]} type {self._not()}echo-request {icmp[0]} code {icmp[2]}",
            f"{'ip6 nexthdr' if v6 else 'ip protocol'} {self._not()}{random.choice(('tcp', 'udp', '{ esp, udp }'))}",
        ))  # fmt: skip

    def _address(self, names: tuple[str, ...], *, v6: bool) -> str:
        return random_address(self.random, self.random.choice(names), v6=v6)

    def _network(self, names: tuple[str, ...], *, v6: bool) -> str:
        lengths = (128, 124, 112, 64, 125) if v6 else (32, 30, 28, 24, 22, 17)
        return _network(self._address(names, v6=v6), self.random.choice(lengths))

    def _range(self, names: tuple[str, ...], *, v6: bool) -> str:
        name = (self.random.choice(names),)
        ends = sorted((self._address(name, v6=v6) for _ in range(2)), key=lambda one: int(ip_address(one)))
        return "-".join(dict.fromkeys(ends))

    def _side(self, v6: bool, side: str, names: tuple[str, ...]) -> str:  # noqa: FBT001 - drawn by the caller
        random = self.random
        key = f"{'ip6' if v6 else 'ip'} {side}"
        if random.random() < 0.1:
            mask, value = ("::ff", "::4") if v6 else ("255.255.0.1", f"10.{1 if side == 'saddr' else 2}.0.1")
            return f"{key} & {mask} {random.choice(('==', '!='))} {value}"
        value = random.choice((self._network, self._range))(names, v6=v6)
        if random.random() < 0.3:
            value = f"{{ {value}, {self._address(names, v6=v6)} }}"
        return f"{key} {self._not()}{value}"

    def _source(self, v6: bool) -> str:  # noqa: FBT001 - drawn by the caller
        return self._side(v6, "saddr", INSIDE)

    def _destination(self, v6: bool) -> str:  # noqa: FBT001 - drawn by the caller
        return self._side(v6, "daddr", OUTSIDE)

    def _named(self, v6: bool) -> str:  # noqa: FBT001 - drawn by the caller
        side, name = self.random.choice((("saddr", "in"), ("daddr", "out")))
        return f"{'ip6' if v6 else 'ip'} {side} {self._not()}@{name}{6 if v6 else 4}"

    def _joined(self, v6: bool) -> str:  # noqa: FBT001 - drawn by the caller
        key = "ip6" if v6 else "ip"
        if self.random.random() < 0.5:
            return f"{key} daddr . tcp dport @svc{6 if v6 else 4}"
        network = self._network(OUTSIDE, v6=v6)
        return f"{key} daddr . meta l4proto {{ {network} . udp, {self._address(OUTSIDE, v6=v6)} . tcp }}"

    def _family(self, v6: bool) -> str:  # noqa: FBT001 - drawn by the caller
        return f"meta nfproto {self.random.choice(('ipv4', 'ipv6'))}"

    def _ingress(self, v6: bool) -> str:  # noqa: FBT001 - drawn by the caller
        return self.random.choice((
            f"iifname {self._not()}{self.random.choice(INSIDE)}", 'iifname "in*"', 'iifname { "in0", "out0" }',
            'iifname != "i*"', f"iif {self._not()}in1",
        ))  # fmt: skip

    def _egress(self, v6: bool) -> str:  # noqa: FBT001 - drawn by the caller
        return self.random.choice((
            f"oifname {self._not()}{self.random.choice(OUTSIDE)}", 'oifname "out*"', 'oifname { "out0", "in1" }',
            f"oif {self._not()}out1", 'iifname . oifname { "in0" . "out1", "in1" . "out0" }',
        ))  # fmt: skip

    def _state(self, v6: bool) -> str:  # noqa: FBT001 - drawn by the caller
        words = self.random.choice(_STATES)
        if "," in words and self.random.random() < 0.4:
            return f"ct state {self._not()}{{ {words} }}"
        return f"ct state {self._not()}{words}"

    def _verdict_map(self, family: str, chains: list[str]) -> str:
        random = self.random
        v6 = family == "ip6" or (family == "inet" and random.random() < 0.4)

        def verdict() -> str:
            choices = [
                "accept",
                "drop",
                "return",
                "continue",
                *(f"{way} {one}" for one in chains for way in ("jump", "goto")),
            ]
            return random.choice(choices)

        ports = random.sample(PORTS, 4)
        key = "ip6 saddr" if v6 else "ip saddr"
        return random.choice((
            f"tcp dport vmap {{ {ports[0]} : {verdict()}, {ports[1]} : {verdict()}, 20000-40000 : {verdict()} }}",
            f"udp dport vmap {{ {ports[0]} : {verdict()}, * : {verdict()} }}",
            f'iifname vmap {{ "in0" : {verdict()}, "in1" : {verdict()} }}',
            f"meta l4proto vmap {{ tcp : {verdict()}, udp : {verdict()}, esp : {verdict()} }}",
            f"ct state vmap {{ established : accept, related : accept, invalid : {verdict()} }}",
            f'{key} . iifname vmap {{ {self._address(INSIDE, v6=v6)} . "in0" : {verdict()}, {self._address(INSIDE, v6=v6)} . "in1" : {verdict()} }}',
            f"{key} vmap {{ {self._network(INSIDE, v6=v6)} : {verdict()} }}",
            "tcp dport vmap @verdicts",
        ))  # fmt: skip

    def _sets(self, family: str) -> list[str]:
        random = self.random
        ports = random.sample(PORTS, 4)
        lines = [
            f"\tset ports {{ type inet_service; flags interval; elements = {{ {ports[0]}, {ports[1]}, 20000-30000 }} }}",
            f"\tmap verdicts {{ type inet_service : verdict; elements = {{ {ports[2]} : accept, {ports[3]} : drop }} }}",
        ]
        for v6 in {"ip": (False,), "ip6": (True,)}.get(family, (False, True)):
            mark, kind = (6, "ipv6_addr") if v6 else (4, "ipv4_addr")
            for name, names in (("in", INSIDE), ("out", OUTSIDE)):
                some = ", ".join(self._network(names, v6=v6) for _ in range(5))
                some += f", {self._range(names, v6=v6)}"
                lines.append(
                    f"\tset {name}{mark} {{ type {kind}; flags interval; auto-merge; elements = {{ {some} }} }}"
                )
            if v6 or family == "ip":
                pairs = [f"{self._address(OUTSIDE, v6=v6)} . {port}" for port in ports]
                lines.append(
                    f"\tset svc{mark} {{ type {kind} . inet_service; elements = {{ {', '.join(pairs)} }} }}"
                )
            else:
                pairs = [
                    f"{_network(self._address(OUTSIDE, v6=v6), 24)} . {ports[0]}-{ports[0] + 400}",
                    f"{self._address(OUTSIDE, v6=v6)} . 443",
                ]
                lines.append(
                    f"\tset svc{mark} {{ type {kind} . inet_service; flags interval; elements = {{ {pairs[0]} }} }}"
                )
        return lines

    def _nat(self, family: str) -> list[str]:
        random = self.random
        lines = ["\tchain before {", "\t\ttype nat hook prerouting priority dstnat; policy accept;"]
        lines += [f"\t\t{self._dnat(family)}" for _ in range(random.randrange(1, 4))]
        lines += [
            "\t}",
            "\tchain before2 {",
            "\t\ttype nat hook prerouting priority dstnat + 5; policy accept;",
        ]
        lines += [f"\t\t{self._dnat(family)}" for _ in range(random.randrange(2))]
        lines += ["\t}", "\tchain after {", "\t\ttype nat hook postrouting priority srcnat; policy accept;"]
        for _ in range(random.randrange(3)):
            v6 = family == "ip6"
            pool = "fd00:2:0::1" if v6 else "10.2.0.200-10.2.0.203"
            to = random.choice(("masquerade", f"snat {'ip6 ' if v6 else 'ip '}to {pool}"))
            lines.append(f"\t\t{self._destination(v6)} {to}")
        return [*lines, "\t}"]

    def _dnat(self, family: str) -> str:
        random = self.random
        v6 = family == "ip6" or (family == "inet" and random.random() < 0.4)
        key = "ip6" if v6 else "ip"
        address, other = (self._address(OUTSIDE, v6=v6) for _ in range(2))
        low, high = random.sample(PORTS, 2)
        where = random.choice((self._source(v6), self._destination(v6), self._ingress(v6)))
        return random.choice((
            f"{where} dnat {key} to {address}",
            f"{where} tcp dport {low} dnat {key} to {f'[{address}]' if v6 else address}:{high}",
            f"{where} udp dport {{ {low}, {high} }} dnat {key} to {address}",
            f"dnat {key} to tcp dport map {{ {low} : {address}, {high} : {other} }}",
            f"{where} accept",
            f"{where} tcp dport {high} drop",
        ))  # fmt: skip


def _network(address: str, length: int) -> str:
    bits = 128 if ":" in address else 32
    number = int(ip_address(address)) >> (bits - length) << (bits - length)
    return f"{ip_address(number) if bits == 32 else ip_address(number.to_bytes(16, 'big'))}/{length}"
