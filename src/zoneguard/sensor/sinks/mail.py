"""A digest by SMTP: one mail a message, grouped by severity, in Japanese, English or both."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from typing import TYPE_CHECKING

from zoneguard.errors import ZoneGuardError, why
from zoneguard.findings.finding import SEVERITY_ORDER
from zoneguard.report.harmless import harmless
from zoneguard.report.when import moment, short
from zoneguard.report.words import SEVERITIES, VERDICTS
from zoneguard.sensor.config import MailSecurity
from zoneguard.sensor.messages import notices_of, told_of
from zoneguard.sensor.sinks.base import SinkUnavailable
from zoneguard.sensor.sinks.wording import CHANGES, counts_of, summary
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import tzinfo
    from pathlib import Path

    from zoneguard.sensor.messages import Told
    from zoneguard.sensor.sinks.base import Outgoing
    from zoneguard.text import Lang

MOST_IN_MAIL = 100  # findings in full; the rest is counted, and the JSON lines hold them


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """The server that takes our mail; with a `user`, `password` gives what is asked for anew at each connection."""

    host: str
    port: int = 587
    security: MailSecurity = MailSecurity.STARTTLS
    ca: Path | None = None
    user: str | None = None
    password: Callable[[], str] = str
    timeout: float = 30


class Mail:
    """Sends each message as one mail; `langs` in the order in which they are written."""

    def __init__(
        self,
        relay: Relay,
        *,
        sender: str,
        recipients: Sequence[str],
        zone: tzinfo,
        langs: Sequence[Lang] = ("ja", "en"),
    ) -> None:
        self._relay = relay
        self._sender = sender
        self._recipients = tuple(recipients)
        self._zone = zone
        self._langs = tuple(langs)

    def deliver(self, messages: Sequence[Outgoing]) -> None:
        """Send one mail a message over one connection."""
        done = 0
        try:
            with self._connected() as server:
                for message in messages:
                    server.send_message(self._mail(message), self._sender, list(self._recipients))
                    done += 1
        except (smtplib.SMTPException, OSError, ValueError, ZoneGuardError) as error:
            if done < len(messages):
                raise SinkUnavailable(f"{self._relay.host}: {_reason(error)}", delivered=done) from error

    def close(self) -> None:
        """Nothing is held between deliveries."""

    def _connected(self) -> smtplib.SMTP:
        relay = self._relay
        if relay.security is MailSecurity.TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                relay.host, relay.port, timeout=relay.timeout, context=_trusting(relay)
            )
        else:
            server = smtplib.SMTP(relay.host, relay.port, timeout=relay.timeout)
        try:
            if relay.security is MailSecurity.STARTTLS:
                server.starttls(context=_trusting(relay))
            if relay.user is not None:
                server.login(relay.user, relay.password().strip())
        except BaseException:
            server.close()
            raise
        return server

    def _mail(self, message: Outgoing) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = ", ".join(self._recipients)
        mail["Subject"] = mail_subject(message, self._langs[0])
        mail["Date"] = format_datetime(moment(message.body["at"], self._zone))
        # The same at every attempt, so that mail systems can drop what came twice.
        mail["Message-ID"] = f"<{hashlib.sha256(message.key.encode()).hexdigest()[:40]}@zoneguard.invalid>"
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence notice should answer
        mail["X-ZoneGuard-Key"] = message.key.encode("ascii", "backslashreplace").decode()
        divider = f"\n{'-' * 60}\n\n"
        text = divider.join(mail_text(message, lang, self._zone) for lang in self._langs)
        mail.set_content(text, charset="utf-8", cte="base64")
        return mail


def mail_subject(message: Outgoing, lang: Lang) -> str:
    """Write the subject: whose, and how many of what."""
    counted = summary(counts_of(message.body)).in_(lang)
    return harmless(f"[ZoneGuard] {message.body['sensor']}: {counted}")


def mail_text(message: Outgoing, lang: Lang, zone: tzinfo) -> str:
    """Write the body in one language: notices first, then changes, gravest first."""
    return "\n".join(harmless(line) for line in _lines(message, lang, zone)) + "\n"


def _lines(message: Outgoing, lang: Lang, zone: tzinfo) -> Iterator[str]:
    body = message.body
    told = told_of(body)
    yield _opening(message, zone).in_(lang)
    yield summary(counts_of(body)).in_(lang)
    for notice in notices_of(body):
        yield ""
        yield notice.in_(lang)
    shown = sorted(told, key=lambda one: SEVERITY_ORDER.index(one.finding.severity))[:MOST_IN_MAIL]
    for severity in SEVERITY_ORDER:
        group = [one for one in shown if one.finding.severity is severity]
        if group:
            yield ""
            yield _heading(SEVERITIES[severity]).in_(lang)
        for one in group:
            yield from _one(one, lang, zone)
    left = sum(sum(counts.values()) for counts in counts_of(body).values()) - len(shown)
    if left > 0:
        yield ""
        yield _more(left).in_(lang)


def _opening(message: Outgoing, zone: tzinfo) -> Text:
    sensor, at = message.body["sensor"], short(message.body["at"], zone)
    if message.kind == "digest":
        since, count = short(message.body["since"], zone), message.body["messages"]
        return Text(
            ja=f"センサー {sensor} から、{since} から {at} までの {count:,} 件の通知をまとめてお知らせします。",
            en=f"Sensor {sensor} tells {count:,} messages of {since} to {at} in one.",
        )
    return Text(ja=f"センサー {sensor}、{at} の判定です。", en=f"Sensor {sensor}, judged at {at}.")


def _heading(severity: Text) -> Text:
    return Text(ja=f"■ 重大度：{severity.ja}", en=f"== Severity: {severity.en}")


def _one(one: Told, lang: Lang, zone: tzinfo) -> Iterator[str]:
    finding = one.finding
    change, verdict = CHANGES[one.change].in_(lang), VERDICTS[finding.verdict].in_(lang)
    yield f"- [{change}] {finding.rule} {finding.title.in_(lang)} ({verdict})"
    yield f"    {finding.message.in_(lang)}"
    yield f"    {_seen(one, zone).in_(lang)}"
    yield f"    {_remedy(finding.remedy).in_(lang)}"


def _seen(one: Told, zone: tzinfo) -> Text:
    first, last = short(one.first_seen, zone), short(one.last_seen, zone)
    return Text(ja=f"初回 {first}、最終 {last}", en=f"first seen {first}, last seen {last}")


def _remedy(remedy: Text) -> Text:
    return Text(ja=f"対処：{remedy.ja}", en=f"What to do: {remedy.en}")


def _more(left: int) -> Text:
    return Text(
        ja=f"ほか {left:,} 件は `zoneguard sensor status` で確認できます。",
        en=f"{left:,} more: see `zoneguard sensor status`.",
    )


def _trusting(relay: Relay) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=relay.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"the login was refused ({error.smtp_code})"  # some servers repeat what was sent
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError):
        return why(error).en
    return " ".join(str(error).split()) or type(error).__name__
