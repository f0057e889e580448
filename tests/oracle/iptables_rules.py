"""Random rulesets in the language of iptables-restore, for both families."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.oracle.packets import PORTS, random_address
from tests.oracle.world import INSIDE, OUTSIDE

if TYPE_CHECKING:
    from random import Random

_STATES = (
    "NEW",
    "ESTABLISHED",
    "RELATED,ESTABLISHED",
    "INVALID",
    "NEW,ESTABLISHED",
    "UNTRACKED",
    "INVALID,NEW",
)
_FLAGS = (
    "FIN,SYN,RST,ACK SYN", "SYN,ACK SYN", "ALL NONE", "ALL FIN,PSH,URG", "RST RST", "SYN,FIN SYN,FIN",
    "FIN,SYN,RST,PSH,ACK,URG NONE", "ACK,FIN FIN", "ALL ALL",
)  # fmt: skip
_CHAINS = ("u0", "u1", "u2", "u3", "u4")


class Writer:
    """Writes one random ruleset of one family."""

    def __init__(self, random: Random, *, v6: bool, nat: bool) -> None:
        self.random = random
        self.v6 = v6
        self.nat = nat
        self.number = 0

    def text(self) -> str:
        lines = []
        if self.random.random() < 0.3:
            lines += self._table("raw", {"PREROUTING": "ACCEPT"}, 2, ingress=True)
        if self.random.random() < 0.3:
            hooks = {"PREROUTING": "ACCEPT", "FORWARD": "ACCEPT", "POSTROUTING": "ACCEPT"}
            lines += self._table("mangle", hooks, 2, ingress=True)
        if self.nat:
            lines += self._nat()
        policy = self.random.choice(("DROP", "ACCEPT"))
        lines += self._table("filter", {"FORWARD": policy}, self.random.randrange(4, 14), ingress=False)
        return "\n".join([*lines, ""])

    def _table(self, name: str, hooks: dict[str, str], most: int, *, ingress: bool) -> list[str]:
        chains = _CHAINS[: self.random.randrange(len(_CHAINS) + 1)] if name == "filter" else _CHAINS[:1]
        lines = [f"*{name}", *(f":{hook} {policy} [0:0]" for hook, policy in hooks.items())]
        lines += [f":{chain} - [0:0]" for chain in chains]
        for hook in hooks:
            where = {"in": hook != "POSTROUTING", "out": hook != "PREROUTING"}
            for _ in range(self.random.randrange(1, most + 1)):
                lines.append(
                    self._rule(hook, list(chains), built_in=True, gentle=name != "filter", where=where)
                )
        # A chain of another table is met from all hooks, where only one side's interface is known.
        where = {"in": name == "filter", "out": name == "filter"}
        for at, chain in enumerate(chains):
            for _ in range(self.random.randrange(1, 6)):
                later = list(chains[at + 1 :])
                lines.append(self._rule(chain, later, built_in=False, gentle=name != "filter", where=where))
        return [*lines, "COMMIT"]

    def _rule(
        self, chain: str, callable_chains: list[str], *, built_in: bool, gentle: bool, where: dict
    ) -> str:
        random = self.random
        targets = ["ACCEPT", "DROP", "ACCEPT", "DROP", "RETURN"] + ["RETURN"] * (not built_in)
        targets += [] if gentle else ["REJECT", "LOG", "NONE"]
        target = random.choice(targets)
        if callable_chains and random.random() < 0.4:
            target = random.choice(callable_chains)
        # Few conditions where a drop would leave nothing to the rules behind.
        least = 2 if gentle else random.choice((0, 1, 1, 2, 2, 3))
        words = [f"-A {chain}", *self._conditions(least, where)]
        self.number += 1
        words.append(f'-m comment --comment "r{self.number}"')
        if target == "NONE":
            return " ".join(words)
        flag = "-g" if target in _CHAINS and random.random() < 0.3 else "-j"
        return " ".join([*words, flag, target])

    def _conditions(self, count: int, where: dict) -> list[str]:
        random = self.random
        protocol = random.choice((None, "tcp", "tcp", "udp", "icmp", "all", "50", "! tcp"))
        makers = [self._source, self._destination, self._range, self._set]
        makers += [self._ingress] * where["in"] + [self._egress] * where["out"]
        makers += [self._state]
        words = []
        if protocol == "icmp":
            protocol = "ipv6-icmp" if self.v6 else "icmp"
            words.append(f"-p {protocol}")
            if random.random() < 0.7:
                words.append(self._icmp())
        elif protocol:
            words.append(f"! -p {protocol[2:]}" if protocol.startswith("!") else f"-p {protocol}")
            if protocol in {"tcp", "udp"} and random.random() < 0.8:
                words.append(self._ports(protocol))
            if protocol == "tcp" and random.random() < 0.3:
                words.append(self._not(random.choice(("--syn", f"--tcp-flags {random.choice(_FLAGS)}"))))
        return words + [maker() for maker in random.sample(makers, min(count, len(makers)))]

    def _not(self, words: str) -> str:
        return f"! {words}" if self.random.random() < 0.25 else words

    def _ports(self, protocol: str) -> str:
        random = self.random
        port, other = sorted(random.sample(PORTS, 2))
        kind = random.randrange(6)
        if kind == 0:
            return f"-m {protocol} {self._not(f'--dport {port}')}"
        if kind == 1:
            return f"-m {protocol} {self._not(f'--dport {port}:{other}')}"
        if kind == 2:
            return f"-m {protocol} {self._not(f'--sport {random.randrange(1024, 40000)}:')}"
        side = random.choice(("--dports", "--dports", "--sports", "--ports"))
        some = ",".join(str(one) for one in sorted(random.sample(PORTS, 3)))
        low = random.randrange(1024, 40_000)
        return f"-m multiport {self._not(f'{side} {some},{low}:{low + 5000}')}"

    def _icmp(self) -> str:
        if self.v6:
            words = self.random.choice(("128", "echo-reply", "128/1", "200/3", "echo-request"))
            return f"-m icmp6 {self._not(f'--icmpv6-type {words}')}"
        words = self.random.choice(("8", "echo-reply", "8/5", "any", "timestamp-request", "17", "40/2"))
        return f"-m icmp {self._not(f'--icmp-type {words}')}"

    def _network(self, names: tuple[str, ...]) -> str:
        random = self.random
        address = random_address(random, random.choice(names), v6=self.v6)
        if self.v6:
            return f"{address}/{random.choice((128, 124, 112, 64, 48, 125))}"
        if random.random() < 0.15:
            return f"{address}/{random.choice(('255.255.0.15', '255.0.255.0', '255.255.255.1'))}"
        return f"{address}/{random.choice((32, 30, 28, 24, 22, 17, 16, 29))}"

    def _source(self) -> str:
        return self._not(f"-s {self._network(INSIDE)}")

    def _destination(self) -> str:
        return self._not(f"-d {self._network(OUTSIDE)}")

    def _range(self) -> str:
        option, names = self.random.choice((("--src-range", INSIDE), ("--dst-range", OUTSIDE)))
        name = (self.random.choice(names),)
        ends = sorted(
            (random_address(self.random, name[0], v6=self.v6) for _ in range(2)),
            key=lambda one: int(__import__("ipaddress").ip_address(one)),
        )
        return f"-m iprange {self._not(f'{option} {ends[0]}-{ends[1]}')}"

    def _set(self) -> str:
        family = "6" if self.v6 else "4"
        kind, direction = self.random.choice(
            (
                ("net", "src"),
                ("net", "dst"),
                ("ip", "dst"),
                ("ipport", "dst,dst"),
                ("ipport", "src,dst"),
                ("list", "src"),
            )
        )
        negated = kind in {"net", "ip"} and self.random.random() < 0.25
        return f"-m set {'! ' if negated else ''}--match-set {kind}{family} {direction}"

    def _ingress(self) -> str:
        return self._not(f"-i {self.random.choice((*INSIDE, 'in+', 'i+', 'out0'))}")

    def _egress(self) -> str:
        return self._not(f"-o {self.random.choice((*OUTSIDE, 'out+', 'out1'))}")

    def _state(self) -> str:
        return f"-m conntrack {self._not(f'--ctstate {self.random.choice(_STATES)}')}"

    def _nat(self) -> list[str]:
        lines = ["*nat", ":PREROUTING ACCEPT [0:0]", ":POSTROUTING ACCEPT [0:0]", ":u0 - [0:0]"]
        where = {"in": True, "out": False}
        for _ in range(self.random.randrange(1, 5)):
            words = [word for word in self._conditions(1, where) if "ctstate" not in word]
            target = self.random.choice((self._dnat(), self._dnat(), "ACCEPT", "u0"))
            if "]:" in target or (not self.v6 and ":" in target):
                words = [f"-p {self.random.choice(('tcp', 'udp'))}", "-i in+"]
            lines.append(" ".join(["-A PREROUTING", *words, "-j", target]))
        lines.append(f"-A u0 -d {self._network(OUTSIDE)} -j RETURN")
        lines.append(f"-A u0 -s {self._network(INSIDE)} -j {self._dnat(plain=True)}")
        for _ in range(self.random.randrange(3)):
            words = [
                word for word in self._conditions(1, {"in": False, "out": True}) if "ctstate" not in word
            ]
            lines.append(" ".join(["-A POSTROUTING", *words, "-j", self._snat()]))
        return [*lines, "COMMIT"]

    def _dnat(self, *, plain: bool = False) -> str:
        address = random_address(self.random, self.random.choice(OUTSIDE), v6=self.v6)
        if plain or self.random.random() < 0.6:
            return f"DNAT --to-destination {address}"
        return f"DNAT --to-destination {f'[{address}]' if self.v6 else address}:{self.random.choice(PORTS)}"

    def _snat(self) -> str:
        if self.random.random() < 0.4:
            return "MASQUERADE"
        return f"SNAT --to-source {'fd00:2:0::1' if self.v6 else '10.2.0.200-10.2.0.203'}"


def sets_text(random: Random) -> str:
    """Write the sets that rules of every ruleset may ask, in the language of `ipset restore`."""
    lines = []
    for family, v6 in (("inet", False), ("inet6", True)):
        mark = "6" if v6 else "4"
        lines += [f"create net{mark} hash:net family {family}", f"create ip{mark} hash:ip family {family}"]
        lines += [f"create ipport{mark} hash:ip,port family {family}", f"create list{mark} list:set"]
        prefixes = {(random_address(random, random.choice(INSIDE + OUTSIDE), v6=v6), random.choice((128, 112, 64) if v6 else (32, 28, 24))) for _ in range(6)}  # fmt: skip
        lines += [f"add net{mark} {address}/{length} -exist" for address, length in sorted(prefixes)]
        for _ in range(6):
            lines.append(f"add ip{mark} {random_address(random, random.choice(OUTSIDE), v6=v6)} -exist")
            service = random.choice(
                (
                    f"tcp:{random.choice(PORTS)}",
                    f"udp:{random.choice(PORTS)}",
                    "tcp:443",
                    "icmpv6:128/0" if v6 else "icmp:8/0",
                )
            )
            lines.append(
                f"add ipport{mark} {random_address(random, random.choice(INSIDE + OUTSIDE), v6=v6)},{service} -exist"
            )
        lines.append(f"add list{mark} net{mark}")
    nested = [
        "add net4 10.1.0.0/22 nomatch -exist",
        "add net4 10.1.0.0/24 -exist",
        "add net4 10.1.0.0/20 -exist",
    ]
    return "\n".join([*lines, *nested, ""])
