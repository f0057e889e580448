from __future__ import annotations

import pytest

from tests.dissect.building import ORIG, client_hello, flow, packet, tcp, udp
from zoneguard.dissect import talk
from zoneguard.dissect.look import look
from zoneguard.dissect.record import Look, Sight
from zoneguard.dissect.trouble import TROUBLES


def test_a_flow_that_could_not_be_read_again_is_nothing_and_says_so():
    assert look(flow([], whole=False, lost="changed"), 6, 443) == Look(
        sight=Sight.NOTHING, troubles=("lost",)
    )


def test_a_flow_without_payload_is_nothing():
    assert look(tcp(), 6, 443).sight is Sight.NOTHING
    assert look(flow([]), 17, 53).sight is Sight.NOTHING


def test_another_transport_is_not_understood():
    assert look(flow([packet(ORIG, b"x")]), 132, 0) == Look(sight=Sight.NOTHING, troubles=("not-understood",))


@pytest.mark.parametrize(
    "cut", [tcp((True, client_hello()), whole=False), udp((True, b"x" * 40), whole=False)]
)
def test_packets_that_were_left_out_are_told(cut):
    found = look(cut, 6 if cut.packets[0].flags else 17, 443)
    assert found.sight is Sight.OPENING
    assert "left-out" in found.troubles


def test_a_reader_that_fails_gives_a_look_all_the_same(monkeypatch, caplog):
    def fail(sides):
        raise ValueError("canary " + repr(sides.orig))

    monkeypatch.setattr(talk, "_READERS", (fail,))
    found = look(tcp((True, b"canary")), 6, 443)
    assert found == Look(sight=Sight.OPENING, troubles=("not-understood",))
    assert "canary" not in caplog.text


def test_every_trouble_has_a_sentence_in_both_languages():
    assert list(TROUBLES) == sorted(TROUBLES)
    assert all(words.ja != words.en for words in TROUBLES.values())
