from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.errors import InputRefusedError
from zoneguard.firewall.model import Action, LineState
from zoneguard.firewall.parse import format_of, parse

HERE = Path(__file__).parent / "azure"
FIXTURES = sorted(HERE.glob("*.json"))
PERMIT, DENY = Action.PERMIT, Action.DENY


def fixture(name: str):
    return parse(name, (HERE / name).read_bytes())


def read(rule):
    group = {"name": "nsg", "type": "Microsoft.Network/networkSecurityGroups", "securityRules": [rule]}
    return parse("nsg.json", json.dumps([group], indent=1).encode(), format_name="azure")


def rule(**change):
    plain = {
        "name": "r", "priority": 100, "direction": "Inbound", "access": "Allow", "protocol": "Tcp", "sourceAddressPrefix": "10.10.0.0/16",
        "sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": "443",
    }  # fmt: skip
    return {key: value for key, value in {**plain, **change}.items() if value is not ...}


def inward(result, **packet):
    asked = {"ingress": "outside", "egress": "inside", "source": "10.10.10.5", "destination": "10.110.0.10", "protocol": 6, "dport": 443}  # fmt: skip
    return verdict(result.rulesets[0], **{**asked, **packet})


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_every_line_is_accounted_for(path) -> None:
    octets = path.read_bytes()
    result = parse(path.name, octets)
    assert result.format == "azure" == format_of(octets).name
    assert len(result.states) == octets.count(b"\n")
    assert LineState.UNKNOWN not in result.states


def test_rules_are_asked_by_priority_in_each_direction() -> None:
    result = fixture("list.json")
    assert inward(result) == (PERMIT, "200 web")
    assert inward(result, dport=8004)[0] is PERMIT
    assert inward(result, dport=8005) == (DENY, "100 not-this")
    assert inward(result, source="10.10.20.9")[0] is PERMIT
    assert inward(result, source="10.10.20.10")[0] is None
    assert result.rulesets[0].steps[0].lines[1].comment == "R8-001"


def test_service_tags_are_left_open_and_said_for_rules_that_somebody_wrote() -> None:
    result = fixture("list.json")
    outward = {
        "ingress": "inside",
        "egress": "outside",
        "source": "10.110.0.10",
        "destination": "198.51.100.9",
    }
    assert inward(result, **outward) == (None, "300 storage")
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED]


def test_default_rules_stand_behind_all_others_though_the_export_leaves_them_out() -> None:
    result = fixture("template.json")
    assert inward(result, source="10.110.0.5", dport=1433) == (PERMIT, "100 sql")
    assert inward(result, source="10.255.0.20", dport=22) == (PERMIT, "110 ssh")
    lines = result.rulesets[0].steps[0].lines
    assert [line.id for line in lines[2:]] == ["65000 AllowVnetInBound", "65001 AllowAzureLoadBalancerInBound", "65500 DenyAllInBound"]  # fmt: skip
    assert all(line.implicit for line in lines[2:])
    assert inward(result, source="198.51.100.1")[0] is None


@pytest.mark.parametrize(
    "change",
    [
        {"protocol": "nosuch"},
        {"sourceAddressPrefix": "VirtualNetwork"},
        {"sourceAddressPrefix": "[parameters('x')]"},
        {"sourceAddressPrefix": ..., "sourceApplicationSecurityGroups": [{"id": "x"}]},
        {"destinationPortRange": "70000"},
        {"destinationPortRange": ...},
        {"access": "Perhaps"},
        {"priority": "[variables('x')]"},
        {"novelty": 1},
    ],
)
def test_what_is_not_understood_may_match_and_never_must(change) -> None:
    result = read(rule(**change))
    assert inward(result)[0] is None
    assert result.faults


def test_protocols_ports_and_any_are_read() -> None:
    assert inward(read(rule(protocol="*")), protocol=17)[0] is PERMIT
    assert inward(read(rule(protocol="Udp")), protocol=17) == (PERMIT, "100 r")
    assert inward(read(rule(sourceAddressPrefix="Any")), source="198.51.100.1")[0] is PERMIT
    assert inward(read(rule(sourcePortRange="80")))[1] != "100 r"


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}'])
def test_what_is_no_such_output_is_refused(text) -> None:
    with pytest.raises(InputRefusedError, match=r"nsg\.json:1"):
        parse("nsg.json", text.encode(), format_name="azure")
