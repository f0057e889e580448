from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dissect.building import ACK, FIN, ORIG, RESP, RST, SYN, flow, packet, tcp, udp
from zoneguard.dissect.record import Sight
from zoneguard.dissect.stream import read_datagrams, read_stream

WORDS = b"one and two and three and four"


def test_segments_out_of_order_and_sent_twice_give_the_octets_once():
    packets = list(tcp((True, WORDS * 50), segment=70).packets)
    Random(3).shuffle(packets)
    stream = read_stream(flow(packets + packets))
    assert stream.orig.pieces == (WORDS * 50,)
    assert stream.sight is Sight.WHOLE


@pytest.mark.parametrize("isn", [0, 0xFFFFFFFF, 0xFFFFFFF0, 0x7FFFFFFF])
def test_sequence_numbers_wrap_around(isn):
    stream = read_stream(tcp((True, WORDS), (False, WORDS[::-1]), isn=(isn, isn - 9), segment=4))
    assert (stream.orig.opening, stream.resp.opening) == (WORDS, WORDS[::-1])
    assert stream.sight is Sight.WHOLE


def test_of_overlapping_segments_the_octets_that_came_first_stay():
    packets = [
        packet(ORIG, seq=9, flags=SYN),
        packet(ORIG, b"bbb", seq=13),
        packet(ORIG, b"aaaaXXXXcc", seq=9 + 1),
    ]
    assert read_stream(flow(packets)).orig.pieces == (b"aaabbbXXcc",)


def test_a_gap_is_told_and_what_follows_is_kept_apart():
    packets = [one for one in tcp((True, WORDS), segment=10).packets if one.payload != WORDS[10:20]]
    stream = read_stream(flow(packets))
    assert stream.orig.pieces == (WORDS[:10], WORDS[20:])
    assert stream.orig.troubles == ("gap",)
    assert stream.sight is Sight.OPENING


def test_a_connection_without_its_beginning_is_the_middle():
    assert read_stream(tcp((True, WORDS), open_=False)).sight is Sight.MIDDLE


def test_a_connection_whose_first_octets_are_missing_is_the_middle():
    packets = [one for one in tcp((True, WORDS), segment=10).packets if one.payload != WORDS[:10]]
    assert read_stream(flow(packets)).sight is Sight.MIDDLE


def test_the_answer_to_a_syn_tells_where_the_other_side_begins():
    packets = [one for one in tcp((True, WORDS)).packets if one.flags != SYN]
    assert read_stream(flow(packets)).sight is Sight.WHOLE


def test_a_connection_without_its_end_is_an_opening():
    assert read_stream(tcp((True, WORDS), close=False)).sight is Sight.OPENING
    assert read_stream(tcp((True, WORDS), whole=False)).sight is Sight.OPENING


def test_octets_that_were_acknowledged_but_not_seen_keep_the_look_from_being_whole():
    packets = [one for one in tcp((True, WORDS), segment=10).packets if one.payload != WORDS[-10:]]
    stream = read_stream(flow(packets))
    assert stream.sight is Sight.OPENING
    assert stream.orig.troubles == ("gap",)


def test_a_reset_ends_a_connection_and_its_octets_are_no_data():
    opened = tcp((True, WORDS), close=False).packets
    reset = packet(RESP, b"reason", seq=2001, ack=1000 + 1 + len(WORDS), flags=RST | ACK)
    stream = read_stream(flow([*opened, reset]))
    assert stream.resp.pieces == ()
    assert stream.sight is Sight.WHOLE


def test_of_several_syns_the_one_that_the_data_follow_begins_the_connection():
    packets = [packet(ORIG, seq=5_000_000, flags=SYN), *tcp((True, WORDS)).packets]
    stream = read_stream(flow(packets))
    assert stream.orig.begins
    assert stream.orig.opening == WORDS


def test_packets_cut_short_leave_a_gap():
    packets = [
        packet(ORIG, seq=0, flags=SYN),
        packet(ORIG, b"abc", seq=1, length=10),
        packet(ORIG, b"xyz", seq=11),
        packet(ORIG, seq=14, flags=FIN),
    ]
    stream = read_stream(flow(packets))
    assert stream.orig.pieces == (b"abc", b"xyz")
    assert set(stream.orig.troubles) == {"gap", "truncated"}


def test_no_more_octets_are_kept_than_asked_for():
    stream = read_stream(tcp((True, b"x" * 10_000), segment=1000), most=2500)
    assert sum(map(len, stream.orig.pieces)) <= 2500
    assert "beyond" in stream.orig.troubles
    assert stream.sight is Sight.OPENING


def test_nothing_said_is_nothing_to_look_at():
    assert read_stream(tcp()).sight is Sight.NOTHING
    assert read_datagrams(udp()).sight is Sight.NOTHING


def test_datagrams_stand_in_the_order_of_their_frames():
    read = read_datagrams(udp((True, b"a"), (False, b"b")))
    assert read.sent == ((True, b"a"), (False, b"b"))
    assert read.sight is Sight.WHOLE


def test_no_representation_shows_payload():
    stream = read_stream(tcp((True, b"canary")))
    assert "canary" not in repr(stream)
    assert "canary" not in repr(read_datagrams(udp((True, b"canary"))))


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 25)), min_size=1, max_size=20),
    st.integers(0, (1 << 32) - 1),
)
def test_any_segments_give_what_a_plain_table_of_octets_gives(parts, isn):
    table = {}
    packets = [packet(ORIG, seq=isn, flags=SYN)]
    for number, (begin, size) in enumerate(parts):
        octets = bytes((number + 1,)) * size
        packets.append(packet(ORIG, octets, seq=isn + 1 + begin))
        for at, octet in enumerate(octets, begin):
            table.setdefault(at, octet)
    pieces, last = [], None
    for at in sorted(table):
        if last != at - 1:
            pieces.append(bytearray())
        pieces[-1].append(table[at])
        last = at
    half = read_stream(flow(packets)).orig
    assert half.pieces == tuple(map(bytes, pieces))
    assert half.begins == (0 in table)
