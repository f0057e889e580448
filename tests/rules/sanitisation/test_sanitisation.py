from __future__ import annotations

from dataclasses import replace

import pytest

from tests.rules.building import (
    GATEWAY_MAC,
    IN,
    IN_LEG,
    LG,
    LG_LEG,
    LG_SERVER,
    SCREEN,
    VDI,
    WEB,
    allowed,
    attempt,
    city,
    end,
    judged,
    only,
    talk,
)
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import Opener, Payload
from zoneguard.policy.model import FlowKind
from zoneguard.rules.evidence import Decision

RDP = replace(SCREEN, protocol="rdp")
MAIL = allowed("A-MAIL", end("border", LG_LEG), end("lgwan"), 25, kind=FlowKind.MAIL)


@pytest.mark.parametrize(
    ("orig", "resp", "port", "way"),
    [
        (IN, LG_SERVER, 445, "file"),
        (IN, LG_SERVER, 25, "mail"),
        (LG, IN, 143, "mail"),
        (LG, WEB, 443, "web"),
    ],
)
def test_content_past_the_gateway_is_a_bypass(orig, resp, port, way):
    finding = only(talk(orig, resp, port))
    assert finding.rule == "ZG-B01"
    assert finding.name == f"sanitiser-bypass-{way}"
    assert finding.verdict is Verdict.VIOLATED


def test_mail_on_its_way_out_brings_nothing_in():
    assert only(talk(LG_SERVER, IN, 25)).rule == "ZG-A03"


def test_a_leg_of_another_zone_is_a_bypass():
    finding = only(talk(LG, IN_LEG, 443, decision=Decision.GATEWAY_LEG))
    assert finding.name == "sanitiser-bypass-leg"
    assert attempt_of_leg().rule == "ZG-A02"


def attempt_of_leg():
    return only(attempt(talk(LG, IN_LEG, 443, decision=Decision.GATEWAY_LEG)))


def test_a_conversation_that_the_gateway_merely_forwarded_is_a_bypass():
    forwarded = talk(LG, VDI, 3389, decision=Decision.ALLOWED, allowed_by="A-SCR", orig_next_hop=GATEWAY_MAC)
    assert only(forwarded).name == "sanitiser-bypass-routed"
    assert only(replace(forwarded, routed_by=GATEWAY_MAC)).name == "sanitiser-bypass-routed"


def test_the_gateways_own_leg_is_no_bypass():
    meeting = talk(LG, LG_LEG, 443, decision=Decision.ALLOWED, allowed_by="A-FILE", orig_next_hop=GATEWAY_MAC)
    assert judged(meeting) == ()


def screen(**more):
    return talk(LG, VDI, 3389, decision=Decision.ALLOWED, allowed_by="A-SCR", **more)


def test_ssh_on_a_screen_port_is_a_violation():
    finding = only(screen(resp_payload=Payload.SSH), policy=city(RDP))
    assert (finding.rule, finding.verdict) == ("ZG-B02", Verdict.VIOLATED)
    assert "ssh" in finding.message.ja


@pytest.mark.parametrize("seen", [Payload.RDP, Payload.TLS_CLIENT, Payload.NONE])
def test_a_fitting_protocol_and_no_payload_at_all_are_not_reported(seen):
    assert judged(screen(orig_payload=seen), policy=city(RDP)) == ()


def test_an_unknown_protocol_is_for_review_when_seen_from_its_beginning():
    seen = screen(orig_payload=Payload.OTHER)
    assert only(seen, policy=city(RDP)).verdict is Verdict.REVIEW
    assert judged(replace(seen, opener=Opener.LOWER_PORT), policy=city(RDP)) == ()
    assert judged(replace(seen, protocol=17), policy=city(RDP)) == ()


def test_mail_from_a_text_only_gateway_cannot_be_vouched_for():
    mail = talk(LG_LEG, LG_SERVER, 25, decision=Decision.ALLOWED, allowed_by="A-MAIL")
    finding = only(mail, policy=city(MAIL))
    assert (finding.rule, finding.verdict, finding.severity) == (
        "ZG-B04",
        Verdict.UNVERIFIABLE,
        Severity.INFO,
    )
    other = talk(LG, LG_SERVER, 25, decision=Decision.WITHIN)
    assert judged(other, policy=city(MAIL)) == ()
