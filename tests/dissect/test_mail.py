from __future__ import annotations

import base64
import time
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from tests.dissect.building import JA4, client_hello, server_hello, smtp, tcp
from zoneguard.dissect.look import look
from zoneguard.dissect.record import MailSeen, Sight, Spoken

TEXT = b"Subject: canary subject\r\nFrom: canary@reiji.example\r\n\r\nplain canary text\r\n"
GREETING = (False, b"220 mx ESMTP\r\n")
ENVELOPE = b"EHLO a\r\nMAIL FROM:<canary@x>\r\nRCPT TO:<canary@y>\r\n"
AGREED = b"250 a\r\n250 ok\r\n250 ok\r\n"
CLEAN = MailSeen(parts=(("text/plain", 1),), charsets=("us-ascii",))


def dialogue(mail, **kwargs):
    found = look(tcp(*smtp(mail, **kwargs)), 6, 25)
    assert found.spoken is Spoken.SMTP
    assert "canary" not in repr(found)
    return found


def mail_of(mail):
    found = dialogue(mail if isinstance(mail, bytes) else mail.as_bytes(policy=SMTP))
    assert found.sight is Sight.WHOLE
    assert found.troubles == ()
    return found.dialogue.messages[0]


def message(text="本文です。\n", **kwargs):
    mail = EmailMessage()
    mail["Subject"] = "canary"
    mail.set_content(text, **kwargs)
    return mail


def raw(head, body):
    return head.replace(b"\n", b"\r\n") + b"\r\n\r\n" + body.replace(b"\n", b"\r\n")


def test_a_text_message_is_told_by_type_and_charset_alone():
    assert mail_of(TEXT) == CLEAN
    assert mail_of(message()).charsets == ("utf-8",)
    body = "こんにちは、例示市の住民課です。\r\n".encode("iso-2022-jp") * 200
    japanese = mail_of(b"Content-Type: text/plain; charset=ISO-2022-JP\r\n\r\n" + body)
    assert (japanese.charsets, japanese.opaque) == (("iso-2022-jp",), 0)


def test_attachments_html_and_nested_messages_are_counted():
    mail = message()
    mail.add_alternative("<html><body>hi</body></html>", subtype="html")
    mail.add_attachment(b"%PDF-1.7 canary", maintype="application", subtype="pdf", filename="canary.pdf")
    mail.add_attachment(message("inner\n"))
    told = mail_of(mail)
    assert told.parts == (("application/pdf", 1), ("text/html", 1), ("text/plain", 2))
    assert (told.attachments, told.html, told.nested) == (2, 1, 1)
    assert (told.active, told.tnef, told.opaque) == (0, 0, 0)


def test_html_that_calls_itself_plain_text_is_html():
    assert mail_of(b"Content-Type: text/plain\r\n\r\n<HTML><body onload=x>hi").html == 1
    assert mail_of(b"\r\nwrite <p> for a paragraph\r\n").html == 0


@pytest.mark.parametrize(
    "body",
    [
        base64.encodebytes(b"canary " * 100),
        b"hello\nbegin 644 canary.exe\nM" + b"5" * 60 + b"\n`\nend\n",
        b"=ybegin line=128 size=1 name=canary\nx\n",
        b"-----BEGIN PGP MESSAGE-----\n\ncanary\n",
        b"\x00\x01\x02canary",
        b"A" * 600,
    ],
)
def test_text_that_carries_something_else_is_opaque(body):
    assert mail_of(raw(b"Content-Type: text/plain", body)).opaque == 1
    encoded = raw(b"Content-Transfer-Encoding: base64", base64.encodebytes(body))
    assert mail_of(encoded).opaque == 1


def test_a_blob_before_the_first_boundary_is_opaque():
    body = base64.encodebytes(b"x" * 900) + b"--b\n\nhi\n--b--\n"
    assert mail_of(raw(b"Content-Type: multipart/mixed; boundary=b", body)).opaque == 1


@pytest.mark.parametrize(
    ("kind", "name", "octets"),
    [
        ("octet-stream", "canary.exe", b"x"),
        ("octet-stream", "canary.txt", b"MZ\x90\0"),
        ("octet-stream", "canary", b"\x7fELF"),
        ("vnd.ms-word.document.macroEnabled.12", "canary", b"x"),
        ("zip", "canary.zip", b"PK\x03\x04....word/vbaProject.bin"),
        ("msword", "canary.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "_VBA_PROJECT".encode("utf-16-le")),
        ("octet-stream", "canary.pdf.js ", b"x"),
    ],
)
def test_programs_and_macros_are_active(kind, name, octets):
    mail = message()
    mail.add_attachment(octets, maintype="application", subtype=kind, filename=name)
    assert mail_of(mail).active == 1


def test_a_program_that_calls_itself_text_is_active():
    program = base64.encodebytes(b"MZ\x90\0\x03\0 canary")
    assert mail_of(raw(b"Content-Type: text/plain\nContent-Transfer-Encoding: base64", program)).active == 1
    assert mail_of(raw(b"Content-Type: text/plain", b"MZ is a signature\n")).active == 0


def test_documents_without_macros_are_not_active():
    mail = message()
    mail.add_attachment(
        b"PK\x03\x04word/document.xml", maintype="application", subtype="zip", filename="a.docx"
    )
    mail.add_attachment(b"%PDF-1.7", maintype="application", subtype="pdf", filename="a.pdf")
    assert mail_of(mail).active == 0


@pytest.mark.parametrize(
    ("kind", "name", "octets"),
    [
        ("ms-tnef", "a", b"x"),
        ("octet-stream", "WinMail.dat", b"x"),
        ("octet-stream", "a.bin", b"\x78\x9f\x3e\x22"),
    ],
)
def test_tnef_is_told(kind, name, octets):
    mail = message()
    mail.add_attachment(octets, maintype="application", subtype=kind, filename=name)
    assert mail_of(mail).tnef == 1


def test_signed_and_sealed_mail_is_told_by_its_types():
    told = mail_of(raw(b"Content-Type: application/pkcs7-mime; name=smime.p7m", b"MII"))
    assert told.parts == (("application/pkcs7-mime", 1),)
    assert told.attachments == 1


def test_chunks_make_a_message_too():
    half = len(TEXT) // 2
    chunks = b"BDAT %d\r\n%s" % (half, TEXT[:half]) + b"BDAT %d LAST\r\n%s" % (len(TEXT) - half, TEXT[half:])
    found = look(
        tcp(
            GREETING, (True, ENVELOPE + chunks + b"QUIT\r\n"), (False, AGREED + b"250 a\r\n250 b\r\n221\r\n")
        ),
        6,
        25,
    )
    assert found.dialogue.messages == (CLEAN,)
    assert found.dialogue.refused == 0


@pytest.mark.parametrize("answers", [b"554 no\r\n554 no\r\n", b"250 ok\r\n554 no\r\n"])
def test_refused_chunks_are_no_message(answers):
    chunks = b"BDAT 3\r\nabcBDAT 3 LAST\r\nabc"
    found = look(tcp(GREETING, (True, ENVELOPE + chunks), (False, AGREED + answers)), 6, 25)
    assert (found.dialogue.messages, found.dialogue.refused) == ((), 1)


def test_a_message_refused_before_or_after_its_content_is_counted():
    after = dialogue(TEXT, code=b"554 spam\r\n")
    assert (after.dialogue.messages, after.dialogue.refused) == ((), 1)
    before = look(
        tcp(GREETING, (True, ENVELOPE + b"DATA\r\nQUIT\r\n"), (False, AGREED + b"503 no\r\n221 b\r\n")), 6, 25
    )
    assert (before.dialogue.messages, before.dialogue.refused) == ((), 1)


def test_several_messages_of_one_dialogue_are_told_each():
    twice = ENVELOPE + b"DATA\r\n" + TEXT + b".\r\nMAIL FROM:<>\r\nRCPT TO:<b>\r\nDATA\r\n" + TEXT + b".\r\n"
    answers = AGREED + b"354\r\n250 ok\r\n250\r\n250\r\n354 go\r\n250 ok\r\n"
    assert look(tcp(GREETING, (True, twice), (False, answers)), 6, 25).dialogue.messages == (CLEAN, CLEAN)


def test_starttls_hides_what_follows_and_its_hello_is_read():
    found = look(
        tcp(
            GREETING,
            (True, b"EHLO a\r\nSTARTTLS\r\n"),
            (False, b"250-a\r\n250 STARTTLS\r\n220 go\r\n"),
            (True, client_hello()),
            (False, server_hello()),
        ),
        6,
        25,
    )
    assert found.dialogue.encrypted
    assert (found.inside, found.tls.ja4, found.tls.chosen) == (Spoken.TLS, JA4, 0x0304)


def test_starttls_refused_leaves_the_dialogue_in_clear():
    turns = (True, b"EHLO a\r\nSTARTTLS\r\n" + ENVELOPE[8:] + b"DATA\r\n" + TEXT + b".\r\n")
    answers = (False, b"250 a\r\n454 no\r\n250\r\n250\r\n354\r\n250\r\n")
    found = look(tcp(GREETING, turns, answers), 6, 25)
    assert not found.dialogue.encrypted
    assert found.dialogue.messages == (CLEAN,)


def test_authentication_between_command_and_answer_is_passed_over():
    turns = (
        True,
        b"EHLO a\r\nAUTH LOGIN\r\nY2FuYXJ5\r\nY2FuYXJ5\r\n" + ENVELOPE[8:] + b"DATA\r\n" + TEXT + b".\r\n",
    )
    answers = (False, b"250 a\r\n334 a\r\n334 b\r\n235 ok\r\n250\r\n250\r\n354\r\n250\r\n")
    assert look(tcp(GREETING, turns, answers), 6, 25).dialogue.messages == (CLEAN,)


def test_a_message_cut_off_is_not_whole():
    found = look(tcp(*smtp(TEXT)[:5], (True, TEXT), close=False), 6, 25)
    assert found.dialogue.messages[0].whole is False
    assert "mail-cut" in found.troubles


def test_without_the_servers_side_nothing_is_taken_for_refused():
    found = look(tcp(*(turn for turn in smtp(TEXT) if turn[0])), 6, 25)
    assert found.dialogue.messages == (CLEAN,)
    assert "answer-unseen" in found.troubles


def test_a_line_that_begins_with_a_dot_is_no_end():
    assert mail_of(b"\r\n.hidden\r\n..\r\n") == CLEAN


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: text/plain\nContent-Type: text/html",
        b"Content-Transfer-Encoding: x-canary",
        b"Content-Type: text/plain; name=" + b"x" * 5000,
        b"Content-Disposition: attachment; filename*0=a; filename*=b; filename*1=c",
        b"Content-Disposition: attachment; filename*0*=a\0b''x; filename*1*=y",
    ],
)
def test_mail_that_can_be_read_in_several_ways_is_not_whole(head):
    found = dialogue(raw(head, b"hi"))
    assert found.dialogue.messages[0].whole is False
    assert "mail-ambiguous" in found.troubles


def test_a_multipart_without_its_boundary_is_no_text():
    told = mail_of(raw(b"Content-Type: multipart/mixed; boundary=none", b"hi"))
    assert told.parts == (("multipart/mixed", 1),)


def nested(depth):
    lines = b""
    for level in range(depth):
        lines += b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level)
    return lines.replace(b"\n", b"\r\n") + b"\r\nhi\r\n"


HOSTILE = {
    "deep": nested(5000),
    "many parts": b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + b"--b\r\n\r\n" * 100_000,
    "one long header": b'Content-Type: text/plain; a="' + b";" * 1_000_000 + b"\r\n\r\nhi",
    "many headers": b"X: y\r\n" * 100_000 + b"\r\nhi",
    "empty lines": b"\r\n" * 1_000_000,
    "bare returns": b"\r" * 2_000_000,
    "one line": b"\r\n" + b"A" * 2_000_000,
    "runs": b"\r\n" + (b"A" * 511 + b" ") * 16_000,
    "tags": b"\r\n" + b"<p" * 1_000_000,
    "uuencode": b"\r\n" + b"begin 644 " * 200_000,
    "nested messages": b"Content-Type: message/rfc822\r\n\r\n" * 20_000,
    "long boundary": b"Content-Type: multipart/mixed; boundary=" + b"-" * 4000 + b"\r\n\r\n" + (b"-" * 4100 + b"\r\n") * 1000,
    "quoted-printable": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b"=" * 2_000_000,
    "base64": b"Content-Transfer-Encoding: base64\r\n\r\n" + b"=A" * 1_000_000,
    "encoded name": b"Content-Disposition: attachment; " + b"filename*%d*=x; " % 9 * 250 + b"\r\n\r\nhi",
    "replies": b"",
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_mail_is_bounded_in_time(kind):
    begin = time.process_time()
    if kind == "replies":
        found = look(
            tcp((False, b"220-x\r\n" * 1_000_000), (True, b"EHLO a\r\n" * 10_000), segment=60_000), 6, 25
        )
    else:
        found = look(tcp(*smtp(HOSTILE[kind]), segment=60_000), 6, 25)
    assert time.process_time() - begin < 5
    assert "not-understood" not in found.troubles
