from __future__ import annotations

import pytest

from tests.dissect.building import JA4, client_hello, server_hello, tcp
from zoneguard.dissect.look import look
from zoneguard.dissect.record import Spoken

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def seen(*turns, port=8080, **kwargs):
    return look(tcp(*turns, **kwargs), 6, port)


def test_a_request_tells_its_method_and_host():
    found = seen((True, b"GET /secret?q=1 HTTP/1.1\r\nHost: WWW.Reiji.example:8080\r\n\r\n"), (False, OK))
    assert found.spoken is Spoken.HTTP
    assert (found.web.method, found.web.host, found.proxy) == ("GET", "www.reiji.example", None)
    assert found.troubles == ()


def test_a_connect_tells_host_port_and_answer_and_what_is_inside():
    found = seen(
        (True, b"CONNECT Teams.Example:443 HTTP/1.1\r\nHost: teams.example\r\n\r\n"),
        (False, b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n"),
        (True, client_hello(b"teams.example")),
        (False, server_hello()),
    )
    assert (found.proxy.how, found.proxy.host, found.proxy.port) == ("connect", "teams.example", 443)
    assert found.proxy.accepted is True
    assert (found.spoken, found.inside) == (Spoken.HTTP, Spoken.TLS)
    assert (found.tls.server_name, found.tls.ja4, found.tls.chosen) == ("teams.example", JA4, 0x0304)


def test_a_refused_connect_is_told_as_refused():
    found = seen(
        (True, b"CONNECT evil.example:443 HTTP/1.1\r\n\r\n"),
        (False, b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!"),
    )
    assert found.proxy.accepted is False
    assert found.tls is None


def test_a_connect_repeated_with_credentials_is_followed():
    ask = b"CONNECT teams.example:443 HTTP/1.1\r\n"
    found = seen(
        (True, ask + b"\r\n"),
        (False, b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 4\r\n\r\nauth"),
        (True, ask + b"Proxy-Authorization: Basic Y2FuYXJ5\r\n\r\n"),
        (False, b"HTTP/1.1 200 OK\r\n\r\n"),
        (True, client_hello()),
    )
    assert found.proxy.accepted is True
    assert found.tls.ja4 == JA4


def test_a_connect_whose_answer_was_not_recorded_says_so():
    found = seen((True, b"CONNECT teams.example:443 HTTP/1.1\r\n\r\n" + client_hello()))
    assert found.proxy.accepted is None
    assert found.tls.ja4 == JA4
    assert "answer-unseen" in found.troubles


def test_an_ssh_banner_behind_a_connect_is_seen():
    found = seen(
        (True, b"CONNECT [2001:db8::1]:22 HTTP/1.0\r\n\r\nSSH-2.0-OpenSSH_9.2p1\r\n"),
        (False, b"HTTP/1.0 200 OK\r\n\r\nSSH-2.0-dropbear_2022.83\r\n"),
    )
    assert (found.proxy.host, found.proxy.port) == ("2001:db8::1", 22)
    assert (found.inside, found.banner) == (Spoken.SSH, "dropbear_2022.83")


def test_of_absolute_requests_every_host_is_told():
    ask = b"POST http://user:pw@%s/x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
    asks = [ask % host for host in (b"a.example", b"b.example:8080", b"a.example")]
    found = seen((True, b"".join(asks)), (False, OK * 3))
    assert (found.proxy.how, found.proxy.host, found.proxy.port) == ("absolute", "a.example", 80)
    assert found.proxy.others == (("b.example", 8080),)
    assert found.proxy.accepted is True


@pytest.mark.parametrize("name", ["websocket", "h2c"])
def test_an_upgrade_is_told(name):
    ask = f"GET / HTTP/1.1\r\nHost: a.example\r\nUpgrade: {name}\r\nConnection: Upgrade\r\n\r\n"
    assert seen((True, ask.encode())).web.upgrade == name


def test_the_answer_alone_is_http():
    assert seen((False, OK)).spoken is Spoken.HTTP


def test_http_2_in_clear_is_named_and_not_read():
    found = seen((True, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0" * 40))
    assert (found.spoken, found.web, found.troubles) == (Spoken.HTTP, None, ("not-understood",))


def test_a_request_that_cannot_be_followed_is_told():
    found = seen((True, b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n\x00\x01garbage"), (False, OK))
    assert "broken" in found.troubles


@pytest.mark.parametrize("first", [b"GET / RTSP/1.0\r\n\r\n", b"HELLO\r\n", b"GET /\r\n"])
def test_what_is_not_http_is_not_called_so(first):
    assert seen((True, first)).spoken is None
