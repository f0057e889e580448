"""Mail that was opened on its way from the gateway into the LGWAN zone."""

from dataclasses import replace

import pytest

from tests.rules.building import LG_LEG, LG_SERVER, allowed, city, end, judged, only, opened, talk
from zoneguard.dissect.record import DialogueSeen, MailSeen, Sight, Spoken
from zoneguard.findings.finding import Severity, Verdict
from zoneguard.policy.model import FlowKind
from zoneguard.rules.choosing import Ask
from zoneguard.rules.evidence import Decision

MAIL = allowed(
    "A-MAIL", end("border", LG_LEG + "/32"), end("lgwan", LG_SERVER + "/32"), 25, kind=FlowKind.MAIL
)
ARRIVED = talk(LG_LEG, LG_SERVER, 25, decision=Decision.ALLOWED, allowed_by="A-MAIL")
TEXT = MailSeen(parts=(("text/plain", 1),))


def dialogue(*messages, sight=Sight.WHOLE, conversation=ARRIVED, troubles=(), **more):
    return opened(
        conversation,
        ask=Ask.MAIL,
        sight=sight,
        spoken=Spoken.SMTP,
        troubles=troubles,
        dialogue=DialogueSeen(messages=messages, **more),
    )


def policy(mode="text-only"):
    plain = city(MAIL)
    return replace(plain, gateways=(replace(plain.gateways[0], mode=mode),))


def mail(*looks, mode="text-only", conversation=ARRIVED):
    return judged(conversation, policy=policy(mode), looks=looks, opened=True)


def test_text_that_was_read_to_its_end_is_no_finding():
    assert mail(dialogue(TEXT)) == ()


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (MailSeen(parts=(("text/html", 1), ("text/plain", 1)), html=1), "HTML bodies in 1"),
        (MailSeen(parts=(("application/zip", 1), ("text/plain", 1)), attachments=1), "attachments in 1"),
        (MailSeen(parts=(("text/plain", 1),), opaque=1), "encoded blobs in 1"),
        (MailSeen(parts=(("text/plain", 1),), nested=1), "messages within messages in 1"),
        (MailSeen(parts=(("application/ms-tnef", 1),), tnef=1), "TNEF (winmail.dat) in 1"),
        (MailSeen(parts=(("application/pkcs7-mime", 1),)), "parts that are not text in 1"),
    ],
)
def test_mail_that_breaks_the_text_only_mode_is_a_violation(message, words):
    (finding,) = mail(dialogue(TEXT, message))
    assert (finding.rule, finding.verdict, finding.severity) == ("ZG-B04", Verdict.VIOLATED, Severity.HIGH)
    assert words in finding.message.en
    assert "1 message that reached" in finding.message.en


def test_a_bounce_is_text():
    bounce = MailSeen(parts=(("message/delivery-status", 1), ("text/plain", 1), ("text/rfc822-headers", 1)))
    assert mail(dialogue(bounce)) == ()


def test_attachments_are_expected_where_they_are_sanitised_but_programs_are_not():
    mode = "text-plus-sanitized-attachment"
    attached = MailSeen(parts=(("application/pdf", 1), ("text/plain", 1)), attachments=1)
    assert mail(dialogue(attached), mode=mode) == ()
    (finding,) = mail(dialogue(replace(attached, active=1)), mode=mode)
    assert "programs or macros in 1" in finding.message.en


@pytest.mark.parametrize(
    ("look", "words"),
    [
        (dialogue(encrypted=True), "It was encrypted"),
        (dialogue(replace(TEXT, whole=False)), "does not hold all of it"),
        (dialogue(TEXT, sight=Sight.OPENING), "does not hold all of it"),
        (dialogue(TEXT, sight=Sight.OPENING, troubles=("gap",)), "Packets are missing from the capture"),
    ],
)
def test_mail_that_could_not_be_read_is_unverifiable(look, words):
    (finding,) = mail(look)
    assert (finding.rule, finding.verdict) == ("ZG-B04", Verdict.UNVERIFIABLE)
    assert words in finding.message.en


def test_mail_that_was_not_opened_is_counted_as_unverifiable():
    five = replace(ARRIVED, flows=5)
    (finding,) = mail(dialogue(TEXT, conversation=five), conversation=five)
    assert "Whether 4 flows of mail" in finding.message.en
    finding = only(ARRIVED, policy=policy())
    assert "headers alone" in finding.message.en


def test_an_unread_mail_does_not_hide_one_that_breaks_the_mode():
    two = replace(ARRIVED, flows=2)
    bad = dialogue(MailSeen(parts=(("text/html", 1),), html=1), conversation=two)
    found = mail(bad, dialogue(encrypted=True, conversation=two), conversation=two)
    assert [one.verdict for one in found] == [Verdict.VIOLATED]
    assert "1 more flow could not be looked into" in found[0].message.en
