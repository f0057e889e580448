"""Shared services as opened flows show them: names asked for, resolvers over HTTPS, proxies."""

from dataclasses import replace

import pytest

from tests.rules.building import IN, MN, WEB, allowed, city, end, judged, opened, talk
from zoneguard.dissect.record import NamesSeen, ProxySeen, Spoken, TlsSeen
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import Payload
from zoneguard.rules.choosing import Ask
from zoneguard.rules.evidence import Decision

PROXY = "192.168.251.4"
BROWSING = talk(IN, PROXY, 8080, decision=Decision.ALLOWED, allowed_by="A-WEB")
POLICY = city(allowed("A-WEB", end("internet"), end("border", PROXY + "/32"), 8080))


def named(*suffixes, answered=0, **more):
    return NamesSeen(
        queries=len(suffixes), answered=answered, suffixes=tuple((one, 1) for one in suffixes), **more
    )


def dns(orig, resp, names, *, decision=Decision.WITHIN):
    conversation = talk(orig, resp, 53, protocol=17, decision=decision)
    looks = (opened(conversation, ask=Ask.NAMES, spoken=Spoken.DNS, names=names),)
    return judged(conversation, looks=looks, opened=True)


def test_names_of_lgwan_asked_for_on_the_internet_side_are_for_review():
    (finding,) = dns(IN, "192.168.20.53", named("lgwan.jp", "example.jp"))
    assert (finding.name, finding.verdict) == ("dns-leak-lgwan-names", Verdict.REVIEW)
    assert dns(IN, "192.168.20.53", named("notlgwan.jp")) == ()


def test_outside_names_answered_to_the_mynumber_zone_are_for_review():
    (finding,) = dns(MN, "10.10.20.53", named("example.com", answered=1))
    assert (finding.name, finding.severity) == ("dns-leak-outside-names", Severity.CRITICAL)
    assert "example.com" in finding.message.en


@pytest.mark.parametrize("suffix", ["in-addr.arpa", "local", "lgwan.jp", "wpad"])
def test_inside_names_answered_to_the_mynumber_zone_are_nothing(suffix):
    assert dns(MN, "10.10.20.53", named(suffix, answered=1)) == ()


def test_outside_names_that_were_not_answered_are_nothing():
    assert dns(MN, "10.10.20.53", named("example.com")) == ()


def test_a_public_resolver_over_https_is_for_review_even_where_the_way_is_allowed():
    look = opened(BROWSING, spoken=Spoken.HTTP, tls=TlsSeen(server_name="dns.google"))
    (finding,) = judged(BROWSING, policy=POLICY, looks=(look,), opened=True)
    assert (finding.name, finding.verdict) == ("dns-leak-https", Verdict.REVIEW)
    assert "Google Public DNS" in finding.message.ja


def test_a_public_resolver_over_https_past_the_policy_is_a_violation():
    direct = talk(IN, WEB, 443)
    look = opened(direct, spoken=Spoken.TLS, tls=TlsSeen(server_name="cloudflare-dns.com"))
    (finding,) = judged(direct, looks=(look,), opened=True)
    assert "ZG-G01" in {finding.rule, *finding.related}
    assert finding.verdict is Verdict.VIOLATED


@pytest.mark.parametrize(
    ("host", "port", "accepted", "told"),
    [
        ("www.example.jp", 443, True, False),
        ("www.example.jp", 22, True, True),
        ("203.0.113.7", 443, True, True),
        ("[2001:db8::7]", 443, None, True),
        ("203.0.113.7", 22, False, False),
    ],
)
def test_a_proxy_that_passes_on_more_than_https_to_a_name_is_for_review(host, port, accepted, told):
    proxy = ProxySeen(how="connect", host=host, port=port, accepted=accepted)
    found = judged(BROWSING, policy=POLICY, looks=(opened(BROWSING, proxy=proxy),), opened=True)
    assert [(one.name, one.verdict) for one in found] == (
        [("infrastructure-leak-proxy", Verdict.REVIEW)] if told else []
    )


def test_a_clear_request_by_way_of_a_proxy_is_what_proxies_are_for():
    proxy = ProxySeen(how="absolute", host="www.example.jp", port=80, accepted=True)
    looks = (opened(BROWSING, proxy=replace(proxy)),)
    assert judged(BROWSING, policy=POLICY, looks=looks, opened=True) == ()


def test_a_proxy_that_passes_on_ssh_behind_connect_is_for_review():
    proxy = ProxySeen(how="connect", host="www.example.jp", port=443, accepted=True)
    look = opened(BROWSING, spoken=Spoken.HTTP, inside=Spoken.SSH, proxy=proxy)
    (finding,) = judged(BROWSING, policy=POLICY, looks=(look,), opened=True)
    assert finding.name == "infrastructure-leak-proxy"


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        (Payload.SSH, "ZG-G03"),
        (Payload.LDAP, "ZG-G03"),
        (Payload.SMB, "ZG-G03"),
        (Payload.DNS_QUERY, "ZG-G01"),
        (Payload.SOCKS, "ZG-G02"),
    ],
)
def test_a_service_is_told_by_its_first_octets_on_whatever_port(payload, rule):
    (finding,) = judged(talk("10.255.0.30", IN, 4433, orig_payload=payload))
    assert rule in {finding.rule, *finding.related}
