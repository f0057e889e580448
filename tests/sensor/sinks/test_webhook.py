from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.sensor.sinks.sending import HOSTILE, HOSTILE_FINDING, JST, digested, notice, outgoing
from tests.store.made import finding
from zoneguard.errors import InputRefusedError
from zoneguard.sensor.sinks.base import SinkUnavailable
from zoneguard.sensor.sinks.webhook import Webhook


@contextmanager
def receiving(answers=(), context=None):
    """An HTTP server that answers as told, then with 204; yields what it got."""
    left = list(answers)
    got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            status, headers = left.pop(0) if left else (204, {})
            if status is None:  # hangs up
                self.close_connection = True
                return
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_GET(self):
            got.append("GET")

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # a client that refuses our certificate
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1], got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_message_is_one_post_with_its_key():
    with receiving() as (port, got):
        sink = Webhook(f"http://127.0.0.1:{port}/hook?x=1", zone=JST, token=lambda: "t0ken\n")
        sink.deliver(
            [
                outgoing(finding("a"), finding("b")),
                notice(2),
                digested(outgoing(finding("c"), sequence=3), notice(4)),
            ]
        )
        sink.close()
    headers, body = got[0]
    assert headers["Idempotency-Key"] == "s1/18f/x/1"
    assert headers["Authorization"] == "Bearer t0ken"
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    made = json.loads(body)
    assert made["schema"] == "zoneguard.notice/1"
    assert [one["finding"]["fingerprint"] for one in made["told"]] == ["a", "b"]
    assert json.loads(got[1][1])["notices"][0]["en"] == "Nothing was observed for 30 seconds."
    assert json.loads(got[2][1])["digest"]["items"] == 1


def test_hostile_strings_are_only_strings():
    with receiving() as (port, got):
        Webhook(f"http://127.0.0.1:{port}/", zone=JST).deliver([outgoing(HOSTILE_FINDING)])
    body = got[0][1]
    assert not any(octet < 0x20 for octet in body)
    assert json.loads(body)["told"][0]["finding"]["message"]["ja"] == HOSTILE


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 429, 500, 503, None])
def test_only_2xx_counts_as_delivered(status):
    refused = (status, {"Location": "/elsewhere"} if status and status < 400 else {})
    with receiving([(200, {}), refused]) as (port, got), pytest.raises(SinkUnavailable) as refusal:
        Webhook(f"http://127.0.0.1:{port}/", zone=JST).deliver(
            [outgoing(finding("a"), sequence=n) for n in (1, 2, 3)]
        )
    assert refusal.value.delivered == 1
    assert len(got) == 2
    assert "GET" not in got


@pytest.mark.parametrize(
    ("value", "wait"),
    [("120", 120), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-5", None), ("9" * 50, 86400)],
)
def test_what_the_receiver_asks_to_wait_is_heard(value, wait):
    with receiving([(503, {"Retry-After": value})]) as (port, _), pytest.raises(SinkUnavailable) as refusal:
        Webhook(f"http://127.0.0.1:{port}/", zone=JST).deliver([notice()])
    assert refusal.value.retry_after == wait


def test_tls_is_verified(certificate):
    with receiving(context=certificate.server) as (port, got):
        with pytest.raises(SinkUnavailable, match="certificate verify failed"):
            Webhook(f"https://localhost:{port}/", zone=JST).deliver([notice()])
        with pytest.raises(SinkUnavailable, match="verify failed"):
            Webhook(f"https://127.0.0.1:{port}/", zone=JST, ca=certificate.path).deliver([notice()])
        assert got == []
        Webhook(f"https://localhost:{port}/", zone=JST, ca=certificate.path).deliver([notice()])
        assert len(got) == 1


def test_a_refusal_names_the_server_and_no_secret_of_the_url():
    sink = Webhook("http://user:pa55@127.0.0.1:9/hook?token=s3cret", zone=JST, timeout=2)
    with pytest.raises(SinkUnavailable) as refusal:
        sink.deliver([notice()])
    assert "127.0.0.1:9" in str(refusal.value)
    assert "pa55" not in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "nonsense"])
def test_nothing_but_http_is_spoken(url):
    with pytest.raises(InputRefusedError, match="https"):
        Webhook(url, zone=JST)


def test_a_missing_token_or_authority_is_told_and_nothing_is_sent(tmp_path):
    with receiving() as (port, got):
        for options in ({"token": (tmp_path / "none").read_text}, {"ca": tmp_path / "none"}):
            with pytest.raises(SinkUnavailable, match="none"):
                Webhook(f"http://127.0.0.1:{port}/", zone=JST, **options).deliver([notice()])
        assert got == []
