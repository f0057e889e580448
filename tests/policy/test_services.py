"""How services are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneguard.policy.model import Service
from zoneguard.policy.services import ServiceTextError, format_service, parse_service


@pytest.mark.parametrize(
    ("written", "protocol", "ports"),
    [
        ("tcp/443", 6, (443, 443)),
        ("udp/3478-3481", 17, (3478, 3481)),
        ("tcp/*", 6, (0, 65535)),
        ("icmp/8", 1, (2048, 2303)),
        ("icmp/8/0", 1, (2048, 2048)),
        ("icmp/*", 1, (0, 65535)),
        ("gre", 47, (0, 65535)),
        ("esp", 50, (0, 65535)),
        ("ip/47", 47, (0, 65535)),
        ("any", None, (0, 65535)),
    ],
)
def test_service_is_read_as_protocol_and_ports(written, protocol, ports):
    assert parse_service(written) == Service(protocol=protocol, ports=ports)


@pytest.mark.parametrize("written", ["", "http", "tcp/1-", "ip/256", "icmp/256", "gre/1", "tcp/１", "any/1"])
def test_service_that_cannot_be_read_is_refused_in_both_languages(written):
    with pytest.raises(ServiceTextError) as refused:
        parse_service(written)
    assert written in refused.value.text.ja


@given(
    st.builds(
        lambda p, a, b: Service(protocol=p, ports=(min(a, b), max(a, b))),
        st.just(6),
        *[st.integers(0, 65535)] * 2,
    )
    | st.builds(lambda t: Service(protocol=1, ports=(t * 256, t * 256 + 255)), st.integers(0, 255))
    | st.builds(lambda t: Service(protocol=58, ports=(t, t)), st.integers(0, 65535))
    | st.builds(lambda p: Service(protocol=p), st.none() | st.integers(0, 255))
)
def test_service_written_is_read_back_as_the_same(service):
    assert parse_service(format_service(service)) == service
