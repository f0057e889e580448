from __future__ import annotations

from tests.dissect.building import answer, query, tcp, udp, vector, words
from zoneguard.dissect.look import look
from zoneguard.dissect.record import Spoken


def names(*turns):
    found = look(udp(*turns), 17, 53)
    assert found.spoken is Spoken.DNS
    return found.names


def test_queries_and_their_answers_are_counted_by_shape():
    told = names(
        (True, query("www.city.reiji.lg.jp", number=1)),
        (False, answer("www.city.reiji.lg.jp", number=1)),
        (True, query("host1.inside.example", kind=28, number=2)),
        (False, answer("host1.inside.example", kind=28, number=2, rcode=3, count=0)),
        (True, query("WWW.Inside.Example", number=3)),
        (False, answer("WWW.Inside.Example", number=3)),
    )
    assert (told.queries, told.answered, told.distinct) == (3, 2, 3)
    assert told.suffixes == (("inside.example", 2), ("reiji.lg.jp", 1))
    assert told.types == (("A", 2), ("AAAA", 1))
    assert told.longest == len("www.city.reiji.lg.jp") + 1


def test_an_answer_without_its_query_tells_what_was_asked():
    told = names((False, answer("a.example")))
    assert (told.queries, told.answered) == (1, 1)


def test_a_name_asked_again_is_one_distinct_name():
    told = names((True, query("a.example")), (True, query("A.example", number=9)))
    assert (told.queries, told.distinct) == (2, 1)


def test_octets_that_names_and_texts_carry_are_counted():
    told = names((True, query("x" * 60 + ".t.example", kind=16)), (False, answer("x" * 60 + ".t.example", kind=16, data=b"d" * 100)))  # fmt: skip
    assert told.octets == 60 + 1 + len("t.example") + 1 + 100
    assert told.types == (("TXT", 1),)


def test_a_single_label_is_not_kept_since_it_names_a_machine():
    assert names((True, query("canary-pc"))).suffixes == (("*", 1),)


def test_messages_over_tcp_are_read_in_turn():
    asked = vector(query("a.example", number=1), 2) + vector(query("b.example", number=2), 2)
    answered = vector(answer("a.example", number=1), 2) + vector(answer("b.example", number=2), 2)
    found = look(tcp((True, asked), (False, answered)), 6, 53)
    assert (found.spoken, found.names.queries, found.names.answered) == (Spoken.DNS, 2, 2)


def test_pointers_that_go_in_circles_end():
    head = words(7, 0x0100, 1, 0, 0, 0)
    for name in (b"\xc0\x0c", b"\x01a\xc0\x0c", b"\xc0\xff"):
        assert look(udp((True, head + name + words(1, 1))), 17, 53).names is None


def test_the_names_of_netbios_are_no_dns():
    name = "E" * 32
    assert look(udp((True, query(name, kind=32))), 17, 137).spoken is None
