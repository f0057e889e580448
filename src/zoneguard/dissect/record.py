"""What a look into one flow told: types, names of protocols and counts; never payload.

Names that a client asked for (of a server, a host behind a proxy) are kept, since rules hold them against lists;
subjects, mail addresses, account names, file names and bodies never are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

MOST_LOOKS = 200  # flows that are opened for each question, unless told otherwise


class Sight(StrEnum):
    """How much of a flow there was to look at."""

    WHOLE = "whole"  # from its first octet, without a gap, to its end
    OPENING = (
        "opening"  # from its first octet, but not to its end: cut off, a gap, or beyond what is looked at
    )
    MIDDLE = "middle"  # not from its beginning
    NOTHING = "nothing"  # no payload was recorded, or the packets could not be read again


class Spoken(StrEnum):
    """A protocol that showed itself beyond doubt, by its own opening words or by a dissector."""

    TLS = "tls"
    QUIC = "quic"
    DTLS = "dtls"
    HTTP = "http"
    SSH = "ssh"
    RDP = "rdp"
    RFB = "rfb"
    ICA = "ica"
    SMB = "smb"
    SMTP = "smtp"
    FTP = "ftp"
    POP3 = "pop3"
    IMAP = "imap"
    TELNET = "telnet"
    LDAP = "ldap"
    KERBEROS = "kerberos"
    DNS = "dns"
    SOCKS = "socks"
    WIREGUARD = "wireguard"
    OPENVPN = "openvpn"
    IKE = "ike"
    NTP = "ntp"
    SNMP = "snmp"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsSeen:
    """What the unencrypted part of a TLS, DTLS or QUIC handshake says (RFC 8446, RFC 9001)."""

    server_name: str | None  # SNI, lower case, without a trailing dot; with ECH the outer name
    alpn: tuple[str, ...] = ()
    offered: tuple[int, ...] = ()  # versions of the client, highest first: 0x0304 is TLS 1.3; GREASE left out
    chosen: int | None = None  # version of the ServerHello; None: not seen
    encrypted_hello: bool = False  # ECH (extension 65037) or ESNI was there
    ja4: str | None = None  # FoxIO JA4; None without a whole ClientHello


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxySeen:
    """What a client asked a proxy for: HTTP CONNECT, an absolute request target, or SOCKS."""

    how: str  # "connect", "absolute", "socks4", "socks5"
    host: str  # lower case, name or address
    port: int
    accepted: bool | None  # None: the answer was not seen
    others: tuple[
        tuple[str, int], ...
    ] = ()  # further hosts and ports that later absolute requests of the same connection name


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSeen:
    """A request in clear HTTP: its method and the host it names."""

    method: str
    host: str | None
    upgrade: str | None = None  # "websocket", "h2c"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScreenSeen:
    """The opening of a screen protocol."""

    protocol: Spoken  # RDP, RFB or ICA
    security: str | None = None  # rdp: "rdp", "tls", "credssp" …, rfb: "none", "vnc", "vencrypt" …
    channels: tuple[
        str, ...
    ] = ()  # RDP virtual channels told in clear: rdpdr is drive redirection, cliprdr clipboard
    clipboard: int = 0  # RFB cut-text messages seen in clear, both directions


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSeen:
    """One message of an SMTP dialogue, by counts and types."""

    parts: tuple[tuple[str, int], ...] = ()  # (content type in lower case, how many leaf parts of it), sorted
    attachments: int = 0  # parts with a file name or Content-Disposition: attachment
    nested: int = 0  # message/rfc822 parts
    html: int = 0  # parts whose body is HTML, whatever their type says
    opaque: int = 0  # text parts whose body holds encoded blobs (base64, uuencode, yEnc) or binary octets
    tnef: int = 0
    charsets: tuple[str, ...] = ()
    whole: bool = True  # False: the message was not seen to its end
    active: int = (
        0  # parts of types that carry programs or macros, by type, magic number or file name's suffix
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogueSeen:
    """An SMTP dialogue."""

    messages: tuple[MailSeen, ...] = ()
    encrypted: bool = False  # STARTTLS was accepted, or TLS came first: what follows cannot be seen
    refused: int = 0  # messages whose DATA or BDAT the server did not accept


@dataclass(frozen=True, slots=True, kw_only=True)
class NamesSeen:
    """What was asked of a DNS server, by shape; a name is kept as its registrable end only."""

    queries: int = 0
    answered: int = 0  # queries answered with NOERROR and at least one record
    suffixes: tuple[
        tuple[str, int], ...
    ] = ()  # (last labels: two, three under *.jp second levels; count), most first
    longest: int = 0  # octets of the longest name asked
    types: tuple[tuple[str, int], ...] = ()  # (type: "A", "TXT", "NULL" …; count)
    distinct: int = 0  # distinct names, at most what is counted
    octets: int = 0  # of names asked and TXT and NULL data answered
    # (name asked, address answered), to be held against lists of destinations; never shown as such
    addresses: tuple[tuple[str, str], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesSeen:
    """A file-transfer dialogue (SMB, FTP, TFTP, SFTP by its banner): counts, never names."""

    protocol: str  # "smb1", "smb2", "ftp", "tftp"
    reads: int = 0
    writes: int = 0
    encrypted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What was found in one flow. An absent record means: not seen; it never means: not there."""

    sight: Sight
    spoken: Spoken | None = None  # of the outermost layer
    inside: Spoken | None = None  # of the layer within: behind a proxy's, STARTTLS's or RDP's agreement
    tls: TlsSeen | None = None  # also when TLS followed a proxy's, STARTTLS's or RDP's agreement
    proxy: ProxySeen | None = None
    web: WebSeen | None = None
    screen: ScreenSeen | None = None
    dialogue: DialogueSeen | None = None
    names: NamesSeen | None = None
    files: FilesSeen | None = None
    banner: str | None = None  # SSH software version (RFC 4253 section 4.2), at most 64 printable characters
    numbers: int = (
        0  # 12-digit runs in clear payload whose last digit is the check digit of an individual number
    )
    troubles: tuple[str, ...] = ()  # keys of what kept the look from seeing more; see dissect/trouble.py
