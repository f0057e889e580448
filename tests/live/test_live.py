from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.live.wire import wire
from tests.naive import compare
from tests.naive import generate as g
from tests.oracle.world import may_build
from zoneguard.capture import layout, link
from zoneguard.capture.expiry import Timeouts
from zoneguard.capture.flows import to_flows
from zoneguard.capture.link import Link
from zoneguard.capture.live import Ring, wait_for
from zoneguard.capture.tables import Meter
from zoneguard.errors import ExitCode, MachineLacksError
from zoneguard.net.flow import FlowTable

pytestmark = pytest.mark.skipif(
    shutil.which("ip") is None or not may_build(), reason="needs root, network namespaces and iproute2"
)

PACKETS = [
    g.ethernet(g.ipv4("10.0.0.1", f"10.0.{i >> 8}.{i & 255}", 17, g.udp(1000 + i, 514, b"x" * 60), ident=i))
    for i in range(1024)
]


@pytest.fixture(scope="module")
def line():
    with wire() as made:
        yield made


class Listener:
    """A ring and a meter, and the rows that came of it."""

    def __init__(self, line: Any, interface: str = "far", *, compiled: bool = True, **options: Any) -> None:
        self.rows: list[Any] = []
        self.meter = Meter(
            compiled=compiled, emit=lambda rows: self.rows.append(rows.copy()), timeouts=Timeouts()
        )
        with line.here():
            self.ring = Ring(interface, **options)

    def drain(self) -> int:
        """Meter until nothing more comes."""
        packets = 0
        while self.ring.wait(0.4):
            packets += self.ring.drain(self.meter, 0)
        return packets

    def flows(self) -> FlowTable:
        self.meter.finish()
        return FlowTable.concatenate([to_flows(rows) for rows in self.rows])


@pytest.fixture
def listener(line):
    made = Listener(line, blocks=16)
    yield made
    made.ring.close()


def test_every_packet_that_is_sent_is_judged(line, listener):
    sent = line.send(PACKETS, times=50)
    assert listener.drain() == sent == 51_200
    assert listener.ring.statistics() == (sent, 0, 0)
    flows = listener.flows()
    assert len(flows) == len(PACKETS)
    assert set((flows.orig_packets + flows.copies).tolist()) == {50}
    assert listener.ring.damaged == 0


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="needs tcpdump")
@pytest.mark.parametrize("compiled", [True, False])
def test_a_ring_tells_of_packets_what_their_file_tells(line, tmp_path, *, compiled):
    random = Random(7)
    frames = [f.data for f in g.conversations(random, 150) if f.link == 1 and 14 <= len(f.data) <= 1514]
    for i, tags in enumerate(((10,), (10, 20), (0,), (4094,))):
        frames.append(g.tagged(g.ipv4("10.0.0.1", "10.0.0.2", 17, g.udp(i, 2, b"four"), ident=9), *tags))
    path = tmp_path / "far.pcap"
    # As soon as anybody asks for times, Linux takes them on arrival, one for all who listen.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asks:
        asks.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        listener = Listener(line, compiled=compiled)
        command = [
            "tcpdump",
            "-i",
            "far",
            "-w",
            path,
            "-U",
            "-s2048",
            "-B16384",
            "--time-stamp-precision=nano",
            "-Z",
            "root",
        ]
        command += ["--immediate-mode", "-c", str(len(frames))]
        other = subprocess.Popen(
            ["ip", "netns", "exec", line.name, *command], stderr=subprocess.PIPE, text=True
        )
        try:
            assert any("listening" in said for said in iter(other.stderr.readline, ""))
            line.send(frames)
            packets = listener.drain()
            other.communicate(timeout=10)
        finally:
            other.kill()
    here = listener.flows()
    listener.ring.close()
    there, file = compare.metered(path.read_bytes(), compiled=True)
    assert packets == file.coverage().packets == len(frames) > 300
    live = compare.described(here, listener.meter)
    assert compare.told(compare.as_set(live), compare.as_set(compare.described(there, file)), "flow") == ""
    assert compare.claims_of(listener.meter) == compare.claims_of(file)
    assert listener.meter.coverage() == file.coverage()
    assert {10, 20, 4094} <= set(here.orig_vlan.tolist())


def test_what_finds_a_small_ring_full_is_counted_as_dropped(line):
    listener = Listener(line, blocks=4, block_octets=1 << 16)
    with closing(listener.ring):
        sent = line.send(PACKETS, times=20)
        judged = listener.drain()
        received, dropped, freezes = listener.ring.statistics()
        assert dropped > 10_000
        assert freezes > 0
        assert (judged, received + dropped) == (received, sent)
        assert listener.meter.coverage().packets == judged
        more = line.send(PACKETS[:100])
        assert listener.drain() == more
        assert listener.ring.statistics().dropped == dropped


LISTEN = """
import json, signal
from zoneguard.capture.live import Ring
from zoneguard.capture.expiry import Timeouts
from zoneguard.capture.tables import Meter
meter, ring = Meter(compiled=True, timeouts=Timeouts()), Ring("far", blocks=8, block_octets=1 << 18)
print("ready", flush=True)
judged, ended = 0, []
signal.signal(signal.SIGINT, lambda *_: ended.append(1))
while ring.wait(0.5) or not ended:
    judged += ring.drain(meter, 0)
print(json.dumps([judged, *ring.statistics()]))
"""


def test_a_process_that_was_stopped_for_two_seconds_counts_what_it_missed(line):
    command = ["ip", "netns", "exec", line.name, sys.executable, "-c", LISTEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        sent = line.send(PACKETS, times=5)
        child.send_signal(signal.SIGSTOP)
        stopped = time.monotonic()
        while time.monotonic() - stopped < 2:
            sent += line.send(PACKETS)
            time.sleep(0.02)
        child.send_signal(signal.SIGCONT)
        sent += line.send(PACKETS, times=5)
        child.send_signal(signal.SIGINT)
        said = child.communicate(timeout=30)[0]
    judged, received, dropped, _ = json.loads(said)
    assert dropped > 1000
    assert judged == received
    assert received + dropped == sent


def test_the_outer_tag_counts_as_octets_of_the_wire(line, listener):
    packet = g.ipv4("10.0.0.1", "10.0.0.2", 17, g.udp(1, 2, bytes(100)))
    frames = [g.tagged(packet, 300), g.tagged(packet, 300, 310)]
    line.send(frames)
    assert listener.drain() == 2
    assert listener.meter.coverage().bytes == sum(map(len, frames))
    assert sorted(listener.flows().orig_vlan.tolist()) == [300]  # the second is a copy under another tag
    assert listener.flows().copy_vlan.tolist() in ([310], [300])


def test_an_interface_that_goes_down_and_up_is_heard_again(line, listener):
    assert listener.ring.link() is Link.UP
    line.run("ip", "link", "set", "far", "down")
    assert listener.ring.link() is Link.DOWN
    begun = time.monotonic()
    assert not listener.ring.wait(0.3) or not listener.ring.drain(listener.meter, 0)
    listener.ring.wait(0.3)
    assert time.monotonic() - begun > 0.25  # the error is told once, not in a busy loop
    line.run("ip", "link", "set", "far", "up")
    assert listener.ring.link() is Link.UP
    assert listener.drain() + line.send(PACKETS) == len(PACKETS)
    assert listener.drain() == len(PACKETS)


def test_a_peer_that_goes_down_is_told_too(line, listener):
    line.run("ip", "link", "set", "near", "down")
    assert listener.ring.link() is Link.DOWN
    line.run("ip", "link", "set", "near", "up")
    assert listener.ring.link() is Link.UP


def test_an_interface_that_was_deleted_is_noticed_and_opened_anew(line):
    line.add("near2", "far2")
    listener = Listener(line, "far2")
    with closing(listener.ring) as ring:
        line.send(PACKETS[:100], interface="near2")
        assert listener.drain() == 100
        line.run("ip", "link", "delete", "near2")
        assert ring.link() is Link.GONE
        with line.here(), pytest.raises(MachineLacksError, match="no such interface"):
            ring.reopen()
        assert ring.link() is Link.GONE
        line.add("near2", "far2")
        assert ring.link() is Link.GONE  # one of the same name is another
        with line.here():
            ring.reopen()
        assert ring.link() is Link.UP
        line.send(PACKETS[:50], interface="near2")
        assert listener.drain() == 50
        assert ring.statistics() == (150, 0, 0)
        assert ring.frames == 150


def test_a_renamed_interface_is_still_heard(line):
    line.add("near3", "far3")
    listener = Listener(line, "far3")
    with closing(listener.ring):
        line.run("ip", "link", "set", "far3", "name", "mirror3")
        assert listener.ring.link() is Link.UP
        line.send(PACKETS[:10], interface="near3")
        assert listener.drain() == 10


def test_the_interface_is_promiscuous_while_it_is_heard(line):
    def promiscuity() -> int:
        (about,) = json.loads(line.run("ip", "-d", "-j", "link", "show", "far"))
        return about["promiscuity"]

    with line.here():
        plain = Ring("far", blocks=4, promiscuous=False)
        assert promiscuity() == 0
        ring = Ring("far", blocks=4)
    assert promiscuity() == 1
    line.run("ip", "link", "set", "far", "down")
    line.run("ip", "link", "set", "far", "up")
    assert promiscuity() == 1
    ring.close()
    plain.close()
    assert promiscuity() == 0


def test_several_rings_feed_one_meter_each_as_its_own_sensor(line):
    line.add("near4", "far4")
    one = Listener(line, blocks=4)
    with line.here():
        other = Ring("far4", blocks=4)
    with closing(one.ring), closing(other):
        line.send(PACKETS[:30])
        line.send(PACKETS[:40], interface="near4")
        time.sleep(0.1)
        rings = {one.ring: (1, 0), other: (2, 1)}
        for ring in wait_for(list(rings), 1.0):
            sensor, file = rings[ring]
            ring.drain(one.meter, sensor, file=file)
        flows = one.flows()
        assert [(flows.sensor == sensor).sum() for sensor in (1, 2)] == [30, 40]
        assert set(flows.frame[flows.sensor == 2].tolist()) == set(range(1, 41))
        assert set(flows.file[flows.sensor == 2].tolist()) == {1}
        assert one.meter.coverage().clock_steps_back == 0


def test_two_rings_of_one_group_share_the_flows(line):
    one, other = (Listener(line, blocks=8, fanout=77) for _ in range(2))
    with closing(one.ring), closing(other.ring):
        there = [
            g.ethernet(g.ipv4("10.9.0.1", "10.9.0.2", 17, g.udp(i, 9, b"a"), ident=i)) for i in range(1, 400)
        ]
        back = [
            g.ethernet(g.ipv4("10.9.0.2", "10.9.0.1", 17, g.udp(9, i, b"b"), ident=i)) for i in range(1, 400)
        ]
        sent = line.send(there) + line.send(back)
        counts = [one.drain(), other.drain()]
        assert sum(counts) == sent
        assert min(counts) > 100
        for flows in (one.flows(), other.flows()):
            assert set(flows.orig_packets.tolist()) == set(flows.resp_packets.tolist()) == {1}


def test_a_group_that_shares_in_another_way_is_refused(line):
    with line.here(), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as other:
        other.bind(("far", 3))
        other.setsockopt(263, 18, 5 | 1 << 16)  # PACKET_FANOUT_LB
        with pytest.raises(MachineLacksError, match="fanout group 5"):
            Ring("far", blocks=4, fanout=5)


def test_an_interface_that_is_down_is_heard_as_soon_as_it_is_up(line):
    line.add("near6", "far6")
    line.run("ip", "link", "set", "far6", "down")
    listener = Listener(line, "far6", blocks=4)
    with closing(listener.ring):
        assert listener.ring.link() is Link.DOWN
        line.run("ip", "link", "set", "far6", "up")
        line.send(PACKETS[:10], interface="near6")
        assert listener.drain() == 10


def test_only_the_beginning_of_a_long_frame_is_taken(line):
    listener = Listener(line, snaplen=96)
    with closing(listener.ring):
        frames = [g.ethernet(g.ipv4("10.0.0.1", "10.0.0.2", 17, g.udp(1, 2, bytes(1000))))]
        line.send(frames)
        assert listener.drain() == 1
        assert listener.ring.shortened == 1
        assert listener.flows().orig_bytes.tolist() == [1028]
        assert listener.meter.coverage().truncated == 0


def test_what_is_sent_from_the_interface_itself_is_not_heard(line, listener):
    line.send(PACKETS[:10], interface="far")
    line.send(PACKETS[:3])
    assert listener.drain() == 3


def test_frames_that_were_put_together_are_counted_and_said(line):
    line.run("ip", "link", "set", "lo", "mtu", "1500")
    listener = Listener(line, "lo")
    with closing(listener.ring) as ring:
        with line.here():
            server = socket.create_server(("127.0.0.1", 0))
            client = socket.create_connection(server.getsockname())
        taken, _ = server.accept()
        with server, client, taken:
            reader = threading.Thread(target=lambda: [taken.recv(1 << 16) for _ in range(20)], daemon=True)
            reader.start()
            client.sendall(bytes(1 << 19))
            client.shutdown(socket.SHUT_WR)
            reader.join(5)
        listener.drain()
        assert ring.merged > 0
        assert any("gro off" in remark.en and str(ring.merged) in remark.ja for remark in ring.remarks())
    assert int(listener.flows().orig_bytes.sum()) > 1 << 19


def test_generic_receive_offload_is_named_while_it_is_on(line, listener):
    def switch(value: int) -> None:
        data = ctypes.create_string_buffer(struct.pack("II", 0x2C, value), 8)  # ETHTOOL_SGRO
        with line.here(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            fcntl.ioctl(
                any_socket, 0x8946, struct.pack("16sP", b"far", ctypes.addressof(data)).ljust(40, b"\0")
            )

    switch(1)
    assert ["GRO" in remark.en for remark in listener.ring.remarks()] == [True]
    switch(0)
    assert listener.ring.remarks() == ()


@pytest.mark.parametrize("name", ["none0", "a-name-that-is-too-long", ""])
def test_an_absent_interface_is_refused_with_the_names_that_are_there(line, name):
    with line.here(), pytest.raises(MachineLacksError) as refused:
        Ring(name)
    assert refused.value.exit_code is ExitCode.LACKING
    (fault,) = refused.value.faults
    assert "far" in fault.en
    assert "インターフェースがありません" in fault.ja


def test_an_interface_of_a_type_that_cannot_be_read_is_refused(line, monkeypatch):
    monkeypatch.delitem(link._LINKS, 1)
    with line.here(), pytest.raises(MachineLacksError, match="ARPHRD 1"):
        Ring("far")


@pytest.mark.parametrize(("blocks", "block_octets"), [(4, 1000), (1 << 20, 1 << 22), (0, 1 << 16)])
def test_a_ring_that_cannot_be_had_is_refused(line, blocks, block_octets):
    with line.here(), pytest.raises(MachineLacksError, match="receive ring"):
        Ring("far", blocks=blocks, block_octets=block_octets)


DROP = """
import json, os, sys
from zoneguard.capture.live import Ring
from zoneguard.capture.privileges import CAP_NET_RAW, drop_privileges
from zoneguard.capture.expiry import Timeouts
from zoneguard.capture.tables import Meter
from zoneguard.errors import MachineLacksError
meter, ring = Meter(compiled=False, timeouts=Timeouts()), Ring("far", blocks=4)
drop_privileges("nobody", keep=[CAP_NET_RAW] if sys.argv[1] == "keep" else [])
print("ready", flush=True)
try:
    Ring("far", blocks=4).close()
    second = "opened"
except MachineLacksError as error:
    second = error.faults[0].en
try:
    os.setuid(0)
    root = True
except PermissionError:
    root = False
packets = 0
while ring.wait(2):
    packets += ring.drain(meter, 0)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps([packets, second, root, os.getuid(), os.getgid(), os.getgroups(),
    *(status[name].strip() for name in ("CapEff", "CapPrm", "NoNewPrivs"))]))
"""


@pytest.mark.parametrize("keep", ["keep", "nothing"])
def test_capture_goes_on_without_privileges(line, keep):
    command = ["ip", "netns", "exec", line.name, sys.executable, "-c", DROP, keep]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == "ready\n"
        sent = line.send(PACKETS[:200])
        said = json.loads(child.communicate(timeout=30)[0])
    packets, second, root, uid, gid, groups, effective, permitted, sealed = said
    assert packets == sent
    assert not root
    assert uid != 0 != gid
    assert 0 not in groups
    assert sealed == "1"
    if keep == "keep":
        assert second == "opened"
        assert int(effective, 16) == int(permitted, 16) == 1 << 13
    else:
        assert "no right to capture" in second
        assert int(effective, 16) == int(permitted, 16) == 0


@pytest.mark.parametrize(("user", "says"), [("root", "rights of root"), ("no-such-user", "no such user")])
def test_privileges_are_dropped_to_a_real_user_only(user, says):
    from zoneguard.capture.privileges import drop_privileges

    with pytest.raises(MachineLacksError, match=says):
        drop_privileges(user)
    assert os.geteuid() == 0


def test_a_closed_ring_is_gone_and_keeps_its_counts(line):
    listener = Listener(line, blocks=4)
    line.send(PACKETS[:5])
    listener.drain()
    listener.ring.close()
    listener.ring.close()
    assert listener.ring.link() is Link.GONE
    assert listener.ring.statistics() == (5, 0, 0)
    assert listener.ring.fileno() == -1
    assert wait_for([listener.ring], 0) == []
    assert Path(f"/proc/self/fd/{listener.ring.fileno()}").exists() is False
    assert listener.meter.t.scalars[layout.N_SHORTENED] == 0
