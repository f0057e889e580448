"""Tunnels told by their shape: data in names, and SSH that forwards."""

from dataclasses import replace

import pytest

from tests.rules.building import DAY, IN, SECOND, WEB, allowed, city, end, judged, opened, talk
from zoneguard.dissect.record import NamesSeen, Spoken
from zoneguard.findings.finding import Verdict
from zoneguard.net.flow import Payload
from zoneguard.rules.choosing import Ask
from zoneguard.rules.evidence import Decision
from zoneguard.rules.tunnels.unapproved_tunnel import is_tunnel_shaped

RESOLVER = "192.168.20.53"
TUNNEL = NamesSeen(
    queries=200, distinct=200, longest=190, types=(("NULL", 200),), suffixes=(("t.example", 200),)
)


@pytest.mark.parametrize(
    ("names", "shaped"),
    [
        (TUNNEL, True),
        (replace(TUNNEL, types=(("A", 200),)), True),
        (replace(TUNNEL, longest=40), True),
        (replace(TUNNEL, longest=40, types=(("A", 180), ("TXT", 20))), False),
        (replace(TUNNEL, distinct=60), False),
        (replace(TUNNEL, queries=10, distinct=10), False),
    ],
)
def test_the_shape_of_a_dns_tunnel(names, shaped):
    assert is_tunnel_shaped(names) is shaped


def test_a_dns_tunnel_is_for_review_even_to_the_zones_own_resolver():
    conversation = talk(IN, RESOLVER, 53, protocol=17, decision=Decision.WITHIN)
    look = opened(conversation, ask=Ask.NAMES, spoken=Spoken.DNS, names=TUNNEL)
    (finding,) = judged(conversation, looks=(look,), opened=True)
    assert (finding.name, finding.verdict) == ("unapproved-tunnel-dns", Verdict.REVIEW)
    assert "200 DNS queries" in finding.message.en


def test_ssh_that_lasts_and_carries_much_both_ways_is_for_review():
    way = allowed("A-SSH", end("mgmt"), end("internet"), 22)
    short = talk("10.255.0.30", IN, 22, decision=Decision.ALLOWED, allowed_by="A-SSH")
    long = replace(short, last_seen=DAY + 7200 * SECOND, bytes=100 << 20, orig_bytes=50 << 20)

    def names(conversation):
        look = opened(conversation, spoken=Spoken.SSH, banner="OpenSSH_9.2p1")
        return [one.name for one in judged(conversation, policy=city(way), looks=(look,), opened=True)]

    assert names(long) == ["unapproved-tunnel-ssh"]
    assert names(short) == []
    assert names(replace(long, orig_bytes=99 << 20)) == []  # an upload


@pytest.mark.parametrize(
    ("payload", "name"),
    [(Payload.WIREGUARD, "WireGuard"), (Payload.OPENVPN, "OpenVPN"), (Payload.IKE, "IKE")],
)
def test_a_tunnel_is_told_by_its_first_octets_on_whatever_port(payload, name):
    (finding,) = judged(talk(IN, WEB, 4433, protocol=17, orig_payload=payload, resp_payload=payload))
    assert finding.rule == "ZG-F01"
    assert name in finding.message.en
    other = talk(IN, WEB, 4433, protocol=17, orig_payload=payload, resp_payload=Payload.TLS_SERVER)
    assert "ZG-F01" not in {one.rule for one in judged(other)}


def test_the_shape_of_a_tunnel_never_hides_that_the_crossing_itself_is_a_violation():
    conversation = talk("172.16.20.5", IN, 53, protocol=17)
    look = opened(conversation, ask=Ask.NAMES, spoken=Spoken.DNS, names=TUNNEL)
    (finding,) = judged(conversation, looks=(look,), opened=True)
    assert (finding.rule, finding.verdict) == ("ZG-A03", Verdict.VIOLATED)
    assert "ZG-F01" in finding.related
