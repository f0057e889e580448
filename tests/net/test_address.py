from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoneguard.net.address import (
    V4_FIRST,
    V4_LAST,
    address_at,
    address_text,
    is_link_scope,
    is_public,
    mac_number,
    mac_text,
    number_at,
    number_of,
    pair_of,
    spans_of,
)


@given(st.ip_addresses())
def test_an_address_survives_the_way_through_halves(address):
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    assert address_at(number_at(pair_of(number_of(address)))) == address


def test_ipv4_is_written_as_ipv4():
    assert address_text((0, 0xFFFF_C0A8_0101)) == "192.168.1.1"
    assert address_text((0x20010DB8 << 32, 1)) == "2001:db8::1"


def test_an_ipv6_network_holds_no_ipv4_address():
    assert spans_of(ip_network("::/0")) == ((0, V4_FIRST - 1), (V4_LAST + 1, (1 << 128) - 1))
    assert spans_of(ip_network("0.0.0.0/0")) == ((V4_FIRST, V4_LAST),)
    assert spans_of(ip_network("::/80")) == ((0, V4_FIRST - 1),)


@pytest.mark.parametrize("text", ["203.0.113.9", "8.8.8.8", "2001:db8::1", "172.32.0.1", "100.128.0.1"])
def test_global_and_documentation_addresses_are_public(text):
    assert is_public(number_of(ip_address(text)))


LOCAL = (
    "10.1.2.3 172.31.0.1 192.168.0.1 100.64.0.1 127.0.0.1 169.254.1.1 224.0.0.1 0.0.0.0 0.1.2.3 255.255.255.255 "
    "fd00::1 fe80::1 ::1 :: ff02::1"
)


@pytest.mark.parametrize("text", LOCAL.split())
def test_local_addresses_are_not_public(text):
    assert not is_public(number_of(ip_address(text)))


def test_multicast_and_broadcast_have_link_scope():
    assert all(
        is_link_scope(number_of(ip_address(one))) for one in ("239.1.1.1", "255.255.255.255", "ff02::fb")
    )
    assert not is_link_scope(number_of(ip_address("10.255.255.255")))


def test_a_mac_is_read_as_people_write_it():
    assert mac_text(0x020000FE0001) == "02:00:00:fe:00:01"
    assert {mac_number(one) for one in ("02:00:00:fe:00:01", "02-00-00-FE-00-01", "0200.00fe.0001")} == {
        0x020000FE0001
    }
    with pytest.raises(ValueError, match="12 hexadecimal digits"):
        mac_number("02:00")
