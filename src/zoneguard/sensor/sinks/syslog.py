"""RFC 5424 syslog over UDP (RFC 5426), TCP with counted octets (RFC 6587) or TLS (RFC 5425).

Over UDP nobody tells whether anything arrives.
"""

from __future__ import annotations

import select
import socket
import ssl
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity
from zoneguard.findings.lifecycle import Change
from zoneguard.report.harmless import harmless
from zoneguard.report.when import moment
from zoneguard.sensor.config import Transport
from zoneguard.sensor.messages import notices_of, told_of
from zoneguard.sensor.sinks.base import SinkUnavailable
from zoneguard.sensor.sinks.wording import CHANGES, counts_of, summary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo
    from pathlib import Path

    from zoneguard.sensor.messages import Told
    from zoneguard.sensor.sinks.base import Outgoing
    from zoneguard.text import Lang

FACILITY = 13  # log audit
_SEVERITIES = {
    Severity.CRITICAL: 2,
    Severity.HIGH: 3,
    Severity.MEDIUM: 4,
    Severity.LOW: 5,
    Severity.INFO: 6,
}
_NOTICE, _WARNING = 5, 4
_MOST_SEQUENCE = 2_147_483_647  # RFC 5424 7.3.1: then it begins at 1 again
_SD_ID = "zoneguard@32473"  # 32473 is the number for examples (RFC 5612): we have none of our own
_LET_IN_SECONDS = 2.0  # servers that send no tickets cost us this much a delivery
_MOST_HOST, _MOST_VALUE = 255, 500
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to: host and port, and for TLS whom to trust (without `ca`, the system's) and who we are."""

    host: str
    port: int
    transport: Transport = Transport.TLS
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    timeout: float = 10


class Syslog:
    """Sends one frame for each thing a message tells.

    Over TCP and TLS each delivery is a connection of its own that is closed in our direction and then read to its end:
    the only way to learn that the receiver took everything, for syslog knows no answer.
    """

    def __init__(
        self, address: Address, *, zone: tzinfo, lang: Lang = "ja", facility: int = FACILITY
    ) -> None:
        self._address = address
        self._zone = zone
        self._lang = lang
        self._facility = facility
        # RFC 5426 3.2: 2048 octets should pass; RFC 5425 4.3.1: receivers should take 8192.
        self._most = 2048 if address.transport is Transport.UDP else 8192

    def deliver(self, messages: Sequence[Outgoing]) -> None:
        """Send all frames of all messages."""
        frames = [
            frame
            for message in messages
            for frame in syslog_frames(
                message, zone=self._zone, lang=self._lang, most=self._most, facility=self._facility
            )
        ]
        where = self._address
        try:
            if where.transport is Transport.UDP:
                self._send_datagrams(frames)
            else:
                self._send_stream(b"".join(b"%d %s" % (len(frame), frame) for frame in frames))
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError; ValueError: a name that is none
            said = " ".join(str(error).split()) or type(error).__name__
            raise SinkUnavailable(f"syslog {where.transport} {where.host}:{where.port}: {said}") from error

    def close(self) -> None:
        """Nothing is held between deliveries."""

    def _send_datagrams(self, frames: Sequence[bytes]) -> None:
        where = self._address
        family, kind, protocol, _, address = socket.getaddrinfo(
            where.host, where.port, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind, protocol) as sender:
            sender.settimeout(where.timeout)
            sender.connect(address)
            for frame in frames:
                sender.send(frame)

    def _send_stream(self, octets: bytes) -> None:
        where = self._address
        with socket.create_connection((where.host, where.port), where.timeout) as raw:
            if where.transport is Transport.TCP:
                raw.sendall(octets)
                raw.shutdown(socket.SHUT_WR)
                _read_to_end(raw)
                return
            with _trusting(where).wrap_socket(raw, server_hostname=where.host) as secured:
                _see_that_we_are_let_in(secured)
                secured.sendall(octets)
                try:
                    secured.unwrap()
                except (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError):
                    return  # closed without a farewell, after it took what we sent
                except TimeoutError:
                    _see_that_all_is_acknowledged(secured)


def syslog_frames(
    message: Outgoing, *, zone: tzinfo, lang: Lang, most: int, facility: int = FACILITY
) -> Iterator[bytes]:
    """Write one RFC 5424 message for each thing told, of at most so many octets (the text is cut)."""
    place = 0
    texts = notices_of(message.body)
    if message.kind == "digest":
        texts.insert(0, summary(counts_of(message.body)))
    for text in texts:
        data = {"key": f"{message.key}#{place}", "kind": message.kind}
        yield _frame(
            message,
            text.in_(lang),
            data,
            place=place,
            priority=facility * 8 + _WARNING,
            kind="notice",
            zone=zone,
            most=most,
        )
        place += 1
    for one in told_of(message.body):
        severity = _NOTICE if one.change is Change.GONE else _SEVERITIES[one.finding.severity]
        data = _data(message, one, place)
        finding = one.finding
        said = f"{CHANGES[one.change].in_(lang)} {finding.rule} {finding.title.in_(lang)}: {finding.message.in_(lang)}"
        yield _frame(
            message,
            said,
            data,
            place=place,
            priority=facility * 8 + severity,
            kind="finding",
            zone=zone,
            most=most,
        )
        place += 1


def _frame(
    message: Outgoing,
    said: str,
    data: dict[str, str],
    *,
    place: int,
    priority: int,
    kind: str,
    zone: tzinfo,
    most: int,
) -> bytes:
    sequence = (message.sequence - 1) % _MOST_SEQUENCE + 1
    params = "".join(f' {name}="{_escaped(value)}"' for name, value in data.items())
    head = (
        f"<{priority}>1 {_time(message.body['at'], zone)} {_host(message.body['sensor'])}"
        f' zoneguard - {kind} [meta sequenceId="{sequence}"][{_SD_ID} item="{place}"{params}] '
    ).encode("utf-8", "backslashreplace")
    text = harmless(said).encode("utf-8", "backslashreplace")
    room = max(most - len(head) - len(_BOM), 0)
    return head + _BOM + text[:room].decode("utf-8", "ignore").encode()


def _data(message: Outgoing, one: Told, place: int) -> dict[str, str]:
    finding = one.finding
    values = {
        "key": f"{message.key}#{place}",
        "change": one.change.value,
        "rule": finding.rule,
        "severity": finding.severity.value,
        "verdict": finding.verdict.value,
        "fingerprint": finding.fingerprint,
        "origZone": finding.orig and finding.orig.zone,
        "respZone": finding.resp and finding.resp.zone,
        "src": finding.orig and finding.orig.address,
        "dst": finding.resp and finding.resp.address,
        "service": finding.service,
        "state": finding.state,
        "device": finding.device,
    }
    return {name: value for name, value in values.items() if value}


def _escaped(value: str) -> str:
    """Escape a parameter's value (RFC 5424 6.3.3) after what no log should hold was made visible."""
    shown = harmless(value)[:_MOST_VALUE]
    return shown.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _host(sensor: str) -> str:
    return "".join(char if "!" <= char <= "~" else "_" for char in sensor)[:_MOST_HOST] or "-"


def _time(time: int, zone: tzinfo) -> str:
    return moment(time, zone).isoformat(timespec="microseconds")


def _trusting(where: Address) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=where.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if where.certificate is not None:
        context.load_cert_chain(where.certificate, where.key)
    return context


def _read_to_end(connection: socket.socket) -> None:
    """Wait until the receiver closes too; one that never does has taken all when nothing is unacknowledged."""
    try:
        while connection.recv(4096):
            pass
    except TimeoutError:
        _see_that_all_is_acknowledged(connection)


def _see_that_we_are_let_in(connection: ssl.SSLSocket) -> None:
    """Read what a server of TLS 1.3 sends after its handshake: tickets, or that it refuses our certificate.

    Later would be too late: a refusal that comes while we send may be lost with the connection.
    """
    if connection.version() != "TLSv1.3" or not select.select([connection], [], [], _LET_IN_SECONDS)[0]:
        return
    timeout = connection.gettimeout()
    connection.settimeout(0)
    try:
        if not connection.recv(1):
            raise ConnectionError("the receiver closed the connection before anything was sent")
    except ssl.SSLWantReadError:
        return  # tickets, and nothing more
    finally:
        connection.settimeout(timeout)


def _see_that_all_is_acknowledged(connection: socket.socket) -> None:
    import fcntl
    import termios

    (left,) = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0\0\0\0"))
    if left:
        raise TimeoutError(f"{left} octets are not acknowledged")
