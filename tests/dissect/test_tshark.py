"""tshark as a child: what it tells, and that it is contained whatever it does."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import warnings
from pathlib import Path

import pyshark
import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from scapy.utils import wrpcap

from zoneguard.dissect.record import Look, Sight, Spoken
from zoneguard.dissect.sandbox import Isolation, Limits, choose_isolation
from zoneguard.dissect.tool import LACKS, Lack, Tool, describe, find_tshark
from zoneguard.dissect.tshark import DECODERS, complete, dissect

REAL = shutil.which("tshark")
BUBBLEWRAP = shutil.which("bwrap")
SHORT = Limits(wall=2, cpu=1, output=1 << 20)
VERSION = 'if [ "$1" = --version ]; then echo "TShark (Wireshark) 4.0.17 (Git)"; exit 0; fi\n'
LINE = '{"layers":{"frame_number":["%d"],"frame_protocols":["eth:ip:udp:dns"]}}'
SEARCHES = [
    pytest.param(
        True,
        marks=pytest.mark.skipif(
            choose_isolation(os.environ["PATH"]) is not Isolation.BUBBLEWRAP,
            reason="bubblewrap is not usable here",
        ),
        id="bubblewrap",
    ),
    pytest.param(False, id="limits"),
]


@pytest.fixture
def capture(tmp_path):
    path = tmp_path / "cut.pcap"
    client = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2")
    wrpcap(
        str(path),
        [
            client / UDP(sport=4000, dport=53) / DNS(qd=DNSQR(qname="secret-name.example.jp")),
            client / TCP(sport=4001, dport=8021, flags="PA", seq=1) / Raw(b"STOR confidential.xlsx\r\n"),
        ],
    )
    return path


@pytest.fixture
def outside():
    """A folder that everybody may enter, as the folder of an installed program is."""
    with tempfile.TemporaryDirectory(prefix="zoneguard-fake-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def fake(folder, body, *, bubblewrap, version=VERSION):
    """A tshark made of a few lines of shell, and the PATH that finds it first."""
    program = folder / "tshark"
    program.write_text("#!/bin/sh\n" + version + body)
    program.chmod(0o755)
    search = [str(folder)]
    if bubblewrap:
        search.append(str(Path(BUBBLEWRAP).parent))
    return os.pathsep.join(search)


@pytest.mark.parametrize("bubblewrap", SEARCHES)
@pytest.mark.parametrize(
    ("body", "lack"),
    [
        pytest.param("while :; do :; done", Lack.SLOW, id="loops"),
        pytest.param("trap '' TERM; sleep 60", Lack.SLOW, id="hangs and ignores SIGTERM"),
        pytest.param("exec 1>&- 2>&-; sleep 60", Lack.SLOW, id="closes its pipes and stays"),
        pytest.param("head -c 1000000000 /dev/zero", Lack.FLOOD, id="prints 1 GB in one line"),
        pytest.param("yes", Lack.GARBAGE, id="prints nonsense without end"),
        pytest.param("yes '{\"index\"}'", Lack.FLOOD, id="prints without end"),
        pytest.param("yes >&2", Lack.FLOOD, id="complains without end"),
        pytest.param("kill -SEGV $$", Lack.CRASHED, id="crashes"),
        pytest.param("kill -KILL $$", Lack.CRASHED, id="is killed"),
        pytest.param(f"echo '{LINE % 1}'; exit 2", Lack.FAILED, id="gives up"),
        pytest.param(f"echo '{LINE % 1}'; echo nonsense", Lack.GARBAGE, id="prints garbage"),
        pytest.param(f"echo '{LINE % 77}'", Lack.GARBAGE, id="tells of a frame that is not there"),
        pytest.param("head -c 200000 /dev/zero | tr '\\0' '['; echo", Lack.GARBAGE, id="prints a deep nest"),
        pytest.param("", Lack.GARBAGE, id="says nothing and claims success"),
        pytest.param("echo x > /tmp/zoneguard-x && sleep 60", None, id="writes a file"),
    ],
)
def test_whatever_tshark_does_the_run_ends_soon_with_a_reason(outside, capture, bubblewrap, body, lack):
    tool = find_tshark(fake(outside, body, bubblewrap=bubblewrap))
    assert isinstance(tool, Tool)
    assert (tool.isolation is Isolation.BUBBLEWRAP) is bubblewrap
    start = time.monotonic()
    told = dissect(capture, owners=[0, 1], declared={}, tool=tool, limits=SHORT)
    assert time.monotonic() - start < 5
    assert told.lack in ({lack} if lack else {Lack.CRASHED, Lack.FAILED})
    if "layers" in body and "77" not in body:
        assert told.flows[0].protocols["dns"] == 1  # what was told before is kept


@pytest.mark.parametrize("bubblewrap", SEARCHES)
def test_children_of_tshark_are_gone_with_it(outside, capture, bubblewrap):
    tool = find_tshark(fake(outside, "sleep 61.25 & sleep 61.25 & sleep 61.25", bubblewrap=bubblewrap))
    dissect(capture, owners=[0, 1], declared={}, tool=tool, limits=Limits(wall=0.7))
    time.sleep(0.2)
    assert [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if b"61.25" in _read(entry)] == []


def _read(path):
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_an_absent_an_old_and_a_mute_tshark_are_told_apart(outside, capture):
    assert find_tshark(str(outside)) is Lack.ABSENT
    old = 'echo "TShark (Wireshark) 3.6.20"\n'
    assert find_tshark(fake(outside, "", bubblewrap=False, version=old)) is Lack.OLD
    assert find_tshark(fake(outside, "", bubblewrap=False, version="echo hello\n")) is Lack.MUTE
    told = dissect(capture, owners=[0, 1], declared={}, tool=Lack.OLD)
    assert (told.flows, told.lack) == ({}, Lack.OLD)


def test_every_lack_has_its_sentence_and_the_report_names_the_isolation(outside):
    assert set(LACKS) == set(Lack)
    search = fake(outside, "", bubblewrap=False)
    assert "4.0.17" in describe(find_tshark(search)).en
    assert "bubblewrap" in describe(find_tshark(search)).ja
    assert choose_isolation(str(outside)) is not Isolation.BUBBLEWRAP


@pytest.mark.skipif(REAL is None, reason="no tshark")
def test_the_real_tshark_tells_shapes_and_commands_but_neither_names_nor_payload(capture):
    tool = find_tshark(os.environ["PATH"])
    told = dissect(capture, owners=[7, 9], declared={8021: "ftp"}, tool=tool)
    assert told.lack is None
    assert "secret" not in repr(told)
    assert "confidential" not in repr(told)
    names = complete(Look(sight=Sight.WHOLE), told.flows[7]).names
    assert (names.queries, names.types, names.longest) == (1, (("A", 1),), 22)
    look = complete(Look(sight=Sight.WHOLE), told.flows[9])
    assert (look.spoken, look.files.writes) == (Spoken.FTP, 1)


@pytest.mark.skipif(REAL is None, reason="no tshark")
def test_every_protocol_that_a_policy_declares_is_one_that_tshark_can_decode(capture):
    tool = find_tshark(os.environ["PATH"])
    declared = dict(enumerate(DECODERS, start=20000))
    assert dissect(capture, owners=[0, 1], declared=declared, tool=tool).lack is None


@pytest.mark.skipif(REAL is None, reason="no tshark")
def test_pyshark_as_a_second_reader_sees_the_same_protocols(capture):
    loop = asyncio.new_event_loop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyshark's use of asyncio
        asyncio.set_event_loop(loop)
        packets = pyshark.FileCapture(
            str(capture), use_ek=True, decode_as={"tcp.port==8021": "ftp"}, eventloop=loop
        )
        try:
            theirs = [set(packet.frame_info.protocols.split(":")) for packet in packets]
        finally:
            packets.close()
            loop.close()  # or it goes on being told of every child that any later test starts
    told = dissect(capture, owners=[0, 1], declared={8021: "ftp"}, tool=find_tshark(os.environ["PATH"]))
    assert [set(told.flows[number].protocols) for number in (0, 1)] == theirs


@pytest.mark.skipif(REAL is None, reason="no tshark")
def test_a_cut_capture_keeps_what_was_told_before_the_cut(capture):
    capture.write_bytes(capture.read_bytes()[:-10])
    told = dissect(capture, owners=[0, 1], declared={}, tool=find_tshark(os.environ["PATH"]))
    assert told.lack is Lack.FAILED
    assert told.flows[0].protocols["dns"] == 1


@pytest.mark.skipif(REAL is None, reason="no tshark")
@pytest.mark.parametrize(
    ("port", "protocol"), [(8080, "http"), (5900, "vnc"), (22, "ssh"), (25, "smtp"), (21, "ftp")]
)
def test_what_merely_runs_on_the_port_of_a_protocol_is_not_taken_for_it(tmp_path, port, protocol):
    path = tmp_path / "odd.pcap"
    ends = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="192.0.2.1", dst="192.0.2.2")
    wrpcap(
        str(path),
        [
            ends / TCP(sport=40_000, dport=port, flags="PA", seq=1 + 64 * at) / Raw(bytes(range(at, at + 64)))
            for at in range(8)
        ],
    )
    tool = find_tshark(os.environ["PATH"])
    told = dissect(path, owners=[0] * 8, declared={port: protocol}, tool=tool)
    look = complete(Look(sight=Sight.WHOLE), told.flows[0])
    assert (look.spoken, look.screen) == (None, None)
