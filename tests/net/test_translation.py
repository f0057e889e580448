from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoneguard.net.address import number_of, spans_of
from zoneguard.net.product import Product, same_packets, subtract, within
from zoneguard.net.service import Service
from zoneguard.net.spans import ANYWHERE
from zoneguard.net.translation import Side, Translation, back, moved_services, taken, translate
from zoneguard.net.universe import ServiceUniverse

HTTPS = Service(protocol=(6, 6), dport=(443, 443))
PUBLISHED = Service(protocol=(6, 6), dport=(8443, 8443))


def net(text):
    return spans_of(ip_network(text))[0]


def one(text):
    return (number_of(ip_address(text)),) * 2


PORT_FORWARD = Translation(
    side=Side.DESTINATION,
    before=one("203.0.113.5"),
    after=one("172.16.10.25"),
    ports=((8443, 8443), (443, 443)),
)
SHIFT = Translation(side=Side.DESTINATION, before=net("203.0.113.0/24"), after=net("10.1.2.0/24"))
HIDE = Translation(side=Side.SOURCE, before=net("172.16.20.0/22"), after=one("203.0.113.1"))
POOL = Translation(side=Side.SOURCE, before=net("172.16.20.0/22"), after=net("203.0.113.0/29"))


def universe_of(*translations):
    return ServiceUniverse(moved_services([HTTPS, PUBLISHED], translations))


def test_a_forwarded_port_reaches_the_server_behind_and_leads_back():
    universe = universe_of(PORT_FORWARD)
    outside = Product(ANYWHERE, (one("203.0.113.5"),), universe.set_of(PUBLISHED))
    (piece,) = translate(outside, PORT_FORWARD, universe)
    assert piece.after == Product(ANYWHERE, (one("172.16.10.25"),), universe.set_of(HTTPS))
    assert piece.exact
    assert back(piece.after, piece, PORT_FORWARD) == outside


def test_spans_of_equal_size_move_one_to_one():
    universe = universe_of()
    part = Product(ANYWHERE, (net("203.0.113.64/26"),), universe.everything)
    (piece,) = translate(part, SHIFT, universe)
    assert piece.after.destination == (net("10.1.2.64/26"),)
    asked = piece.after._replace(destination=(one("10.1.2.70"),))
    assert back(asked, piece, SHIFT).destination == (one("203.0.113.70"),)


def test_many_behind_one_address_lead_back_to_all_of_them():
    universe = universe_of()
    (piece,) = translate(Product(ANYWHERE, ANYWHERE, universe.everything), HIDE, universe)
    assert piece.exact
    assert piece.after.source == (one("203.0.113.1"),)
    assert back(piece.after, piece, HIDE).source == (net("172.16.20.0/22"),)


def test_a_pool_is_only_what_may_come_out():
    universe = universe_of()
    (piece,) = translate(Product(ANYWHERE, ANYWHERE, universe.everything), POOL, universe)
    assert not piece.exact
    assert piece.after.source == (net("203.0.113.0/29"),)


def test_a_pool_of_equal_size_is_one_when_it_is_said_to_be():
    universe = universe_of()
    pool = Translation(side=Side.SOURCE, before=SHIFT.before, after=SHIFT.after, is_pool=True)
    (piece,) = translate(Product((one("203.0.113.9"),), ANYWHERE, universe.everything), pool, universe)
    assert not piece.exact
    assert piece.after.source == (net("10.1.2.0/24"),)


def test_what_the_mapping_does_not_take_stays_out():
    universe = universe_of(PORT_FORWARD)
    elsewhere = Product(ANYWHERE, (one("203.0.113.6"),), universe.everything)
    assert list(translate(elsewhere, PORT_FORWARD, universe)) == []
    assert list(subtract(elsewhere, taken(PORT_FORWARD, universe))) == [elsewhere]


def test_ports_that_would_cut_an_atom_are_refused():
    universe = ServiceUniverse([HTTPS])
    with pytest.raises(ValueError, match="cuts an atom"):
        list(translate(Product(ANYWHERE, ANYWHERE, universe.everything), PORT_FORWARD, universe))


sides = st.sampled_from([SHIFT, HIDE, POOL, PORT_FORWARD])
products = st.sampled_from(["0.0.0.0/0", "203.0.113.0/28", "172.16.20.0/23", "203.0.113.5/32"]).map(
    lambda text: spans_of(ip_network(text))
)


@settings(deadline=None)
@given(products, products, sides, st.sampled_from([HTTPS, PUBLISHED, Service()]))
def test_the_parts_taken_and_left_make_up_the_product(source, destination, translation, service):
    universe = universe_of(PORT_FORWARD)
    whole = Product(source, destination, universe.set_of(service))
    parts = list(translate(whole, translation, universe))
    left = list(subtract(whole, taken(translation, universe)))
    assert same_packets([whole], [*(part.before for part in parts), *left])
    for part in parts:
        assert within(back(part.after, part, translation), part.before)
        assert same_packets([back(part.after, part, translation)], [part.before])
