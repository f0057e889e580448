"""Words of a line, and the names that iptables gives to options."""

from __future__ import annotations

import re
from typing import NamedTuple

_TOKEN = re.compile(r'"(?P<quoted>(?:[^"\\]|\\.)*)"|\'(?P<single>[^\']*)\'|(?P<plain>\S+)')
_ESCAPED = re.compile(r"\\(.)")


class Word(NamedTuple):
    """One word; a quoted one is never an option."""

    text: str
    quoted: bool

    @property
    def is_option(self) -> bool:
        """Tell an option from a value."""
        return not self.quoted and len(self.text) > 1 and self.text[0] == "-" and not self.text[1].isdigit()


def words_of(line: str) -> list[Word]:
    """Split a line as iptables-restore does."""
    words = []
    for found in _TOKEN.finditer(line):
        if found["plain"] is not None:
            words.append(Word(found["plain"], quoted=False))
        else:
            quoted = found["quoted"]
            words.append(
                Word(found["single"] if quoted is None else _ESCAPED.sub(r"\1", quoted), quoted=True)
            )
    return words


# Short options and their long names.
LONG = {
    "-4": "--ipv4",
    "-6": "--ipv6",
    "-d": "--destination",
    "-f": "--fragment",
    "-g": "--goto",
    "-i": "--in-interface",
    "-j": "--jump",
    "-m": "--match",
    "-o": "--out-interface",
    "-p": "--protocol",
    "-s": "--source",
    "--destination-port": "--dport",
    "--destination-ports": "--dports",
    "--dst": "--destination",
    "--in": "--in-interface",
    "--out": "--out-interface",
    "--proto": "--protocol",
    "--source-port": "--sport",
    "--source-ports": "--sports",
    "--src": "--source",
}

# Targets that let the packet go on to the next rule.
GOING_ON = frozenset({
    "ACCOUNT", "AUDIT", "CHECKSUM", "CLASSIFY", "CONNMARK", "CONNSECMARK", "CT", "DSCP", "ECN", "HL", "HMARK",
    "IDLETIMER", "LED", "MARK", "NOTRACK", "RATEEST", "SECMARK", "SET", "TCPMSS", "TCPOPTSTRIP", "TEE", "TOS",
    "TRACE", "TTL",
})  # fmt: skip
LOGGING = frozenset({"LOG", "NFLOG", "ULOG"})
DENYING = frozenset({"DELUDE", "DROP", "REJECT", "STEAL", "TARPIT"})

TCP_FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}

# Names that only iptables gives to a type, or to a type with a code.
ICMP_CODES = {
    "network-unreachable": (3, 0), "host-unreachable": (3, 1), "protocol-unreachable": (3, 2),
    "port-unreachable": (3, 3), "fragmentation-needed": (3, 4), "source-route-failed": (3, 5),
    "network-unknown": (3, 6), "host-unknown": (3, 7), "network-prohibited": (3, 9), "host-prohibited": (3, 10),
    "TOS-network-unreachable": (3, 11), "TOS-host-unreachable": (3, 12), "communication-prohibited": (3, 13),
    "host-precedence-violation": (3, 14), "precedence-cutoff": (3, 15), "network-redirect": (5, 0),
    "host-redirect": (5, 1), "TOS-network-redirect": (5, 2), "TOS-host-redirect": (5, 3),
    "ttl-zero-during-transit": (11, 0), "ttl-zero-during-reassembly": (11, 1), "ip-header-bad": (12, 0),
    "required-option-missing": (12, 1),
}  # fmt: skip
ICMP6_CODES = {
    "no-route": (1, 0), "communication-prohibited": (1, 1), "beyond-scope": (1, 2), "address-unreachable": (1, 3),
    "port-unreachable": (1, 4), "failed-policy": (1, 5), "reject-route": (1, 6),
    "ttl-zero-during-transit": (3, 0), "ttl-zero-during-reassembly": (3, 1), "bad-header": (4, 0),
    "unknown-header-type": (4, 1), "unknown-option": (4, 2),
}  # fmt: skip
