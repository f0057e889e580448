"""Names that Cisco IOS gives to ports, ICMP messages and inspected protocols (command references 15.M and XE 17)."""

from __future__ import annotations

from zoneguard.firewall.known import PORTS, PROTOCOLS
from zoneguard.net.service import ALL_PORTS, Service

IOS_PORTS = {
    **PORTS, "biff": 512, "dnsix": 195, "drip": 3949, "mobile-ip": 434, "msrpc": 135, "netbios-ss": 139,
    "non500-isakmp": 4500, "onep-plain": 15001, "onep-tls": 15002, "pim-auto-rp": 496, "ripv6": 521,
}  # fmt: skip

IOS_PROTOCOLS = {name: PROTOCOLS[name] for name in (
    "ahp", "eigrp", "esp", "gre", "icmp", "igmp", "ipinip", "ospf", "pcp", "pim", "sctp", "tcp", "udp",
)}  # fmt: skip

ALL_CODES = None
# Type and code; None is all codes.
ICMP_MESSAGES: dict[str, tuple[int, int | None]] = {
    "administratively-prohibited": (3, 13), "alternate-address": (6, None), "conversion-error": (31, None),
    "dod-host-prohibited": (3, 10), "dod-net-prohibited": (3, 9), "echo": (8, None), "echo-reply": (0, None),
    "general-parameter-problem": (12, 0), "host-isolated": (3, 8), "host-precedence-unreachable": (3, 14),
    "host-redirect": (5, 1), "host-tos-redirect": (5, 3), "host-tos-unreachable": (3, 12), "host-unknown": (3, 7),
    "host-unreachable": (3, 1), "information-reply": (16, None), "information-request": (15, None),
    "mask-reply": (18, None), "mask-request": (17, None), "mobile-redirect": (32, None), "net-redirect": (5, 0),
    "net-tos-redirect": (5, 2), "net-tos-unreachable": (3, 11), "net-unreachable": (3, 0),
    "network-unknown": (3, 6), "no-room-for-option": (12, 2), "option-missing": (12, 1), "packet-too-big": (3, 4),
    "parameter-problem": (12, None), "port-unreachable": (3, 3), "precedence-unreachable": (3, 15),
    "protocol-unreachable": (3, 2), "reassembly-timeout": (11, 1), "redirect": (5, None),
    "router-advertisement": (9, None), "router-solicitation": (10, None), "source-quench": (4, None),
    "source-route-failed": (3, 5), "time-exceeded": (11, None), "timestamp-reply": (14, None),
    "timestamp-request": (13, None), "traceroute": (30, None), "ttl-exceeded": (11, 0), "unreachable": (3, None),
}  # fmt: skip

ICMP6_MESSAGES: dict[str, tuple[int, int | None]] = {
    "beyond-scope": (1, 2), "echo-reply": (129, None), "echo-request": (128, None), "header": (4, 0),
    "hop-limit": (3, 0), "mld-query": (130, None), "mld-reduction": (132, None), "mld-report": (131, None),
    "nd-na": (136, None), "nd-ns": (135, None), "next-header": (4, 1), "no-admin": (1, 1), "no-route": (1, 0),
    "packet-too-big": (2, None), "parameter-option": (4, 2), "parameter-problem": (4, None),
    "port-unreachable": (1, 4), "reassembly-timeout": (3, 1), "router-advertisement": (134, None),
    "router-renumbering": (138, None), "router-solicitation": (133, None), "time-exceeded": (3, None),
    "unreachable": (1, None),
}  # fmt: skip

TCP_FLAGS = {"ack": 16, "fin": 1, "psh": 8, "rst": 4, "syn": 2, "urg": 32}


def _tcp(*ports: int) -> tuple[Service, ...]:
    return tuple(Service((6, 6), ALL_PORTS, (port, port)) for port in ports)


def _udp(*ports: int) -> tuple[Service, ...]:
    return tuple(Service((17, 17), ALL_PORTS, (port, port)) for port in ports)


# What `match protocol` of a zone policy stands for: the ports of the port-to-application map it ships with.
INSPECTED: dict[str, tuple[Service, ...]] = {
    "bootpc": _udp(68), "bootps": _udp(67), "dns": _tcp(53) + _udp(53), "ftp": _tcp(21), "ftps": _tcp(990),
    "h323": _tcp(1720), "http": _tcp(80), "https": _tcp(443), "icmp": (Service((1, 1)),), "imap": _tcp(143),
    "imaps": _tcp(993), "ipsec-msft": _udp(4500), "isakmp": _udp(500), "kerberos": _tcp(88) + _udp(88),
    "ldap": _tcp(389), "ldaps": _tcp(636), "ms-sql": _tcp(1433), "mysql": _tcp(3306), "nfs": _tcp(2049) + _udp(2049),
    "ntp": _udp(123), "pop3": _tcp(110), "pop3s": _tcp(995), "pptp": _tcp(1723), "radius": _udp(1812, 1813),
    "smtp": _tcp(25), "snmp": _udp(161), "snmptrap": _udp(162), "ssh": _tcp(22), "syslog": _udp(514),
    "tacacs": _tcp(49), "tcp": (Service((6, 6)),), "telnet": _tcp(23), "tftp": _udp(69), "udp": (Service((17, 17)),),
}  # fmt: skip
