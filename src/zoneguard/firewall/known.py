"""Names of protocols, ports and ICMP types that exports of several formats use (IANA registries)."""

from __future__ import annotations

PROTOCOLS = {
    "icmp": 1, "igmp": 2, "ipip": 4, "ipinip": 4, "tcp": 6, "egp": 8, "igrp": 9, "udp": 17, "ipv6": 41, "rsvp": 46,
    "gre": 47, "esp": 50, "ah": 51, "ahp": 51, "icmp6": 58, "icmpv6": 58, "ipv6-icmp": 58, "eigrp": 88,
    "ospf": 89, "ospfigp": 89, "nos": 94, "pim": 103, "pcp": 108, "vrrp": 112, "l2tp": 115, "sctp": 132,
    "udplite": 136,
}  # fmt: skip

# Ports by the names of the IANA registry and of /etc/services. A vendor's own spelling stands in its module.
PORTS = {
    "tcpmux": 1, "echo": 7, "discard": 9, "systat": 11, "daytime": 13, "qotd": 17, "chargen": 19, "ftp-data": 20,
    "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "time": 37, "nameserver": 42, "whois": 43, "tacacs": 49,
    "domain": 53, "bootps": 67, "bootpc": 68, "tftp": 69, "gopher": 70, "finger": 79, "http": 80, "www": 80,
    "kerberos": 88, "hostname": 101, "pop2": 109, "pop3": 110, "sunrpc": 111, "ident": 113, "auth": 113, "nntp": 119,
    "ntp": 123, "epmap": 135, "netbios-ns": 137, "netbios-dgm": 138, "netbios-ssn": 139, "imap": 143, "imap2": 143,
    "imap4": 143, "snmp": 161, "snmptrap": 162, "snmp-trap": 162, "xdmcp": 177, "bgp": 179, "irc": 194, "ldap": 389,
    "svrloc": 427, "https": 443, "microsoft-ds": 445, "kpasswd": 464, "submissions": 465, "smtps": 465,
    "isakmp": 500, "exec": 512, "login": 513, "who": 513, "shell": 514, "cmd": 514, "syslog": 514, "printer": 515,
    "lpd": 515, "talk": 517, "rip": 520, "uucp": 540, "klogin": 543, "kshell": 544, "rtsp": 554, "submission": 587,
    "ldaps": 636, "ldp": 646, "rsync": 873, "ftps-data": 989, "ftps": 990, "imaps": 993, "pop3s": 995,
    "socks": 1080, "openvpn": 1194, "ms-sql-s": 1433, "ms-sql-m": 1434, "sqlnet": 1521, "radius": 1812,
    "radius-acct": 1813, "nfs": 2049, "squid": 3128, "mysql": 3306, "ms-wbt-server": 3389, "ipsec-nat-t": 4500,
    "sip": 5060, "sips": 5061, "postgresql": 5432, "vnc": 5900, "http-alt": 8080, "http-proxy": 8080,
}  # fmt: skip

ICMP_TYPES = {
    "echo-reply": 0, "pong": 0, "destination-unreachable": 3, "unreachable": 3, "source-quench": 4, "redirect": 5,
    "echo-request": 8, "echo": 8, "ping": 8, "router-advertisement": 9, "router-solicitation": 10,
    "time-exceeded": 11, "ttl-exceeded": 11, "parameter-problem": 12, "timestamp-request": 13,
    "timestamp-reply": 14, "information-request": 15, "information-reply": 16, "address-mask-request": 17,
    "address-mask-reply": 18, "mask-request": 17, "mask-reply": 18, "traceroute": 30,
}  # fmt: skip

ICMP6_TYPES = {
    "destination-unreachable": 1, "no-route": 1, "packet-too-big": 2, "time-exceeded": 3, "ttl-exceeded": 3,
    "parameter-problem": 4, "echo-request": 128, "ping": 128, "echo-reply": 129, "pong": 129,
    "router-solicitation": 133, "router-advertisement": 134, "neighbour-solicitation": 135,
    "neighbor-solicitation": 135, "neighbour-advertisement": 136, "neighbor-advertisement": 136,
    "nd-router-solicit": 133, "nd-router-advert": 134, "nd-neighbor-solicit": 135, "nd-neighbor-advert": 136,
    "redirect": 137, "nd-redirect": 137,
}  # fmt: skip
