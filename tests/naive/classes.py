"""What a first payload is, slowly and obviously: the twin of the kernel's classes, by name."""

from __future__ import annotations

import re
import struct

DNS_PORTS = {53, 5353, 5355}


def class_of(data: bytes, octets: int, protocol: int, ports: set[int]) -> str:
    """Name the class (as net.flow.Payload does) of a payload that had `octets` on the wire."""
    if protocol == 6:
        return stream(data, octets, ports)
    if protocol == 17:
        return datagram(data, octets, ports)
    return "OTHER"


def stream(data: bytes, octets: int, ports: set[int]) -> str:
    if len(data) < 3:
        return "OTHER"
    if data[0] in (0x14, 0x15, 0x16, 0x17) and data[1] == 3 and len(data) >= 6:
        return tls(data)
    if data[0] == 0x80 and data[2:4] == b"\1\3" and len(data) >= 5 and data[4] <= 3:
        return "TLS_CLIENT"
    if data[:2] == b"\3\0" and len(data) >= 7:
        return "RDP" if screen(data, ports) else "OTHER"
    if data[0] == 0 and data[4:8] in (b"\xfeSMB", b"\xffSMB", b"\xfdSMB"):
        return "SMB"
    words = {
        b"HTTP": "HTTP_RESPONSE", b"SSH-": "SSH", b"RFB ": "RFB", b"\x7f\x7fIC": "ICA", b"\x1aCGP": "ICA",
        b"+OK ": "POP3_SERVER", b"* OK": "IMAP_SERVER", b"* PR": "IMAP_SERVER", b"* BY": "IMAP_SERVER",
    }  # fmt: skip
    if data[:4] in words:
        return words[data[:4]]
    if request(data):
        return "HTTP_REQUEST"
    if data[:4] in (b"220 ", b"220-"):
        return greeting(data, "SMTP_OR_FTP_SERVER")
    if data[:4] in (b"421 ", b"554 "):
        return greeting(data, "OTHER")
    command = spoken(data, ports)
    if command:
        return command
    if data[0] == 0xFF:
        return "TELNET" if 0xFA <= data[1] <= 0xFE and data[2] <= 49 else "OTHER"
    if data[0] == 5:
        rpc = data[1] == 0 and data[2] <= 19 and data[4:8] in (b"\x10\0\0\0", bytes(4)) and len(data) >= 16
        socks = 1 <= data[1] <= 16 and octets == 2 + data[1] and data[2] <= 9
        return "MSRPC" if rpc else "SOCKS" if socks else "OTHER"
    if data[:2] in (b"\4\1", b"\4\2") and 9 <= len(data) == octets <= 512 and data[-1] == 0:
        return "SOCKS" if number(data, 2, 2) != octets else "OTHER"
    if data[0] == 0x30 and ldap(data):
        return "LDAP"
    if len(data) < 16:
        return "OTHER"
    size = number(data, 0, 2)
    if ports & {53, 5353} and size >= 12:
        return dns(data[2:]) or "OTHER"
    if number(data, 0, 4) < 1 << 20 and kerberos(data[4:]):
        return "KERBEROS"
    return "OPENVPN" if size < 1500 and openvpn(data[2:], size) else "OTHER"


def datagram(data: bytes, octets: int, ports: set[int]) -> str:
    if len(data) < 4:
        return "OTHER"
    if ports & DNS_PORTS and dns(data):
        return dns(data)
    mode = data[0] & 7
    if 123 in ports and 1 <= data[0] >> 3 & 7 <= 4 and mode and octets >= (8 if mode > 5 else 48):
        return "NTP"
    if data[1:4] == bytes(3) and wireguard(data, octets):
        return "WIREGUARD"
    if quic(data):
        return "QUIC"
    if len(data) >= 14 and 0x14 <= data[0] <= 0x19 and dtls(data, octets):
        return "DTLS"
    if data[0] == 0x30:
        return "SNMP" if snmp(data) else "LDAP" if ldap(data) else "OTHER"
    if kerberos(data):
        return "KERBEROS"
    if ike(data, octets) or (4500 in ports and data[:4] == bytes(4) and ike(data[4:], octets - 4)):
        return "IKE"
    if openvpn(data, octets):
        return "OPENVPN"
    return "RDP" if 3389 in ports and screen_datagram(data, octets) else "OTHER"


def tls(data: bytes) -> str:
    if data[2] > 4 or not 1 <= number(data, 3, 2) <= 0x4800:
        return "OTHER"
    if data[0] == 0x16 and data[5] in (1, 2) and (len(data) < 11 or data[9] == 3):
        return "TLS_CLIENT" if data[5] == 1 else "TLS_SERVER"
    return "TLS_RECORD"


def screen(data: bytes, ports: set[int]) -> bool:
    if data[5] not in (0xE0, 0xD0):
        return False
    if data[4] == 6 or len(data) < 12:
        return data[4] == 6 and 102 not in ports
    if data[11] in b"Cm":
        return True
    return data[11] in (1, 2, 3) and len(data) >= 14 and data[13] == 8


def screen_datagram(data: bytes, octets: int) -> bool:
    if len(data) < 8:
        return False
    flags = number(data, 6, 2)
    if flags & 1 and octets >= 1000:
        return data[:4] == b"\xff" * 4 or bool(flags & 4)
    return flags == 12 and len(data) >= 22 and 0x14 <= data[20] <= 0x17 and data[21] in (3, 0xFE)


def request(data: bytes) -> bool:
    """Methods stand whole, and are followed by a space if anything follows."""
    for method in (b"POST", b"HEAD"):
        if data[:4] == method:
            return data[4:5] in (b" ", b"")
    if data[:4] in (b"GET ", b"PUT "):
        return True
    if data[:4] == b"CONN":
        return data[7:8] in (b" ", b"") and data[8:9] != b"{"
    if data[:4] == b"OPTI":
        return data[7:8] in (b" ", b"") and (len(data) <= 8 or data[8:9] in (b"/", b"*", b"h"))
    if data[:4] == b"DELE":
        return data[6:7] in (b" ", b"")
    if data[:4] == b"PATC":
        return data[5:6] in (b" ", b"")
    return data[:4] == b"PROP" and len(data) > 9 and b" " in data[8:10]


def greeting(data: bytes, otherwise: str) -> str:
    line = data[4:256].split(b"\n")[0]
    # Letters alike but for case, as far as the kernel tells them: all octets with that bit set.
    folded = bytes(c | 0x20 for c in line)
    found = [
        (match.end(), name)
        for word, name in ((b"smtp", "SMTP_SERVER"), (b"(?<!t)ftp", "FTP_SERVER"))
        for match in re.finditer(word, folded)
    ]
    return max(found)[1] if found else otherwise


def spoken(data: bytes, ports: set[int]) -> str:
    word = bytes(c | 0x20 for c in data[:4])
    follow = data[4:5]
    if word in (b"ehlo", b"helo", b"lhlo"):
        return "SMTP_CLIENT" if follow in (b"", b" ", b"\r", b"\n") else ""
    if word in (b"capa", b"stls", b"apop"):
        return "POP3_CLIENT"
    if word == b"user" and data[4:64].split(b"\n")[0].count(b" ") <= 1:
        return "POP3_CLIENT" if 110 in ports else "FTP_CLIENT"
    if word == b"auth" and bytes(c | 0x20 for c in data[5:9]) in (b"tls-", b"ssl-"):
        return "FTP_CLIENT"
    if word in (b"feat", b"syst", b"opts") and len(data) >= 6 and follow in (b" ", b"\r"):
        return "FTP_CLIENT"
    return ""


def dns(data: bytes) -> str:
    if len(data) < 12:
        return ""
    _, flags, questions, answers, names, more = struct.unpack(">6H", data[:12])
    if flags >> 11 & 15 > 5 or questions > 64 or max(answers, names, more) > 1024:
        return ""
    if flags & 0x8000:
        return "DNS_RESPONSE"
    return "DNS_QUERY" if questions + answers else ""


def wireguard(data: bytes, octets: int) -> bool:
    sizes = {1: 148, 2: 92, 3: 64}
    if data[0] in sizes:
        return octets == sizes[data[0]]
    return data[0] == 4 and octets >= 32 and octets % 16 == 0 and data[14:16] == b"\0\0"


def quic(data: bytes) -> bool:
    if len(data) < 14:
        return False
    if data[0] < 0xC0:
        return data[0] < 0x40 and data[0] & 9 == 9 and data[9:11] == b"Q0"
    if data[1:3] in (b"Q0", b"T0"):
        return True
    versions = data[1:5] in (b"\0\0\0\1", b"\x6b\x33\x43\xcf") or data[1:4] in (b"\xff\0\0", b"\xfa\xce\xb0")
    return versions and data[5] <= 20


def dtls(data: bytes, octets: int) -> bool:
    size = number(data, 11, 2) + 13
    if data[1:3] in (b"\xfe\xff", b"\xfe\xfd"):
        return size <= octets
    return data[:4] == b"\x16\x01\0\0" and size == octets and data[13] in (1, 2, 3)


def content(data: bytes) -> bytes | None:
    """Give what stands behind a BER length."""
    if not data or data[0] == 0x80 or data[0] > 0x84:
        return None
    return data[1:] if data[0] < 0x80 else data[1 + data[0] - 0x80 :]


def snmp(data: bytes) -> bool:
    inner = content(data[1:])
    return inner is not None and inner[:4] in (b"\2\1\0\4", b"\2\1\1\4", b"\2\1\3\x30")


def ldap(data: bytes) -> bool:
    inner = content(data[1:])
    if inner is None or len(inner) < 4 or inner[0] != 2 or not 1 <= inner[1] <= 4:
        return False
    kind = inner[2 + inner[1] : 3 + inner[1]]
    return kind in (b"\x42", b"\x4a", b"\x50") or b"\x60" <= kind <= b"\x79"


def kerberos(data: bytes) -> bool:
    if len(data) < 8 or not (data[0] == 0x7E or 0x6A <= data[0] <= 0x6F):
        return False
    inner = content(data[1:])
    body = content(inner[1:]) if inner and inner[0] == 0x30 else None
    return body is not None and body[:5] in (b"\xa0\3\2\1\5", b"\xa1\3\2\1\5")


def ike(data: bytes, octets: int) -> bool:
    if len(data) < 28 or data[:8] == bytes(8) or number(data, 24, 4) != octets:
        return False
    exchanges = {0x10: {1, 2, 3, 4, 5, 6, 32, 33}, 0x20: set(range(34, 44))}
    return data[18] in exchanges.get(data[17], set())


def openvpn(data: bytes, size: int) -> bool:
    if len(data) < 14 or size < 14 or data[0] not in (0x38, 0x40, 0x50) or dns(data):
        return False
    clock = number(data, 13, 4) >= 0x4A000000 if len(data) >= 17 else False
    if size >= 54 and clock and number(data, 9, 4) in (1, 0x0F000001):
        return True
    if len(data) < size or data[size - 4 : size] != bytes(4):
        return False
    if data[0] == 0x38:
        return size in (14, 42, 54, 86) and data[size - 5] == 0
    return data[0] == 0x40 and size in (26, 54, 66, 98) and data[size - 17] == 1


def number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "big")
