"""What the looks tell, beside what tshark tells of the same packets."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

from tests.dissect import building
from tests.dissect.building import (
    client_hello,
    query,
    rdp_channels,
    rdp_confirm,
    rdp_request,
    server_hello,
    smb2,
    smtp,
)
from zoneguard.dissect.look import look

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

FIELDS = (
    "dns.qry.name",
    "ftp.request.command",
    "http.host",
    "http.proxy_connect_host",
    "rdp.name",
    "rdp.negReq.selectedProtocol",
    "smb2.cmd",
    "smtp.req.command",
    "socks.remote_name",
    "ssh.protocol",
    "tftp.opcode",
    "tls.handshake.ciphersuite",
    "tls.handshake.extensions.supported_version",
    "tls.handshake.extensions_alpn_str",
    "tls.handshake.extensions_server_name",
    "tls.handshake.version",
    "vnc.security_type",
)
CONNECT = b"CONNECT far.example:443 HTTP/1.1\r\nHost: far.example\r\n\r\n"
SOCKS = b"\5\1\0\3" + building.vector(b"far.example", 1) + b"\1\xbb"
BODY = building.hello_body(b"quic.example", padding=1400)
FLOWS = {
    "tls": (6, 443, ((True, client_hello(b"a.example")), (False, server_hello(0x0303)))),
    "rdp": (6, 3389, ((True, rdp_request(0)), (False, rdp_confirm(0)), (True, rdp_channels(b"rdpdr", b"cliprdr")))),
    "rdp-tls": (6, 3389, ((True, rdp_request()), (False, rdp_confirm(2)))),
    "smb": (6, 445, ((True, smb2(0) + smb2(8) + smb2(9, more=(9, 6))), (False, smb2(8, answer=True)))),
    "connect": (6, 8080, ((True, CONNECT), (False, b"HTTP/1.1 200 OK\r\n\r\n"), (True, client_hello(b"far.example")))),
    "socks": (6, 1080, ((True, b"\5\1\0"), (False, b"\5\0"), (True, SOCKS), (False, b"\5\0\0\1" + b"\0" * 6))),
    "ssh": (6, 22, ((False, b"SSH-2.0-OpenSSH_9.2p1\r\n"), (True, b"SSH-2.0-PuTTY\r\n"))),
    "rfb": (6, 5900, ((False, b"RFB 003.008\n"), (True, b"RFB 003.008\n"), (False, b"\2\1\2"), (True, b"\2"))),
    "ftp": (6, 21, ((False, b"220 a\r\n"), (True, b"USER a\r\n"), (False, b"331 a\r\n"), (True, b"RETR b\r\n"))),
    "smtp": (6, 25, smtp(b"Subject: x\r\n\r\nhi\r\n")),
    "dns": (17, 53, ((True, query("www.city.reiji.lg.jp")), (False, building.answer("www.city.reiji.lg.jp")))),
    "quic": (
        17,
        443,
        tuple(
            (True, building.initial(building.crypto(at, building.handshake(1, BODY)[at : at + 900]), number=at // 900))
            for at in range(0, len(BODY) + 4, 900)
        ),
    ),
    "tftp": (17, 69, ((True, b"\0\2a\0octet\0"),)),
}  # fmt: skip


@pytest.fixture(scope="module")
def opinions(tmp_path_factory):
    """Give, of each flow, every value of every field that tshark tells."""
    path = tmp_path_factory.mktemp("second") / "flows.pcap"
    wrpcap(str(path), [frame for at, name in enumerate(FLOWS) for frame in frames(at, name)])
    command = ["tshark", "-n", "-r", path, "-T", "json", "-d", "tcp.port==8080,http"]
    for field in ("ip.addr", *FIELDS):
        command += ["-e", field]
    told = {name: {field: [] for field in FIELDS} for name in FLOWS}
    run = subprocess.run(command, capture_output=True, check=True, timeout=60)
    for packet in json.loads(run.stdout):
        layers = packet["_source"]["layers"]
        number = int(layers["ip.addr"][0].split(".")[2])
        for field in FIELDS:
            told[list(FLOWS)[number]][field] += layers.get(field, [])
    return told


def frames(at, name):
    protocol, port, _ = FLOWS[name]
    ends = f"10.0.{at}.1", f"10.0.{at}.2"
    for packet in cut_of(name).packets:
        source, target = ends if packet.by_orig else ends[::-1]
        ports = (40000 + at, port) if packet.by_orig else (port, 40000 + at)
        if protocol == 6:
            layer = TCP(sport=ports[0], dport=ports[1], seq=packet.seq, ack=packet.ack, flags=packet.flags)
        else:
            layer = UDP(sport=ports[0], dport=ports[1])
        frame = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src=source, dst=target) / layer
        yield frame / Raw(packet.payload) if packet.payload else frame


def cut_of(name):
    protocol, _, turns = FLOWS[name]
    return building.tcp(*turns) if protocol == 6 else building.udp(*turns)


def seen(name):
    protocol, port, _ = FLOWS[name]
    return look(cut_of(name), protocol, port)


@pytest.mark.parametrize("name", ["tls", "connect", "quic"])
def test_hellos_say_the_same(opinions, name):
    told, tls = opinions[name], seen(name).tls
    assert told["tls.handshake.extensions_server_name"] == [tls.server_name]
    assert told["tls.handshake.extensions_alpn_str"] == list(tls.alpn)
    versions = [int(one, 16) for one in told["tls.handshake.extensions.supported_version"]]
    assert [one for one in versions if one != 0x2A2A] == list(tls.offered)
    assert int(tls.ja4[4:6]) == sum(
        int(one, 16) & 0x0F0F != 0x0A0A for one in told["tls.handshake.ciphersuite"][:16]
    )


def test_the_version_of_the_server_is_the_same(opinions):
    assert int(opinions["tls"]["tls.handshake.version"][-1], 16) == seen("tls").tls.chosen


def test_rdp_says_the_same(opinions):
    assert tuple(opinions["rdp"]["rdp.name"]) == seen("rdp").screen.channels
    assert [int(one, 16) for one in opinions["rdp-tls"]["rdp.negReq.selectedProtocol"]] == [2]
    assert seen("rdp-tls").screen.security == "credssp"


def test_proxies_are_asked_for_the_same(opinions):
    assert opinions["connect"]["http.proxy_connect_host"][0] == seen("connect").proxy.host
    assert opinions["socks"]["socks.remote_name"][0] == seen("socks").proxy.host


def test_files_are_counted_the_same(opinions):
    commands = [int(one) for one in opinions["smb"]["smb2.cmd"]]
    files = seen("smb").files
    assert (commands.count(8) - 1, commands.count(9)) == (files.reads, files.writes)
    assert opinions["ftp"]["ftp.request.command"].count("RETR") == seen("ftp").files.reads
    assert [int(one) for one in opinions["tftp"]["tftp.opcode"]] == [2]
    assert seen("tftp").files.writes == 1


def test_the_rest_says_the_same(opinions):
    assert opinions["ssh"]["ssh.protocol"][0].endswith(seen("ssh").banner)
    assert "2" in opinions["rfb"]["vnc.security_type"]
    assert seen("rfb").screen.security == "vnc"
    assert "DATA" in opinions["smtp"]["smtp.req.command"]
    assert len(seen("smtp").dialogue.messages) == 1
    assert len(opinions["dns"]["dns.qry.name"]) == 2 * seen("dns").names.queries
