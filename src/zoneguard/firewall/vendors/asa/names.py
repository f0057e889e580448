"""Names that Cisco ASA gives to protocols, ports and ICMP messages (General Operations CLI Guide, Addresses, Protocols, and Ports)."""

from __future__ import annotations

from zoneguard.firewall.known import PORTS, PROTOCOLS

ASA_PROTOCOLS = {
    **{name: PROTOCOLS[name] for name in (
        "ah", "eigrp", "esp", "gre", "icmp", "icmp6", "igmp", "igrp", "ipinip", "nos", "ospf", "pcp", "pim", "sctp", "tcp",
        "udp",
    )}, "ipsec": 50, "pptp": 47, "snp": 109,
}  # fmt: skip

# Kerberos, RADIUS and CIFS are not what the IANA registry says.
ASA_PORTS = {
    **{name: PORTS[name] for name in (
        "bgp", "bootpc", "bootps", "chargen", "cmd", "daytime", "discard", "domain", "echo", "exec", "finger", "ftp",
        "ftp-data", "gopher", "hostname", "http", "https", "ident", "imap4", "irc", "isakmp", "klogin", "kshell", "ldap",
        "ldaps", "login", "lpd", "nameserver", "netbios-dgm", "netbios-ns", "netbios-ssn", "nfs", "nntp", "ntp", "pop2",
        "pop3", "rip", "rtsp", "sip", "smtp", "snmp", "snmptrap", "sqlnet", "ssh", "sunrpc", "syslog", "tacacs", "talk",
        "telnet", "tftp", "time", "uucp", "who", "whois", "www", "xdmcp",
    )},
    "aol": 5190, "biff": 512, "cifs": 3020, "citrix-ica": 1494, "ctiqbe": 2748, "dnsix": 195, "h323": 1720,
    "kerberos": 750, "lotusnotes": 1352, "mobile-ip": 434, "pcanywhere-data": 5631, "pcanywhere-status": 5632,
    "pim-auto-rp": 496, "pptp": 1723, "radius": 1645, "radius-acct": 1646, "rpc": 111, "rsh": 514,
    "secureid-udp": 5510, "vxlan": 4789,
}  # fmt: skip

# Type and code; None is all codes.
ASA_ICMP: dict[str, tuple[int, int | None]] = {
    "alternate-address": (6, None), "conversion-error": (31, None), "echo": (8, None), "echo-reply": (0, None),
    "information-reply": (16, None), "information-request": (15, None), "mask-reply": (18, None),
    "mask-request": (17, None), "mobile-redirect": (32, None), "parameter-problem": (12, None), "redirect": (5, None),
    "router-advertisement": (9, None), "router-solicitation": (10, None), "source-quench": (4, None),
    "time-exceeded": (11, None), "timestamp-reply": (14, None), "timestamp-request": (13, None),
    "traceroute": (30, None), "unreachable": (3, None),
}  # fmt: skip

ASA_ICMP6: dict[str, tuple[int, int | None]] = {
    "echo": (128, None), "echo-reply": (129, None), "membership-query": (130, None), "membership-reduction": (132, None),
    "membership-report": (131, None), "neighbor-advertisement": (136, None), "neighbor-redirect": (137, None),
    "neighbor-solicitation": (135, None), "packet-too-big": (2, None), "parameter-problem": (4, None),
    "router-advertisement": (134, None), "router-renumbering": (138, None), "router-solicitation": (133, None),
    "time-exceeded": (3, None), "unreachable": (1, None),
}  # fmt: skip
