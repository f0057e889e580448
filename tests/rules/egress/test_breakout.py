"""Local breakouts: where they go and how they are encrypted."""

from dataclasses import replace
from datetime import date

import pytest

from tests.rules.building import LG, WEB, allowed, city, end, judged, only, opened, talk
from zoneguard.dissect.record import NamesSeen, ProxySeen, Sight, Spoken, TlsSeen, WebSeen
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.policy.model import PUBLIC, Approval, FlowKind
from zoneguard.rules.choosing import Ask
from zoneguard.rules.evidence import Decision
from zoneguard.rules.hostnames import is_listed

PROXY = "172.16.251.3"
LIST = replace(end(PUBLIC, "203.0.113.0/24"), names=("*.teams.example", "login.example"))
DIRECT = replace(
    allowed("P-LBO", end("lgwan"), LIST, 443, kind=FlowKind.BREAKOUT),
    protocol="https",
    approval=Approval(on=date(2026, 4, 1), reason="会議"),
)
TO_PROXY = replace(
    allowed("P-PROXY", end("lgwan"), end("border", PROXY + "/32"), 8080, kind=FlowKind.BREAKOUT),
    protocol="http",
)
ONWARD = allowed("P-ON", end("border", PROXY + "/32"), LIST, 443, kind=FlowKind.BREAKOUT)
OUT = talk(LG, WEB, 443, decision=Decision.ALLOWED, allowed_by="P-LBO")
ASKED = talk(LG, PROXY, 8080, decision=Decision.ALLOWED, allowed_by="P-PROXY")
GOOD = TlsSeen(server_name="a.teams.example", offered=(0x0304, 0x0303), chosen=0x0304)


def breakout(conversation=OUT, **seen):
    return opened(conversation, ask=Ask.BREAKOUT, **seen)


def found(*looks, conversation=OUT):
    return judged(conversation, policy=city(DIRECT, TO_PROXY, ONWARD), looks=looks, opened=True)


def test_an_approved_name_over_tls_is_no_finding():
    assert found(breakout(spoken=Spoken.TLS, tls=GOOD)) == ()


def test_a_name_that_is_not_listed_is_a_violation_with_the_age_of_the_list():
    (finding,) = found(breakout(spoken=Spoken.TLS, tls=replace(GOOD, server_name="files.example")))
    assert (finding.rule, finding.verdict, finding.severity) == ("ZG-D01", Verdict.VIOLATED, Severity.HIGH)
    assert "files.example" in finding.message.en
    assert "SNI" in finding.message.en
    assert "approved on 2026-04-01" in finding.message.en
    assert "会議" in finding.message.ja


@pytest.mark.parametrize(
    ("name", "listed"),
    [
        ("a.teams.example", True),
        ("b.a.teams.example", True),
        ("teams.example", False),
        ("evilteams.example", False),
        ("LOGIN.example.", True),
        ("x.login.example", False),
    ],
)
def test_a_wildcard_holds_at_label_borders_only(name, listed):
    assert is_listed(name, LIST.names) is listed


def test_connect_is_held_against_the_names_of_the_flows_that_go_on_from_the_proxy():
    def asked(name):
        return ProxySeen(how="connect", host=name, port=443, accepted=True)

    good = breakout(ASKED, spoken=Spoken.HTTP, proxy=asked("a.teams.example"), tls=GOOD)
    assert found(good, conversation=ASKED) == ()
    # What CONNECT asks for counts, not what the client then claims inside.
    (finding,) = found(
        replace(good, look=replace(good.look, proxy=asked("files.example"))), conversation=ASKED
    )
    assert (finding.rule, finding.verdict) == ("ZG-D01", Verdict.VIOLATED)
    assert "CONNECT" in finding.message.en


def test_without_a_visible_name_nothing_is_proved():
    (finding,) = found(breakout(sight=Sight.NOTHING))
    assert (finding.rule, finding.verdict) == ("ZG-D01", Verdict.UNVERIFIABLE)
    finding = only(OUT, policy=city(DIRECT))
    assert (finding.rule, finding.verdict) == ("ZG-D01", Verdict.UNVERIFIABLE)
    assert "headers alone" in finding.message.en


def test_clear_text_is_a_violation():
    (finding,) = found(breakout(spoken=Spoken.HTTP, web=WebSeen(method="GET", host="login.example")))
    assert (finding.name, finding.verdict) == ("breakout-encryption-clear", Verdict.VIOLATED)


@pytest.mark.parametrize(
    ("tls", "name"),
    [
        (replace(GOOD, chosen=0x0301), "old"),
        (replace(GOOD, encrypted_hello=True), "ech"),
    ],
)
def test_weak_or_hiding_encryption_is_for_review(tls, name):
    (finding,) = found(breakout(spoken=Spoken.TLS, tls=tls))
    assert (finding.name, finding.verdict) == (f"breakout-encryption-{name}", Verdict.REVIEW)


def test_a_missing_name_is_for_review_and_not_merely_unverifiable():
    (finding,) = found(breakout(spoken=Spoken.TLS, tls=replace(GOOD, server_name=None)))
    assert (finding.name, finding.verdict) == ("breakout-encryption-no-sni", Verdict.REVIEW)


def test_quic_past_the_declared_https_is_for_review():
    names = {one.name for one in found(breakout(spoken=Spoken.QUIC, tls=GOOD))}
    assert names == {"breakout-encryption-quic"}


def test_a_name_that_dns_gave_for_the_address_tells_where_a_nameless_flow_goes():
    query = talk(LG, "172.16.10.53", 53, protocol=17, decision=Decision.WITHIN)

    def found_with(name):
        names = NamesSeen(queries=1, answered=1, addresses=((name, WEB),))
        looks = (opened(query, ask=Ask.NAMES, names=names), breakout(sight=Sight.NOTHING))
        return judged(OUT, query, policy=city(DIRECT), looks=looks, opened=True)

    assert found_with("a.teams.example") == ()
    (finding,) = found_with("files.example")
    assert (finding.rule, finding.verdict) == ("ZG-D01", Verdict.VIOLATED)
    assert "files.example" in finding.message.en
    assert "DNS" in finding.message.en


def test_what_passes_a_proxy_in_clear_after_connect_is_a_violation():
    proxy = ProxySeen(how="connect", host="a.teams.example", port=443, accepted=True)
    (finding,) = found(
        breakout(ASKED, spoken=Spoken.HTTP, inside=Spoken.HTTP, proxy=proxy), conversation=ASKED
    )
    assert finding.name == "breakout-encryption-clear"


def test_every_host_that_one_connection_asks_a_proxy_for_is_held_against_the_list():
    proxy = ProxySeen(
        how="absolute",
        host="login.example",
        port=80,
        accepted=True,
        others=(("files.example", 80), ("a.teams.example", 80)),
    )
    found_here = found(breakout(ASKED, spoken=Spoken.HTTP, proxy=proxy), conversation=ASKED)
    assert [one.rule for one in found_here] == ["ZG-D01"]
    assert "files.example" in found_here[0].message.en
