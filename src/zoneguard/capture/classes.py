"""First payloads to their classes, by their opening octets. Hot loop.

A class is given for words that hardly anything else begins with; a port decides only where a protocol has no
words of its own (DNS, NTP) or two share theirs. Every load is behind a comparison with `end`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.capture.decode import octet, word16, word32, word64
from zoneguard.capture.jit import inlined, kernel

if TYPE_CHECKING:
    from zoneguard.capture.layout import Octets

# net.flow.Payload, as the kernel writes it
(
    OTHER, TLS_CLIENT, TLS_SERVER, HTTP_REQUEST, HTTP_RESPONSE, SSH, RDP, RFB, SMB, SERVER_220,
    SMTP_CLIENT, FTP_CLIENT, DNS_QUERY, DNS_RESPONSE, SOCKS, ICA, QUIC, SMTP_SERVER, FTP_SERVER, POP3_SERVER,
    POP3_CLIENT, IMAP_SERVER, TLS_RECORD, DTLS, WIREGUARD, OPENVPN, IKE, TELNET, LDAP, KERBEROS,
    NTP, SNMP, MSRPC,
) = range(1, 34)  # fmt: skip

LEAST = 3  # octets of which a class may be told
LOWER = 0x20202020  # ASCII letters to lower case; some other octets become alike, none of them in these words
EARLIEST = (
    0x4A000000  # seconds since 1970: when the clock of an OpenVPN client stands before 2009, it is not told
)
BANNER = 256  # octets of a greeting in which the name of its protocol is looked for


@kernel
def classify(b: Octets, at: int, end: int, octets: int, protocol: int, source_port: int, port: int) -> int:
    """Tell the class of the payload in `b[at:end]`, which had `octets` on the wire; it is not kept."""
    if protocol == 6:
        return of_stream(b, at, end, octets, source_port, port)
    if protocol == 17:
        return of_datagram(b, at, end, octets, source_port, port)
    return OTHER


@inlined
def of_stream(b: Octets, at: int, end: int, octets: int, source_port: int, port: int) -> int:
    """Tell the class of the first payload of one direction of a TCP connection."""
    have = end - at
    if have < LEAST:
        return OTHER
    w = word16(b, at) << 16 | octet(b, at + 2) << 8
    if have > 3:
        w |= octet(b, at + 3)
    if 0x14 <= w >> 24 <= 0x17 and w >> 16 & 0xFF == 3 and have >= 6:
        return tls(b, at, end)
    if w >> 24 == 0x80 and have >= 5 and w & 0xFF == 3 and w >> 8 & 0xFF == 1 and octet(b, at + 4) <= 3:
        return TLS_CLIENT  # an SSL 2.0 hello that offers 3.x (RFC 5246 appendix E.2)
    if w >> 16 == 0x0300 and have >= 7:
        return RDP if is_screen(b, at, end, source_port, port) else OTHER
    if have >= 8 and w >> 24 == 0 and word32(b, at + 4) in (0xFE534D42, 0xFF534D42, 0xFD534D42):
        return SMB
    if w == 0x48545450:  # HTTP
        return HTTP_RESPONSE
    if w == 0x5353482D:  # SSH-
        return SSH
    if is_request(b, at, end, w):
        return HTTP_REQUEST
    if w == 0x52464220:  # RFB and a space
        return RFB
    if w == 0x7F7F4943 or w == 0x1A434750:  # ICA; CGP
        return ICA
    if w in (0x32323020, 0x3232302D):  # "220 " and "220-"
        return greeting(b, at, end, SERVER_220)
    if w in (0x34323120, 0x35353420):  # 421 and 554: a server that refuses
        return greeting(b, at, end, OTHER)
    if w == 0x2B4F4B20:  # "+OK "
        return POP3_SERVER
    if w in (0x2A204F4B, 0x2A205052, 0x2A204259):  # "* OK", "* PREAUTH", "* BYE"
        return IMAP_SERVER
    kind = mail_or_file_command(b, at, end, w | LOWER, source_port, port)
    if kind != OTHER:
        return kind
    if w >> 24 == 0xFF:
        # IAC and WILL, WON'T, DO, DON'T or SB (RFC 854), then an option; 49 is the last one in use.
        return TELNET if 0xFA <= w >> 16 & 0xFF <= 0xFE and w >> 8 & 0xFF <= 49 else OTHER
    if w >> 24 == 5:
        if have >= 16 and is_rpc(b, at, w):
            return MSRPC
        # SOCKS 5 (RFC 1928): the number of methods tells the length.
        methods = w >> 16 & 0xFF
        return SOCKS if 1 <= methods <= 16 and octets == 2 + methods and w >> 8 & 0xFF <= 9 else OTHER
    if w >> 16 in (0x0401, 0x0402) and have >= 9 and have == octets <= 512 and octet(b, end - 1) == 0:
        # SOCKS 4; an answer of TDS begins alike, with its own length where this has a port.
        return SOCKS if w & 0xFFFF != octets else OTHER
    if w >> 24 == 0x30 and is_ldap(b, at, end):
        return LDAP
    if have >= 16 and (port in (53, 5353) or source_port in (53, 5353)) and w >> 16 >= 12:
        return dns(b, at + 2, end)
    if have >= 16 and w < 0x100000 and is_kerberos(b, at + 4, end):
        return KERBEROS
    if have >= 16 and w >> 16 < 1_500 and is_openvpn(b, at + 2, end, w >> 16):
        return OPENVPN
    return OTHER


@inlined
def of_datagram(b: Octets, at: int, end: int, octets: int, source_port: int, port: int) -> int:
    """Tell the class of the first datagram of one direction."""
    have = end - at
    if have < 4:
        return OTHER
    w = word32(b, at)
    first = w >> 24
    if port in (53, 5353, 5355) or source_port in (53, 5353, 5355):
        kind = dns(b, at, end)
        if kind != OTHER:
            return kind
    if (port == 123 or source_port == 123) and 1 <= first >> 3 & 7 <= 4 and first & 7 != 0:
        # RFC 5905 figure 8; modes 6 and 7 are queries of its state, which are shorter.
        if octets >= (48 if first & 7 < 6 else 8):
            return NTP
    if w & 0x00FFFFFF == 0 and 1 <= first <= 4:
        if is_wireguard(b, at, end, octets, first):
            return WIREGUARD
    if first >= 0xC0 or first & 0x09 == 0x09:
        if is_quic(b, at, have, first):
            return QUIC
    if have >= 14 and 0x14 <= first <= 0x19 and is_dtls(b, at, octets, w):
        return DTLS
    if first == 0x30:
        if is_snmp(b, at, end):
            return SNMP
        return LDAP if is_ldap(b, at, end) else OTHER
    if 0x6A <= first <= 0x7E and is_kerberos(b, at, end):
        return KERBEROS
    if have >= 28:
        if is_ike(b, at, end, octets):
            return IKE
        if w == 0 and (port == 4500 or source_port == 4500) and is_ike(b, at + 4, end, octets - 4):
            return IKE  # behind the non-ESP marker (RFC 3948 section 2.2)
    if is_openvpn(b, at, end, octets):
        return OPENVPN
    if (port == 3389 or source_port == 3389) and is_screen_datagram(b, at, end, octets, w):
        return RDP
    return OTHER


@inlined
def tls(b: Octets, at: int, end: int) -> int:
    """Tell hellos from other records of TLS (RFC 8446 section 5.1); six octets are there."""
    if octet(b, at + 2) > 4 or not 1 <= word16(b, at + 3) <= 0x4800:
        return OTHER
    kind = octet(b, at + 5)
    if octet(b, at) != 0x16 or kind < 1 or kind > 2:
        return TLS_RECORD
    # What is encrypted may look like the type of a hello, but not like its version too.
    if end - at >= 11 and octet(b, at + 9) != 3:
        return TLS_RECORD
    return TLS_CLIENT if kind == 1 else TLS_SERVER


@inlined
def is_screen(b: Octets, at: int, end: int, source_port: int, port: int) -> bool:
    """Tell a connection request or confirm of RDP (MS-RDPBCGR 2.2.1.1) from others behind a TPKT header.

    H.323, S7 and MMS use the same headers, with their own parameters or none, on port 102.
    """
    if octet(b, at + 5) not in (0xE0, 0xD0):
        return False
    if end - at < 12:
        return octet(b, at + 4) == 6 and port != 102 and source_port != 102
    # A cookie or routing token, or a negotiation (request, response, failure).
    kind = octet(b, at + 11)
    if octet(b, at + 4) == 6:
        return port != 102 and source_port != 102
    return kind == 0x43 or kind == 0x6D or (1 <= kind <= 3 and end - at >= 14 and octet(b, at + 13) == 8)


@inlined
def is_screen_datagram(b: Octets, at: int, end: int, octets: int, w: int) -> bool:
    """Tell the opening of RDP over UDP (MS-RDPEUDP 2.2), or a datagram of it that carries TLS or DTLS."""
    if end - at < 8:
        return False
    flags = word16(b, at + 6)
    if flags & 1 and octets >= 1_000:  # a SYN is filled up to the size of the path
        return w == 0xFFFFFFFF or flags & 4 != 0
    return (
        flags == 0x000C
        and end - at >= 22
        and octet(b, at + 20) in (0x14, 0x15, 0x16, 0x17)
        and (octet(b, at + 21) in (0x03, 0xFE))
    )


@inlined
def is_request(b: Octets, at: int, end: int, w: int) -> bool:
    """Tell a request of HTTP by its method, and by what it asks for where others have such a method too."""
    if w in (0x47455420, 0x50555420):  # "GET ", "PUT "
        return True
    if w in (0x504F5354, 0x48454144):  # POST, HEAD
        return is_space(b, at + 4, end)
    if w == 0x434F4E4E:  # CONNECT; of NATS too
        return is_space(b, at + 7, end) and not (end - at > 8 and octet(b, at + 8) == 0x7B)
    if w == 0x4F505449:  # OPTIONS; of RTSP and SIP too
        return is_space(b, at + 7, end) and (end - at <= 8 or octet(b, at + 8) in (0x2F, 0x2A, 0x68))
    if w == 0x44454C45:  # DELETE
        return is_space(b, at + 6, end)
    if w == 0x50415443:  # PATCH
        return is_space(b, at + 5, end)
    # PROPFIND, PROPPATCH (RFC 4918)
    return w == 0x50524F50 and end - at > 9 and (octet(b, at + 8) == 0x20 or octet(b, at + 9) == 0x20)


@inlined
def is_space(b: Octets, at: int, end: int) -> bool:
    """Tell whether a space stands at `at`, or was cut off."""
    return at >= end or octet(b, at) == 0x20


@inlined
def greeting(b: Octets, at: int, end: int, otherwise: int) -> int:
    """Tell SMTP from FTP by the word that stands last in the first line of a server's greeting."""
    found = otherwise
    stop = min(end, at + BANNER)
    recent = 0
    for i in range(at + 4, stop):
        c = octet(b, i)
        if c == 0x0A:
            break
        recent = (recent << 8 | c | 0x20) & 0xFFFFFFFF
        if recent == 0x736D7470:  # smtp
            found = SMTP_SERVER
        elif recent & 0xFFFFFF == 0x667470 and recent >> 24 != 0x74:  # ftp, but no tftp
            found = FTP_SERVER
    return found


@inlined
def mail_or_file_command(b: Octets, at: int, end: int, w: int, source_port: int, port: int) -> int:
    """Tell the first commands of clients of SMTP, FTP and POP3; `w` is in lower case."""
    if w in (0x65686C6F, 0x68656C6F, 0x6C686C6F):  # ehlo, helo, lhlo
        return SMTP_CLIENT if end - at < 5 or octet(b, at + 4) in (0x20, 0x0D, 0x0A) else OTHER
    if w in (0x63617061, 0x73746C73, 0x61706F70):  # capa, stls, apop
        return POP3_CLIENT
    if w == 0x75736572:  # user; with more than one word after it that of IRC (RFC 2812 section 3.1.3)
        words = 0
        for i in range(at + 4, min(end, at + 64)):
            c = octet(b, i)
            if c == 0x0A:
                break
            words += 1 if c == 0x20 else 0
        if words > 1:
            return OTHER
        return POP3_CLIENT if port == 110 or source_port == 110 else FTP_CLIENT
    if w == 0x61757468 and end - at >= 9:  # auth tls, auth ssl (RFC 4217)
        return FTP_CLIENT if word32(b, at + 5) | LOWER in (0x746C732D, 0x73736C2D) else OTHER
    if w in (0x66656174, 0x73797374, 0x6F707473):  # feat, syst, opts
        return FTP_CLIENT if end - at >= 6 and octet(b, at + 4) in (0x20, 0x0D) else OTHER
    return OTHER


@inlined
def dns(b: Octets, at: int, end: int) -> int:
    """Tell queries and responses of DNS by a header that makes sense (RFC 1035 section 4.1.1)."""
    if end - at < 12:
        return OTHER
    flags = word16(b, at + 2)
    questions = word16(b, at + 4)
    answers = word16(b, at + 6)
    if flags >> 11 & 15 > 5 or questions > 64 or answers > 1_024 or word16(b, at + 8) > 1_024:
        return OTHER
    if word16(b, at + 10) > 1_024 or (flags & 0x8000 == 0 and questions + answers == 0):
        return OTHER
    return DNS_RESPONSE if flags & 0x8000 else DNS_QUERY


@inlined
def is_wireguard(b: Octets, at: int, end: int, octets: int, kind: int) -> bool:
    """Tell the four messages of WireGuard (whitepaper section 5.4) by type, reserved zeros and size."""
    if kind == 1:
        return octets == 148
    if kind == 2:
        return octets == 92
    if kind == 3:
        return octets == 64
    # The counter of transported data is little-endian and does not get far.
    return octets >= 32 and octets & 15 == 0 and end - at >= 16 and word16(b, at + 14) == 0


@inlined
def is_quic(b: Octets, at: int, have: int, first: int) -> bool:
    """Tell long headers of QUIC with a version that is known (RFC 9000, RFC 9369, drafts, Google's, Facebook's)."""
    if have < 14:
        return False
    if first < 0xC0:  # Google's public header: with a version, behind an identification of eight octets
        return first & 0xC0 == 0 and word16(b, at + 9) == 0x5130
    version = word32(b, at + 1)
    if version >> 16 in (0x5130, 0x5430):  # Q0.., T0..
        return True
    known = version in (1, 0x6B3343CF) or version >> 8 in (0xFF0000, 0xFACEB0)
    return known and octet(b, at + 5) <= 20


@inlined
def is_dtls(b: Octets, at: int, octets: int, w: int) -> bool:
    """Tell records of DTLS 1.0 and 1.2, which 1.3 uses too, and hellos of the version before (Cisco's 0x0100)."""
    size = word16(b, at + 11) + 13
    version = w >> 8 & 0xFFFF
    if version in (0xFEFF, 0xFEFD):
        return size <= octets
    return w == 0x16010000 and size == octets and 1 <= octet(b, at + 13) <= 3


@inlined
def behind_length(b: Octets, at: int, end: int) -> int:
    """Give where the content of a BER element begins whose length stands at `at`; -1 when there is none."""
    if at >= end:
        return -1
    size = octet(b, at)
    if size < 0x80:
        return at + 1
    if size > 0x84 or size == 0x80:
        return -1
    return at + 1 + size - 0x80


@inlined
def is_snmp(b: Octets, at: int, end: int) -> bool:
    """Tell a message of SNMP 1, 2c or 3 (RFC 1157, RFC 3412): version, then community or header."""
    p = behind_length(b, at + 1, end)
    if p < 0 or end - p < 4 or word16(b, p) != 0x0201:
        return False
    version = octet(b, p + 2)
    follow = octet(b, p + 3)
    return (version <= 1 and follow == 0x04) or (version == 3 and follow == 0x30)


@inlined
def is_ldap(b: Octets, at: int, end: int) -> bool:
    """Tell a message of LDAP (RFC 4511 section 4.1.1): its number, then an operation."""
    p = behind_length(b, at + 1, end)
    if p < 0 or end - p < 4 or octet(b, p) != 0x02:
        return False
    size = octet(b, p + 1)
    if size < 1 or size > 4 or p + 2 + size >= end:
        return False
    kind = octet(b, p + 2 + size)
    return kind == 0x42 or kind == 0x4A or kind == 0x50 or 0x60 <= kind <= 0x79


@inlined
def is_kerberos(b: Octets, at: int, end: int) -> bool:
    """Tell the messages of Kerberos 5 (RFC 4120 section 5.4 to 5.9): tag, sequence, version."""
    if end - at < 8:
        return False
    kind = octet(b, at)
    if kind != 0x7E and (kind < 0x6A or kind > 0x6F):
        return False
    p = behind_length(b, at + 1, end)
    if p < 0 or p >= end or octet(b, p) != 0x30:
        return False
    p = behind_length(b, p + 1, end)
    if p < 0 or end - p < 5:
        return False
    return octet(b, p) in (0xA0, 0xA1) and word32(b, p + 1) == 0x03020105


@inlined
def is_ike(b: Octets, at: int, end: int, octets: int) -> bool:
    """Tell a message of IKE 1 or 2 (RFC 2408 section 3.1, RFC 7296 section 3.1): version, exchange, length."""
    if end - at < 28 or word64(b, at) == 0 or word32(b, at + 24) != octets:
        return False
    version = octet(b, at + 17)
    exchange = octet(b, at + 18)
    if version == 0x10:
        return 1 <= exchange <= 6 or 32 <= exchange <= 33
    return version == 0x20 and 34 <= exchange <= 43


@inlined
def is_openvpn(b: Octets, at: int, end: int, size: int) -> bool:
    """Tell the resets that open an OpenVPN session, plain or under tls-auth, tls-crypt or tls-crypt-v2.

    Of `size` octets: opcode, session (8), what protects it, acknowledgements, packet number 0.
    """
    if end - at < 14 or size < 14:
        return False
    kind = octet(b, at)
    if kind != 0x38 and kind != 0x40 and kind != 0x50:
        return False
    if dns(b, at, end) != OTHER:  # DNS on a port of its own, by chance with such a number
        return False
    if size >= 54 and end - at >= 17 and word32(b, at + 13) >= EARLIEST:
        number = word32(b, at + 9)
        if number == 1 or number == 0x0F000001:
            return True
    if end - at < size:
        return False
    if kind == 0x38 and size in (14, 42, 54, 86):
        return octet(b, at + size - 5) == 0 and word32(b, at + size - 4) == 0
    return (
        kind == 0x40
        and size in (26, 54, 66, 98)
        and octet(b, at + size - 17) == 1
        and word32(b, at + size - 4) == 0
    )


@inlined
def is_rpc(b: Octets, at: int, w: int) -> bool:
    """Tell a message of DCE/RPC 5 over a connection (C706 chapter 12): version, type, order of octets."""
    return w >> 16 == 0x0500 and w >> 8 & 0xFF <= 19 and word32(b, at + 4) in (0x10000000, 0x00000000)
