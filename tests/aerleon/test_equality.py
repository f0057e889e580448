"""One policy, generated for every platform by Aerleon, permits the same packets as our parsers read them back."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.aerleon import meaning, policies
from tests.aerleon.generate import ACLGEN, generated
from tests.aerleon.platforms import PLATFORMS
from zoneguard.firewall.model import LineState
from zoneguard.firewall.parse import parse
from zoneguard.firewall.permit import Permitter, services_of
from zoneguard.net.product import Probe, Product, holds, same_packets, subtract_all
from zoneguard.net.service import Point, Service
from zoneguard.net.spans import ANY_V4, spans_from
from zoneguard.net.universe import ServiceUniverse

if TYPE_CHECKING:
    from tests.aerleon.meaning import Term
    from tests.aerleon.platforms import Platform
    from zoneguard.firewall.model import ParseResult

RANDOM = 40
BY_NAME = {platform.name: platform for platform in PLATFORMS}

pytestmark = pytest.mark.skipif(
    not ACLGEN.exists(), reason="needs Aerleon in its own environment: make aerleon"
)


class Read(NamedTuple):
    """What a platform permits of the packets that open a connection, as we read its export."""

    result: ParseResult
    universe: ServiceUniverse
    surely: list[Product]
    perhaps: list[Product]  # only if what is not understood turns out so


@pytest.fixture(scope="module")
def every() -> dict[str, Any]:
    random = Random(7)
    return policies.written() | {f"random-{at}": policies.random_policy(random) for at in range(RANDOM)}


@pytest.fixture(scope="module")
def texts(every, tmp_path_factory) -> dict[tuple[str, str], str]:
    return generated(tmp_path_factory.mktemp("aerleon"), every)


def read(platform: Platform, text: str, terms: list[Term]) -> Read:
    result = parse(platform.name, platform.device(text).encode(), format_name=platform.format)
    (ruleset,) = result.rulesets
    universe = ServiceUniverse(services_of([ruleset], beside=meaning.services_of(terms)))
    asked = Product(ANY_V4, ANY_V4, universe.set_of(*meaning.OPENING))
    passages = list(Permitter(ruleset, universe).passages(asked, *platform.way))
    return Read(
        result,
        universe,
        [one.entered for one in passages if one.sure],
        [one.entered for one in passages if not one.sure],
    )


def expected(
    platform: Platform, terms: list[Term], universe: ServiceUniverse, *, sure: bool
) -> list[Product]:
    """Give what the generated text permits: where a term is left open, at least (`sure`) or at most."""
    said = []
    for term in platform.wrong(terms):
        if not platform.is_open(term):
            said.append(term)
        elif term.permits is not sure:
            said.append(term._replace(services=(Service(),)))
    return meaning.permitted(said, universe)


@pytest.mark.parametrize("name", BY_NAME)
def test_each_platform_permits_what_the_policy_says_and_its_generator_wrote(name, every, texts):
    platform = BY_NAME[name]
    for policy, document in every.items():
        terms = meaning.terms_of(document)
        found = read(platform, texts[policy, platform.suffix], terms)
        surely = expected(platform, terms, found.universe, sure=True)
        at_most = expected(platform, terms, found.universe, sure=False)
        assert same_packets(found.surely, surely), policy
        assert same_packets([*found.surely, *found.perhaps], at_most), policy
        assert LineState.UNKNOWN not in found.result.states, policy


@pytest.mark.parametrize("name", BY_NAME)
def test_platforms_whose_generator_is_right_agree_with_the_policy_and_so_with_each_other(name, every, texts):
    platform = BY_NAME[name]
    right = 0
    for policy, document in every.items():
        terms = meaning.terms_of(document)
        if platform.wrong(terms) != terms or any(map(platform.is_open, terms)):
            continue
        found = read(platform, texts[policy, platform.suffix], terms)
        assert found.perhaps == [], policy
        assert same_packets(found.surely, meaning.permitted(terms, found.universe)), policy
        right += 1
    assert right >= RANDOM // 4
    assert right == len(every) or platform.name in ("fortigate", "panos")


def test_every_file_that_was_generated_is_of_a_platform_in_the_table(every, texts):
    assert {suffix for _, suffix in texts} == {platform.suffix for platform in PLATFORMS}
    assert len(texts) == len(every) * len(PLATFORMS)


def test_service_all_of_the_fortigate_generator_is_found_packet_for_packet(every, texts):
    terms = meaning.terms_of(every["lgwan-to-internet"])
    found = read(BY_NAME["fortigate"], texts["lgwan-to-internet", ".fgacl"], terms)
    policy = meaning.permitted(terms, found.universe)
    assert list(subtract_all(policy, found.surely)) == []
    beyond = list(subtract_all(found.surely, policy))
    # Written by hand: everything but the protocol that the term names, less what the policy has for other terms.
    denied = _products(
        found, "0.0.0.0-255.255.255.255", "0.0.0.0-255.255.255.255", Service((6, 6), dport=(23, 23))
    )
    rest = (
        ("172.16.10.25-172.16.10.25", ("192.168.250.10-192.168.250.10", "192.168.250.12-192.168.250.12"), 1),
        ("172.16.10.60-172.16.10.61", ("192.168.250.0-192.168.250.31",), 50),
        ("172.16.10.60-172.16.10.61", ("192.168.10.0-192.168.10.63",), 6),
    )
    by_hand = [
        product
        for source, destinations, protocol in rest
        for destination in destinations
        for product in _products(
            found, source, destination, Service((0, protocol - 1)), Service((protocol + 1, 255))
        )
    ]
    assert same_packets(beyond, subtract_all(by_hand, [*denied, *policy]))
    share = Probe(_at("172.16.10.25"), _at("192.168.250.10"), Point(6, 49152, 445, flags=2))
    assert any(holds(one, share, found.universe) for one in beyond)


def _products(found: Read, source: str, destination: str, *services: Service) -> list[Product]:
    opening = found.universe.set_of(*meaning.OPENING)
    kinds = found.universe.set_of(*services) & opening
    return [Product(_span(source), _span(destination), kinds)]


def _span(text: str) -> Any:
    first, _, last = text.partition("-")
    return spans_from([(_at(first), _at(last))])


def _at(text: str) -> int:
    from ipaddress import ip_address

    from zoneguard.net.address import number_of

    return number_of(ip_address(text))
