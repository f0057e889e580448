from __future__ import annotations

import re
import socket
import ssl
import threading
from contextlib import contextmanager

import pytest

from tests.sensor.sinks.sending import HOSTILE_FINDING, JST, digested, notice, outgoing
from tests.store.made import finding
from zoneguard.findings.finding import Severity
from zoneguard.sensor.config import Transport
from zoneguard.sensor.sinks.base import SinkUnavailable
from zoneguard.sensor.sinks.syslog import Address, Syslog, syslog_frames
from zoneguard.text import Text

# RFC 5424 section 6, with BOM and UTF-8 as the message.
VALUE = r'"(?:[^"\\\]]|\\["\\\]])*"'
FRAME = re.compile(
    r"<(?P<pri>\d{1,3})>1 (?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d) (?P<host>[!-~]{1,255})"
    rf" zoneguard - (?P<id>finding|notice) (?P<data>(?:\[[!-<>-\\^-~]{{1,32}}(?: [!-<>-\\^-~]{{1,32}}={VALUE})*\])+)"
    r" \ufeff(?P<text>.*)"
)


def parsed(frame):
    found = FRAME.fullmatch(frame.decode())
    assert found, frame
    data = {
        name: re.sub(r"\\(.)", r"\1", value[1:-1])
        for name, value in re.findall(rf"(\w+)=({VALUE})", found["data"])
    }
    return {**found.groupdict(), "data": data}


def frames_of(message, **options):
    return [
        parsed(one) for one in syslog_frames(message, **{"zone": JST, "lang": "ja", "most": 8192} | options)
    ]


class Receiver:
    """A syslog server that counts octets, as RFC 6587 3.4.1 has it; with a context, over TLS."""

    def __init__(self, context=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = context
        self.frames = []
        self.faults = []
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            try:
                raw, _ = self.listener.accept()
            except OSError:
                return
            try:
                with self.context.wrap_socket(raw, server_side=True) if self.context else raw as connection:
                    self.read(connection)
            except OSError as error:
                self.faults.append(error)
            finally:
                raw.close()

    def read(self, connection):
        octets = b""
        while part := connection.recv(65536):
            octets += part
        while octets:
            length, _, rest = octets.partition(b" ")
            self.frames.append(rest[: int(length)])
            octets = rest[int(length) :]

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@contextmanager
def receiving(context=None):
    made = Receiver(context)
    try:
        yield made
    finally:
        made.close()


def sink_to(port, transport, **options):
    return Syslog(Address(host="localhost", port=port, transport=transport, timeout=5, **options), zone=JST)


def test_a_frame_is_what_rfc_5424_says():
    (one,) = frames_of(outgoing(finding("a")))
    assert one["pri"] == str(13 * 8 + 3)
    assert one["time"] == "2026-11-18T20:06:40.000000+09:00"
    assert one["host"] == "s1"
    assert one["data"]["sequenceId"] == "1"
    assert one["data"]["key"] == "s1/18f/x/1#0"
    assert (one["data"]["src"], one["data"]["dst"], one["data"]["rule"]) == (
        "172.16.40.9",
        "172.16.20.5",
        "ZG-A05",
    )
    assert one["text"] == "新規 ZG-A05 逆方向からの開始: a が開始しました。"


def test_severities_are_those_of_syslog():
    held = [finding(severity.value, severity) for severity in Severity]
    assert [int(one["pri"]) - 104 for one in frames_of(outgoing(*held))] == [2, 3, 4, 5, 6]
    assert int(frames_of(outgoing(finding("a", Severity.CRITICAL), gone=True))[0]["pri"]) == 104 + 5
    assert int(frames_of(notice())[0]["pri"]) == 104 + 4
    assert int(frames_of(notice(), facility=4)[0]["pri"]) == 32 + 4


def test_hostile_strings_neither_break_the_frame_nor_forge_another():
    raw = list(syslog_frames(outgoing(HOSTILE_FINDING, sensor="市役所 1\n"), zone=JST, lang="en", most=8192))
    (one,) = [parsed(frame) for frame in raw]
    assert not re.search(rb"[\x00-\x1f]", raw[0])
    assert one["host"] == "____1_"
    assert one["data"]["origZone"].startswith('x"]\\<U+000D><U+000A>')
    assert "\u202e" not in one["text"]


def test_the_sequence_number_stays_within_what_the_rfc_allows():
    assert frames_of(outgoing(finding("a"), sequence=2**31))[0]["data"]["sequenceId"] == "1"
    assert frames_of(outgoing(finding("a"), sequence=2**31 - 1))[0]["data"]["sequenceId"] == str(2**31 - 1)


def test_a_long_text_is_cut_between_characters():
    long = finding("a", message=Text(ja="漢" * 5000, en="x" * 5000))
    for most in range(1000, 1004):
        (frame,) = syslog_frames(outgoing(long), zone=JST, lang="ja", most=most)
        assert most - 3 < len(frame) <= most
        assert parsed(frame)["text"].endswith("漢")


def test_a_digest_is_counted_in_one_frame():
    made = frames_of(digested(outgoing(finding("a")), outgoing(finding("b"), sequence=2)))
    assert made[0]["text"] == "新規 2（高 2）"
    assert len(made) == 3


def test_udp_sends_a_datagram_a_frame():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        address = Address(host="127.0.0.1", port=receiver.getsockname()[1], transport=Transport.UDP)
        sink = Syslog(address, zone=JST)
        sink.deliver([outgoing(finding("a"), finding("b")), notice(2)])
        sink.close()
        got = [parsed(receiver.recv(65536)) for _ in range(3)]
    assert [one["data"]["key"] for one in got] == ["s1/18f/x/1#0", "s1/18f/x/1#1", "s1/18f/x/2#0"]


def test_tcp_counts_octets_and_everything_has_arrived_when_it_returns():
    message = outgoing(*(finding(f"{n}") for n in range(400)))
    with receiving() as receiver:
        sink_to(receiver.port, Transport.TCP).deliver([message, notice(2)])
        assert len(receiver.frames) == 401
        assert parsed(receiver.frames[0])["data"]["rule"] == "ZG-A05"


def test_tls_is_verified_and_everything_has_arrived_when_it_returns(certificate):
    with receiving(certificate.server) as receiver:
        sink = sink_to(receiver.port, Transport.TLS, ca=certificate.path)
        sink.deliver([outgoing(*(finding(f"{n}") for n in range(400)))])
        sink.deliver([notice(2)])
        assert len(receiver.frames) == 401
        assert receiver.faults == []


def test_a_server_that_nobody_vouches_for_gets_nothing(certificate):
    with receiving(certificate.server) as receiver:
        with pytest.raises(SinkUnavailable, match="certificate verify failed"):
            sink_to(receiver.port, Transport.TLS).deliver([outgoing(finding("a"))])
        stranger = Address(host="127.0.0.1", port=receiver.port, ca=certificate.path, timeout=5)
        with pytest.raises(SinkUnavailable, match="verify failed"):
            Syslog(stranger, zone=JST).deliver([outgoing(finding("a"))])
        assert receiver.frames == []


def test_a_refused_client_certificate_is_noticed_though_sending_went_well(certificate):
    demanding = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    demanding.load_cert_chain(certificate.path, certificate.key)
    demanding.load_verify_locations(certificate.path)
    demanding.verify_mode = ssl.CERT_REQUIRED
    with receiving(demanding) as receiver:
        with pytest.raises(SinkUnavailable):
            sink_to(receiver.port, Transport.TLS, ca=certificate.path).deliver([outgoing(finding("a"))])
        shown = {"ca": certificate.path, "certificate": certificate.path, "key": certificate.key}
        sink_to(receiver.port, Transport.TLS, **shown).deliver([outgoing(finding("a"))])
        assert len(receiver.frames) == 1


def test_a_receiver_that_never_closes_is_believed_once_it_has_acknowledged_everything():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address(
            host="127.0.0.1", port=listener.getsockname()[1], transport=Transport.TCP, timeout=0.5
        )
        Syslog(address, zone=JST).deliver([outgoing(finding("a"))])
        connection, _ = listener.accept()
        with connection:
            assert b"ZG-A05" in connection.recv(65536)


def test_a_receiver_that_stalls_or_is_away_has_taken_nothing():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        port = listener.getsockname()[1]
        address = Address(host="127.0.0.1", port=port, transport=Transport.TCP, timeout=0.5)
        large = outgoing(*(finding(f"{n}") for n in range(500)))
        with pytest.raises(SinkUnavailable) as refusal:
            Syslog(address, zone=JST).deliver([large] * 20)
        assert refusal.value.delivered == 0
    with pytest.raises(SinkUnavailable, match="refused"):
        Syslog(address, zone=JST).deliver([large])
