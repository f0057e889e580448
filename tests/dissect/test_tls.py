from __future__ import annotations

import pytest

from tests.dissect import building
from tests.dissect.building import (
    client_hello,
    extension,
    handshake,
    hello_body,
    record,
    server_hello,
    tcp,
    udp,
)
from zoneguard.dissect.hello import ClientHello
from zoneguard.dissect.ja4 import ja4
from zoneguard.dissect.look import look
from zoneguard.dissect.record import Sight, Spoken


def seen(*turns, **kwargs):
    return look(tcp(*turns, **kwargs), 6, 443)


def test_a_hello_says_name_protocols_and_versions():
    tls = seen((True, client_hello(b"WWW.Reiji.Example.")), (False, server_hello())).tls
    assert tls.server_name == "www.reiji.example"
    assert tls.alpn == ("h2", "http/1.1")
    assert tls.offered == (0x0304, 0x0303)
    assert tls.chosen == 0x0304
    assert not tls.encrypted_hello


def test_the_published_example_of_ja4_holds():
    assert seen((True, client_hello())).tls.ja4 == building.JA4


def test_a_hello_over_several_records_and_segments_is_put_together():
    message = handshake(1, hello_body(padding=3000))
    records = b"".join(record(message[at : at + 500]) for at in range(0, len(message), 500))
    tls = seen((True, records), segment=7).tls
    assert (tls.server_name, tls.ja4) == ("www.reiji.example", building.JA4)


def test_a_hello_cut_off_tells_what_stands_before_the_cut():
    found = seen((True, client_hello()[:-40]), close=False)
    assert found.tls.server_name == "www.reiji.example"
    assert found.tls.ja4 is None
    assert "hello-cut" in found.troubles


@pytest.mark.parametrize("version", [0x0301, 0x0302, 0x0303, 0x0304])
def test_the_version_of_the_server_is_told(version):
    assert seen((True, client_hello()), (False, server_hello(version))).tls.chosen == version


def test_a_hello_retry_request_tells_the_version_too():
    tls = seen((True, client_hello()), (False, server_hello(retry=True))).tls
    assert tls.chosen == 0x0304


@pytest.mark.parametrize("kind", [0xFE0D, 0xFFCE])
def test_an_encrypted_hello_is_told(kind):
    assert seen((True, client_hello(more=extension(kind, b"sealed")))).tls.encrypted_hello


def test_the_answer_alone_tells_the_version():
    found = seen((False, server_hello()))
    assert found.spoken is Spoken.TLS
    assert (found.tls.chosen, found.tls.offered) == (0x0304, ())


def test_a_hello_of_ssl_2_form_is_tls():
    ciphers = b"\0\0\x2f\0\0\x35\x01\0\x80"
    body = b"\x01\x03\x01" + b"\0\x09\0\0\0\x10" + ciphers + b"C" * 16
    found = seen((True, bytes((0x80, len(body))) + body))
    assert found.tls.offered == (0x0301,)
    assert found.tls.ja4 is None


def test_the_middle_of_a_connection_is_told_by_its_records():
    data = record(b"x" * 40, kind=23, version=0x0303)
    found = seen((True, data), (False, data * 3), open_=False)
    assert (found.spoken, found.tls, found.sight) == (Spoken.TLS, None, Sight.MIDDLE)


@pytest.mark.parametrize(
    ("name", "characters"),
    [
        (b"\xab", "ab"),
        (b"\x20", "20"),
        (b"\xab\xcd", "ad"),
        (b"\x20\x61", "21"),
        (b"\x30\xab", "3b"),
        (b"\x61\x20", "60"),
        (b"\x30\x31\xab\xcd", "3d"),
        (b"\x30\xab\xcd\x31", "01"),
        (b"h", "hh"),
        (b"", "00"),
        (b"http/1.1", "h1"),
    ],
)
def test_ja4_writes_protocol_names_as_published(name, characters):
    assert ja4(ClientHello(version=0x0303, alpn=(name,)), "t")[8:10] == characters


def test_ja4_of_a_hello_with_nothing_writes_zeros():
    assert ja4(ClientHello(version=0x0300), "t") == "ts3i000000_000000000000_000000000000"


def test_ja4_without_signature_algorithms_ends_without_an_underscore():
    hello = ClientHello(version=0x0303, extensions=tuple(building.EXTENSIONS))
    assert ja4(hello, "q").endswith("_6d807ffa2a79")


@pytest.mark.parametrize("fragment", [4000, 20])
def test_a_dtls_hello_in_fragments_is_put_together(fragment):
    datagrams = building.dtls_hello(fragment=fragment)
    found = look(udp(*((True, one) for one in reversed(datagrams))), 17, 3391)
    assert found.spoken is Spoken.DTLS
    assert found.tls.offered == (0xFEFD,)
    assert found.tls.ja4.startswith("dd2i020100_")


def test_a_name_that_is_no_name_is_not_kept():
    assert seen((True, client_hello(b"bad name\x00<canary>"))).tls.server_name is None


def test_tls_from_the_first_octet_on_a_mail_port_is_an_encrypted_dialogue():
    assert look(tcp((True, client_hello())), 6, 465).dialogue.encrypted
