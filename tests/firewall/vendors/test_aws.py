from __future__ import annotations

import json
from ipaddress import ip_network
from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.errors import InputRefusedError
from zoneguard.firewall.model import Action, LineState
from zoneguard.firewall.parse import format_of, parse

HERE = Path(__file__).parent / "aws"
FIXTURES = sorted(HERE.glob("*.json"))
PERMIT, DENY = Action.PERMIT, Action.DENY


def fixture(name: str):
    return parse(name, (HERE / name).read_bytes())


def read(document):
    return parse("aws.json", json.dumps(document, indent=1).encode(), format_name="aws")


def inward(result, **packet):
    asked = {"ingress": "outside", "egress": "inside", "source": "10.10.10.5", "destination": "10.110.0.10", "protocol": 6, "dport": 443}  # fmt: skip
    return verdict(result.rulesets[0], **{**asked, **packet})


def outward(result, **packet):
    return inward(result, **{"ingress": "inside", "egress": "outside", "source": "10.110.0.10", "destination": "10.10.10.5", **packet})  # fmt: skip


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_every_line_is_accounted_for(path) -> None:
    octets = path.read_bytes()
    result = parse(path.name, octets)
    assert result.format == "aws" == format_of(octets).name
    assert len(result.states) == octets.count(b"\n")
    assert LineState.UNKNOWN not in result.states


def test_a_security_group_permits_the_union_of_its_permissions() -> None:
    result = fixture("groups.json")
    assert [one.device for one in result.rulesets] == ["sg-0invented1 (gcas-app)"]
    assert inward(result) == (PERMIT, "sg-0invented1 ingress 1")
    assert inward(result, source="10.10.21.5")[0] is PERMIT
    assert inward(result, source="10.110.0.5", protocol=17, dport=9)[0] is PERMIT
    assert inward(result, source="2001:db8:10::5", destination="2001:db8:20::5")[0] is PERMIT
    assert result.rulesets[0].steps[0].lines[0].comment == "R8-001"


def test_icmp_holds_type_and_code_in_the_ports() -> None:
    result = fixture("groups.json")
    assert inward(result, source="10.255.0.9", protocol=1, dport=2048) == (PERMIT, "sg-0invented1 ingress 2")
    assert inward(result, source="10.255.0.9", protocol=1, dport=0)[0] is None


def test_groups_and_prefix_lists_are_left_open_and_said() -> None:
    result = fixture("groups.json")
    assert inward(result, source="192.168.1.1") == (None, "sg-0invented1 ingress 3")
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED]


def test_egress_is_what_its_own_permissions_say() -> None:
    assert outward(fixture("groups.json"))[0] is PERMIT
    group = {"GroupId": "sg-1", "IpPermissions": [], "IpPermissionsEgress": []}
    assert outward(read({"SecurityGroups": [group]})) == (DENY, "sg-1 egress default")
    del group["IpPermissionsEgress"]
    assert outward(read({"SecurityGroups": [group]}))[0] is None


def test_a_network_acl_is_asked_by_number_and_keeps_no_state() -> None:
    result = fixture("acls.json")
    assert all(step.stateful is False for step in result.rulesets[0].steps)
    assert inward(result) == (PERMIT, "acl-0invented ingress 100")
    assert inward(result, source="10.10.9.5") == (DENY, "acl-0invented ingress 90")
    assert inward(result, dport=80) == (DENY, "acl-0invented ingress 32767")
    assert inward(result, source="10.255.0.9", protocol=1, dport=2048)[0] is PERMIT
    assert outward(result, dport=40000)[0] is PERMIT
    assert outward(result)[0] is DENY


def test_an_output_that_was_cut_into_pages_is_said() -> None:
    result = read({"SecurityGroups": [], "NextToken": "x"})
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED]


@pytest.mark.parametrize(
    "change",
    [
        {"IpProtocol": "nosuch"},
        {"FromPort": 99999},
        {"Novelty": 1},
        {"IpRanges": [{"CidrIp": "10.0.0.0/99"}]},
    ],
)
def test_what_is_not_understood_may_match_and_never_must(change) -> None:
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 443,
        "ToPort": 443,
        "IpRanges": [{"CidrIp": "10.0.0.0/8"}],
        **change,
    }
    result = read(
        {"SecurityGroups": [{"GroupId": "sg-1", "IpPermissions": [permission], "IpPermissionsEgress": []}]}
    )
    assert inward(result)[0] is None
    assert result.faults


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', "nonsense"])
def test_what_is_no_such_output_is_refused(text) -> None:
    with pytest.raises(InputRefusedError, match=r"aws\.json:1"):
        parse("aws.json", text.encode(), format_name="aws")


def inside_of(*documents):
    return [one.interfaces[0].networks for one in read(list(documents)).rulesets]


def test_the_networks_inside_are_told_by_vpcs_and_subnets_where_they_stand_beside():
    group = {"GroupId": "sg-1", "VpcId": "vpc-1", "IpPermissions": [], "IpPermissionsEgress": []}
    acl = {
        "NetworkAclId": "acl-1",
        "VpcId": "vpc-1",
        "Associations": [{"SubnetId": "subnet-2"}],
        "Entries": [],
    }
    vpc = {
        "VpcId": "vpc-1",
        "CidrBlock": "10.110.0.0/20",
        "CidrBlockAssociationSet": [{"CidrBlock": "10.110.0.0/20"}, {"CidrBlock": "10.111.0.0/24"}],
    }
    subnet = {"SubnetId": "subnet-2", "VpcId": "vpc-1", "CidrBlock": "10.110.2.0/24"}
    rules = {"SecurityGroups": [group], "NetworkAcls": [acl]}
    whole = (ip_network("10.110.0.0/20"), ip_network("10.111.0.0/24"))
    part = (ip_network("10.110.2.0/24"),)
    assert inside_of(rules) == [(), ()]
    assert inside_of(rules, {"Subnets": [subnet]}) == [part, part]
    assert inside_of(rules, {"Vpcs": [vpc]}) == [whole, whole]
    assert inside_of(rules, {"Vpcs": [vpc]}, {"Subnets": [subnet]}) == [whole, part]
    assert read([rules, {"Vpcs": [vpc]}]).faults == ()
