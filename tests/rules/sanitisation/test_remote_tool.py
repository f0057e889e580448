"""Remote control, file transfer and tunnelling software between zones."""

from dataclasses import replace

import pytest

from tests.rules.building import IN, LG, VDI, WEB, allowed, city, end, judged, opened, talk
from zoneguard.dissect.record import ProxySeen, Spoken, TlsSeen
from zoneguard.findings.finding import Verdict
from zoneguard.policy.model import FlowKind
from zoneguard.rules.evidence import Decision

PROXY = "192.168.251.4"
WAY = allowed("A-WEB", end("internet"), end("border", PROXY + "/32"), 8080)
BROWSING = talk(IN, PROXY, 8080, decision=Decision.ALLOWED, allowed_by="A-WEB")


def connect(name, *, port=443, accepted=True):
    return ProxySeen(how="connect", host=name, port=port, accepted=accepted)


def tools(*findings):
    return [one for one in findings if one.rule == "ZG-B05"]


def test_a_tool_is_told_by_the_name_it_asks_a_proxy_for():
    look = opened(BROWSING, spoken=Spoken.HTTP, proxy=connect("router7.teamviewer.com"))
    (finding,) = tools(*judged(BROWSING, policy=city(WAY), looks=(look,), opened=True))
    assert finding.verdict is Verdict.VIOLATED
    assert "TeamViewer" in finding.message.en
    assert "router7.teamviewer.com in its CONNECT" in finding.message.en
    assert "flow A-WEB" in finding.message.en


def test_a_name_that_merely_ends_alike_is_another_one():
    look = opened(BROWSING, proxy=connect("notteamviewer.com"))
    assert not tools(*judged(BROWSING, policy=city(WAY), looks=(look,), opened=True))


def test_a_declared_name_approves_the_tool():
    way = replace(WAY, destination=replace(WAY.destination, names=("*.teamviewer.com",)))
    look = opened(BROWSING, proxy=connect("router7.teamviewer.com"))
    assert not tools(*judged(BROWSING, policy=city(way), looks=(look,), opened=True))


def test_a_screen_protocol_on_a_web_port_is_a_tool_that_nobody_approved():
    look = opened(BROWSING, spoken=Spoken.RDP)
    (finding,) = tools(*judged(BROWSING, policy=city(WAY), looks=(look,), opened=True))
    assert "the protocol it speaks" in finding.message.en


def test_a_screen_flow_approves_its_protocol():
    session = talk(LG, VDI, 3389, decision=Decision.ALLOWED, allowed_by="A-SCR")
    way = allowed("A-SCR", end("lgwan"), end("internet"), 3389, kind=FlowKind.SCREEN)
    look = opened(session, spoken=Spoken.RDP)
    assert not tools(*judged(session, policy=city(way), looks=(look,), opened=True))


@pytest.mark.parametrize(("port", "protocol"), [(5938, 6), (7070, 6), (21116, 17)])
def test_an_undeclared_conversation_is_told_by_its_port(port, protocol):
    relay = talk(IN, WEB, port, protocol=protocol)
    (finding,) = judged(relay)
    assert "ZG-B05" in {finding.rule, *finding.related}


def test_a_name_counts_where_the_way_itself_is_not_allowed():
    direct = talk(IN, WEB, 443)
    look = opened(direct, spoken=Spoken.TLS, tls=TlsSeen(server_name="relay.anydesk.com"))
    (finding,) = judged(direct, looks=(look,), opened=True)
    assert "ZG-B05" in {finding.rule, *finding.related}


def test_a_tool_is_found_where_many_clients_were_gathered_into_one_line():
    gathered = replace(BROWSING, orig=replace(BROWSING.orig, address="40 addresses"), peers=40, flows=400)
    look = opened(BROWSING, spoken=Spoken.HTTP, proxy=connect("router7.teamviewer.com"))
    (finding,) = tools(*judged(gathered, policy=city(WAY), looks=(look,), opened=True))
    assert finding.orig.address == IN
