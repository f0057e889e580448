from __future__ import annotations

import base64
import email
import email.policy
import socket
import threading
from contextlib import contextmanager

import pytest

from tests.sensor.sinks.sending import HOSTILE_FINDING, JST, digested, notice, outgoing
from tests.store.made import finding
from zoneguard.findings.finding import Severity
from zoneguard.sensor.config import MailSecurity
from zoneguard.sensor.sinks.base import SinkUnavailable
from zoneguard.sensor.sinks.mail import MOST_IN_MAIL, Mail, Relay, mail_subject, mail_text


class Server:
    """A mail server as RFC 5321 has it, in small: EHLO, STARTTLS, AUTH PLAIN, MAIL, RCPT, DATA."""

    def __init__(self, context=None, *, implicit=False, refuse=()):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.context = context
        self.implicit = implicit
        self.refuse = dict(refuse)
        self.mails = []
        self.logins = []
        self.secured = []
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            try:
                if self.implicit:
                    connection = self.context.wrap_socket(connection, server_side=True)
                self.talk(connection)
            except OSError:
                pass
            finally:
                connection.close()

    def talk(self, connection):
        def say(line):
            connection.sendall(line.encode() + b"\r\n")

        lines = connection.makefile("rb")
        secured = self.implicit
        say("220 localhost ESMTP")
        while line := lines.readline().decode().rstrip("\r\n"):
            verb = line.split()[0].upper()
            if verb in self.refuse:
                say(self.refuse[verb])
                continue
            match verb:
                case "EHLO":
                    say("250-localhost")
                    if self.context and not secured:
                        say("250-STARTTLS")
                    say("250 AUTH PLAIN")
                case "STARTTLS":
                    say("220 go ahead")
                    lines.close()
                    connection = self.context.wrap_socket(connection, server_side=True)
                    lines, secured = connection.makefile("rb"), True
                case "AUTH":
                    self.logins.append(base64.b64decode(line.split()[2]).decode().split("\0")[1:])
                    say("235 welcome")
                case "DATA":
                    say("354 send it")
                    octets = b""
                    while (part := lines.readline()) != b".\r\n":
                        octets += part.removeprefix(b".") if part.startswith(b"..") else part
                    self.mails.append(octets)
                    self.secured.append(secured)
                    say("250 taken")
                case "QUIT":
                    say("221 bye")
                    break
                case _:
                    say("250 fine")
        lines.close()
        connection.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@contextmanager
def receiving(*arguments, **options):
    made = Server(*arguments, **options)
    try:
        yield made
    finally:
        made.close()


def sink_to(server, security=MailSecurity.NONE, **options):
    return Mail(
        Relay(host="localhost", port=server.port, security=security, timeout=5, **options),
        sender="zoneguard@example.jp",
        recipients=["a@example.jp", "b@example.jp"],
        zone=JST,
    )


def read(octets):
    return email.message_from_bytes(octets, policy=email.policy.default)


def test_a_mail_says_how_many_in_its_subject_and_what_by_severity_in_both_languages():
    held = [finding("mild", Severity.LOW), finding("worst", Severity.CRITICAL), finding("bad")]
    with receiving() as server:
        sink = sink_to(server)
        sink.deliver([outgoing(*held)])
        sink.close()
    (mail,) = [read(octets) for octets in server.mails]
    assert mail["Subject"] == "[ZoneGuard] s1: 新規 3（重大 1、高 1、低 1）"
    assert mail["To"] == "a@example.jp, b@example.jp"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-ZoneGuard-Key"] == "s1/18f/x/1"
    text = mail.get_content()
    japanese, english = text.split("-" * 60)
    heads = [japanese.index(head) for head in ("■ 重大度：重大", "■ 重大度：高", "■ 重大度：低")]
    assert heads == sorted(heads)
    assert "- [新規] ZG-A05 逆方向からの開始 (不適合)" in japanese
    assert "対処：遮断してください。" in japanese
    assert "== Severity: Critical" in english
    assert "What to do: Block it." in english


def test_every_attempt_at_a_message_has_the_same_message_id():
    with receiving() as server:
        for _ in range(2):
            sink_to(server).deliver([outgoing(finding("a"))])
        sink_to(server).deliver([outgoing(finding("a"), sequence=2)])
    first, again, other = [read(octets)["Message-ID"] for octets in server.mails]
    assert first == again != other


def test_hostile_strings_add_no_header_and_no_control_character():
    with receiving() as server:
        sink_to(server).deliver([outgoing(HOSTILE_FINDING, sensor="s1\r\nBcc: all@example.jp")])
    mail = read(server.mails[0])
    assert "Bcc" not in mail
    assert "<U+000D><U+000A>Bcc" in mail["Subject"]
    assert all(char.isprintable() or char == "\n" for char in mail.get_content())


def test_starttls_and_login_come_before_the_mail(certificate):
    login = {"user": "sensor", "password": lambda: "pa55 word\n"}
    with receiving(certificate.server) as server:
        sink_to(server, MailSecurity.STARTTLS, ca=certificate.path, **login).deliver([notice()])
    assert server.logins == [["sensor", "pa55 word"]]
    assert server.secured == [True]


def test_tls_from_the_start(certificate):
    with receiving(certificate.server, implicit=True) as server:
        sink_to(server, MailSecurity.TLS, ca=certificate.path).deliver([notice()])
    assert server.secured == [True]


def test_a_server_that_offers_no_starttls_or_is_not_vouched_for_gets_nothing(certificate):
    with receiving() as server, pytest.raises(SinkUnavailable, match="STARTTLS"):
        sink_to(server, MailSecurity.STARTTLS).deliver([notice()])
    assert server.mails == []
    with receiving(certificate.server) as server, pytest.raises(SinkUnavailable, match="verify failed"):
        sink_to(server, MailSecurity.STARTTLS).deliver([notice()])
    assert server.mails == []


def test_a_login_that_is_refused_is_told_without_the_password(tmp_path):
    login = {"user": "sensor", "password": lambda: "pa55"}
    wrong = {"AUTH": "535 sensor/pa55 is wrong"}
    with receiving(refuse=wrong) as server, pytest.raises(SinkUnavailable, match="535") as refusal:
        sink_to(server, **login).deliver([notice()])
    assert "pa55" not in str(refusal.value)
    login["password"] = (tmp_path / "none").read_text
    with receiving() as server, pytest.raises(SinkUnavailable, match="no such file"):
        sink_to(server, **login).deliver([notice()])


@pytest.mark.parametrize(
    "refuse",
    [
        {"MAIL": "451 busy"},
        {"RCPT": "550 nobody"},
        {"DATA": "452 full"},
        {"EHLO": "421 no", "HELO": "421 no"},
    ],
)
def test_what_the_server_refuses_is_not_delivered(refuse):
    with receiving(refuse=refuse) as server, pytest.raises(SinkUnavailable) as refusal:
        sink_to(server).deliver([notice()])
    assert refusal.value.delivered == 0
    assert server.mails == []


def test_a_server_that_is_away_is_told():
    relay = Relay(host="127.0.0.1", port=9, security=MailSecurity.NONE, timeout=2)
    with pytest.raises(SinkUnavailable, match=r"127\.0\.0\.1"):
        Mail(relay, sender="a@example.jp", recipients=["b@example.jp"], zone=JST).deliver([notice()])


def test_a_digest_tells_the_period_and_counts_what_it_leaves_out():
    many = [finding(f"{n}", Severity.LOW) for n in range(300)]
    message = digested(outgoing(*many), notice(2))
    assert mail_subject(message, "en") == "[ZoneGuard] s1: 300 new (300 low)"
    text = mail_text(message, "en", JST)
    assert "tells 2 messages" in text
    assert "Nothing was observed for 30 seconds." in text
    assert "250 more" in text


def test_a_mail_of_very_many_findings_stays_readable():
    many = [finding(f"{n}", Severity.LOW) for n in range(400)]
    text = mail_text(outgoing(*many, finding("worst", Severity.CRITICAL)), "ja", JST)
    assert text.count("対処：") == MOST_IN_MAIL
    assert "worst" in text
    assert "ほか 301 件" in text


def test_a_notice_has_a_subject_of_its_own():
    assert mail_subject(notice(), "ja") == "[ZoneGuard] s1: お知らせ"
