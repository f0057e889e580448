"""Reading zones.yaml."""

from __future__ import annotations

import re
from datetime import date
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoneguard.errors import InputRefusedError
from zoneguard.policy.load import find_policy, load_policy, parse_policy
from zoneguard.policy.model import Policy, Principle, Role
from zoneguard.policy.presets import PRESETS, preset

ROOT = Path(__file__).parents[2]
EXAMPLES = [ROOT / "zones.yaml", *sorted((ROOT / "captures").glob("zones-*.yaml"))]

HEAD = """version: 1
organization: {ja: 例示市, en: Reiji City}
model: alpha
"""
ZONES = """zones:
  lgwan: {role: lgwan, name: {ja: LG, en: LG}, segments: [{cidr: 10.2.0.0/24}]}
  internet: {role: internet, name: {ja: IN, en: IN}, segments: [{cidr: 10.3.0.0/24}]}
"""


def faults(text: str | bytes) -> list[str]:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(InputRefusedError) as refused:
        parse_policy(data, "zones.yaml")
    assert all(fault.ja != fault.en for fault in refused.value.faults)
    return [fault.en for fault in refused.value.faults]


def parsed(text: str) -> Policy:
    return parse_policy(text.encode(), "zones.yaml")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda path: path.name)
def test_every_example_policy_is_free_of_mistakes(file):
    assert load_policy(file).flows


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_free_of_mistakes(name):
    assert parsed(preset(name)).separations


def test_example_city_has_its_twelve_zones_and_resolves_what_it_names():
    policy = load_policy(ROOT / "zones.yaml")
    assert len(policy.zones) == 12
    assert policy.role("mynumber_cloud") is Role.MYNUMBER
    mail = next(flow for flow in policy.flows if flow.id == "A-MAIL-IN-2")
    assert mail.source.networks == (ip_network("172.16.251.2/32"),)
    assert mail.source.gateway == "mail-sanitizer"
    register = next(flow for flow in policy.flows if flow.id == "SP-05")
    assert register.source.macs == (0x021010000051,)
    assert register.place is not None
    lines = (ROOT / "zones.yaml").read_text(encoding="utf-8").splitlines()
    assert lines[register.place.line - 1][register.place.column - 1 :] == "id: SP-05"


def test_the_approvals_of_the_example_city_are_valid_in_november_2026():
    policy = load_policy(ROOT / "zones.yaml")
    today = date(2026, 11, 23)
    expired = {
        flow.id
        for flow in policy.flows
        if flow.approval and flow.approval.until and flow.approval.until < today
    }
    assert not expired


def test_three_mistakes_are_told_at_once_each_with_its_place():
    text = (
        HEAD
        + """zones:
  lgwan:
    role: lgwan
    name: {ja: LG, en: LG}
    segments:
      - {cidr: 10.2.0.0/24}
  kiosk:
    role: other
    name: {ja: K, en: K}
    netwroks: []
    segments:
      - {cidr: 10.2.0.0/24}
flows:
  - {id: X, kind: permit, from: {zone: lgwn}, to: {zone: kiosk}, services: [tcp/1]}
"""
    )
    assert faults(text) == [
        (
            "zones.yaml:13:5: unknown key 'netwroks'; the keys here are "
            "role, name, extends, segments, ipv6, next_hops, routers, macs, to_decide"
        ),
        (
            "zones.yaml:15:16: zones 'lgwan' and 'kiosk' both claim 10.2.0.0/24; "
            "give each of them its own vlan or vrf"
        ),
        "zones.yaml:17:40: there is no zone 'lgwn'; did you mean 'lgwan'?",
    ]


def test_one_range_may_be_in_two_zones_told_apart_by_vlan():
    one, other = "cidr: 10.2.0.0/24, vlan: 1", "cidr: 10.2.0.0/24, vlan: 2"
    text = HEAD + ZONES.replace("cidr: 10.2.0.0/24", one).replace("cidr: 10.3.0.0/24", other)
    assert len(parsed(text).zones) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("vlan: 5", "vlan: 5"),
        ("vlan: 5", "vrf: A"),
        ("vrf: A", "vrf: A"),
        ("vlan: 5, vrf: A", "vlan: 5, vrf: B"),
        ("vlan: 5", "purpose: x"),
    ],
)
def test_one_range_in_two_zones_that_no_packet_can_tell_apart_is_refused(one, other):
    text = HEAD + ZONES.replace("cidr: 10.2.0.0/24", f"cidr: 10.2.0.0/24, {one}").replace(
        "cidr: 10.3.0.0/24", f"cidr: 10.2.0.0/24, {other}"
    )
    assert any("both claim 10.2.0.0/24" in fault for fault in faults(text))


MISTAKES = {
    "host bits": ("10.2.0.0/24", "10.2.0.7/24", "10.2.0.7/24 has host bits set; write 10.2.0.0/24"),
    "model": ("model: alpha", "model: alhpa", "did you mean alpha?"),
    "version": ("version: 1", "version: 2", "version must be 1"),
    "missing key": ("role: lgwan, ", "", "zone 'lgwan' has no role"),
    "reserved": ("  lgwan:", "  public:", "'public' is a reserved name"),
    "vlan": ("10.2.0.0/24", "10.2.0.0/24, vlan: 4095", "must be at most 4094"),
    "vlan as text": ("10.2.0.0/24", "10.2.0.0/24, vlan: '5'", "must be a whole number"),
    "sensor": ("10.2.0.0/24", "10.2.0.0/24, sensor: S1", "there is no sensor 'S1'"),
    "duplicate key": ("  internet:", "  lgwan:", "key 'lgwan' is already on line 5"),
    "alias": ("segments: [{cidr: 10.3.0.0/24}]", "segments: *nothing", "this is not YAML"),
    "tag": ("role: lgwan", "role: !!python/name:os.system lgwan", "remove its YAML tag"),
    "circle": ("role: lgwan", "extends: lgwan", "extends itself in a circle"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistake_in_a_zone_is_told_with_a_way_out(case):
    before, after, said = MISTAKES[case]
    told = faults((HEAD + ZONES).replace(before, after, 1))
    assert len(told) == 1
    assert said in told[0]
    assert re.match(r"zones\.yaml:\d+:\d+: ", told[0])


FLOW_MISTAKES = {
    "foreign address": ("zone: lgwan", "zone: lgwan, addresses: [10.3.0.9]", "it is in internet"),
    "private as public": ("zone: internet", "zone: public, addresses: [10.9.0.1]", "is not in zone 'public'"),
    "gateway": ("zone: internet", "zone: internet, gateway: g", "there is no gateway 'g'"),
    "leg alone": ("zone: internet", "zone: internet, leg: lgwan", "leg needs a gateway"),
    "port": ("tcp/1", "tcp/65536", "service 'tcp/65536' cannot be read"),
    "backwards": ("tcp/1", "tcp/20-10", "write 10-20"),
    "dates": (
        "kind: permit",
        "kind: permit, approval: {on: 2026-04-02, until: 2026-04-01}",
        "before its approval",
    ),
    "no such day": ("kind: permit", "kind: permit, approval: {on: 2026-02-30}", "'2026-02-30' is not a date"),
    "mac": ("zone: lgwan", "zone: lgwan, macs: [02:00:00:00:00]", "is not a MAC address"),
    "span": ("kind: permit", "kind: permit, required: {every: daily}", "'daily' is not an interval"),
}


@pytest.mark.parametrize("case", FLOW_MISTAKES)
def test_mistake_in_a_flow_is_told_with_a_way_out(case):
    before, after, said = FLOW_MISTAKES[case]
    flow = "flows:\n  - {id: X, kind: permit, from: {zone: lgwan}, to: {zone: internet}, services: [tcp/1]}\n"
    told = faults(HEAD + ZONES + flow.replace(before, after, 1))
    assert len(told) == 1
    assert said in told[0]


def test_flow_id_used_twice_is_refused():
    flow = "  - {id: X, kind: permit, from: {zone: lgwan}, to: {zone: internet}, services: [tcp/1]}\n"
    assert faults(HEAD + ZONES + "flows:\n" + flow + flow) == [
        "zones.yaml:9:10: the id 'X' is used twice in flows; give one of them another id"
    ]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "zones.yaml:1:1: the file is empty"),
        (b"# nothing but a remark\n", "zones.yaml:1:1: the file is empty"),
        (b"- a\n- b\n", "zones.yaml:1:1: a policy is a mapping"),
        (b"just words", "zones.yaml:1:1: a policy is a mapping"),
        ("version: 1\norganization: 例示市".encode("cp932"), "zones.yaml:2:15: this is not UTF-8"),
        (b"a: [1,", "this is not YAML"),
        (b"a: \x00", "this is not YAML"),
        (b"[" * 900, "zones.yaml:1:65: more than 64 levels"),
        (b"[" * 200_000, "zones.yaml:1:"),  # PyYAML from 6.0.4 on refuses it by itself
        (b"a: " + b"[" * 70 + b"]" * 70, "more than 64 levels"),
        (b"a: &a [*a]\n", "more than 64 levels"),
        (b"x: " + b"9" * 10_000_001, "more than the 10,000,000 allowed"),
    ],
)
def test_file_that_is_no_policy_is_refused_with_the_reason(data, said):
    assert said in faults(data)[0]


def test_aliases_that_multiply_are_refused_in_little_time():
    layers = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    assert "aliases" in faults("\n".join(["a0: &a0 [x]", *layers]))[0]


def test_words_that_yaml_1_1_would_convert_stay_words():
    text = (HEAD + ZONES).replace("en: LG", "en: no").replace("  lgwan:", "  on:")
    assert parsed(text).zones[0].name.en == "no"
    assert parsed(text).zones[0].id == "on"


def test_separations_come_from_the_model_when_the_file_names_none():
    text = (HEAD + ZONES).replace("  lgwan:", "  lg:")
    pairs = {row.between: row.principle for row in parsed(text).separations}
    assert pairs == {("lg", "internet"): Principle.DIVISION}
    assert parsed(text.replace("model: alpha", "model: custom")).separations == ()


def test_policy_is_found_here_or_above(tmp_path):
    (tmp_path / "zones.yaml").write_text("", encoding="utf-8")
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert find_policy(below) == tmp_path / "zones.yaml"


def test_policy_that_cannot_be_opened_is_refused(tmp_path):
    with pytest.raises(InputRefusedError, match="cannot be opened"):
        load_policy(tmp_path / "zones.yaml")


def outcome(data: bytes) -> Policy | None:
    try:
        return parse_policy(data, "zones.yaml")
    except InputRefusedError as refused:
        return None if refused.faults else pytest.fail("a refusal says why")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_policy_or_a_refusal(data):
    outcome(data)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_change_to_a_policy_gives_a_policy_or_a_refusal(data):
    lines = preset("alpha").splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        words = re.findall(r"\S+|\s+", lines[at]) or [""]
        word = data.draw(st.integers(0, len(words) - 1))
        words[word] = data.draw(
            st.sampled_from(
                ["", "null", "[]", "{}", "- ", ": ", "*a", "&a ", "public", "-1", "1e9", "[[1]]", "?", "\t"]
            )
            | st.text(max_size=8)
        )
        lines[at] = "".join(words)
    outcome("\n".join(lines).encode("utf-8", "surrogatepass"))
