"""What is never proposed."""

from __future__ import annotations

import pytest

from zoneguard.net.flow import Payload
from zoneguard.onboarding.dangers import why_not
from zoneguard.policy.model import Role

FROM_LGWAN = (("lgwan", "border"), (Role.LGWAN, Role.BORDER))


@pytest.mark.parametrize(
    ("zones", "roles", "word"),
    [
        (("mn", "out"), (Role.MYNUMBER, Role.EXTERNAL), "isolated"),
        (("out", "mn"), (Role.EXTERNAL, Role.MYNUMBER), "isolated"),
        (("lg", "in"), (Role.LGWAN, Role.INTERNET), "divided"),
        (("in", "lg"), (Role.INTERNET, Role.LGWAN), "divided"),
        (("school", "lg"), (Role.OUT_OF_SCOPE, Role.LGWAN), "out of scope"),
        (("public", "in"), (None, Role.INTERNET), "from the Internet"),
        (("lg", "public"), (Role.LGWAN, None), "to the Internet directly"),
        (("x", "public"), (Role.OTHER, None), "to the Internet directly"),
        (("unknown", "lg"), (None, Role.LGWAN), "no zone"),
    ],
)
def test_a_pair_that_is_to_be_separated_is_never_proposed(zones, roles, word):
    assert word in why_not(zones, roles, (6, 443), ()).en


@pytest.mark.parametrize(
    ("service", "payloads", "word"),
    [
        ((6, 3389), (), "remote control"),
        ((6, 22), (), "remote control"),
        ((6, 443), (Payload.RDP,), "remote control"),
        ((6, 23), (), "clear text"),
        ((17, 161), (), "clear text"),
        ((47, 0), (), "a tunnel"),
        ((50, 0), (), "a tunnel"),
        ((17, 51820), (), "a tunnel"),
        ((6, 8080), (Payload.SOCKS,), "a tunnel"),
        ((6, 445), (), "file sharing"),
        ((6, 50_000), (), "ephemeral"),
    ],
)
def test_a_dangerous_service_is_never_proposed(service, payloads, word):
    assert word in why_not(*FROM_LGWAN, service, payloads).en


@pytest.mark.parametrize("service", [(6, 25), (6, 443), (17, 53), (17, 123), (1, 2048)])
def test_an_ordinary_service_between_ordinary_zones_may_be_proposed(service):
    assert why_not(*FROM_LGWAN, service, (Payload.NONE, Payload.OTHER)) is None
