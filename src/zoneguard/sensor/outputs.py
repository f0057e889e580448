"""From what sensor.yaml says of an output to the sink that delivers, and how patient it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from zoneguard.sensor import config as cfg
from zoneguard.sensor.delivery import Pace
from zoneguard.sensor.resolve import read_secret
from zoneguard.sensor.sinks.jsonl import Form, JsonLines
from zoneguard.sensor.sinks.mail import Mail, Relay, Security
from zoneguard.sensor.sinks.syslog import Address, Syslog, Transport
from zoneguard.sensor.sinks.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from zoneguard.sensor.sinks.base import Sink
    from zoneguard.text import Lang


def sink_of(output: cfg.Output, *, zone: tzinfo, environment: Mapping[str, str]) -> Sink:
    """Make the sink of an output. Secrets are read each time they are used."""
    lang, sink = output.lang, output.sink
    match sink:
        case cfg.JsonLines() | cfg.Eve():
            form = Form.EVE if isinstance(sink, cfg.Eve) else Form.NATIVE
            return JsonLines(
                sink.path, zone=zone, form=form, lang=lang, most_bytes=sink.rotate, keep=sink.keep
            )
        case cfg.Syslog():
            address = Address(
                host=sink.host,
                port=sink.port,
                transport=Transport(sink.transport.value),
                ca=sink.ca,
                certificate=sink.certificate,
                key=sink.key,
            )
            return Syslog(address, zone=zone, lang=lang, facility=sink.facility)
        case cfg.Webhook():
            token = _asked(sink.token, environment)
            return Webhook(sink.url, zone=zone, timeout=sink.timeout, ca=sink.ca, token=token)
        case cfg.Mail():
            relay = Relay(
                host=sink.host,
                port=sink.port,
                security=Security(sink.security.value),
                ca=sink.ca,
                user=sink.user,
                password=_asked(sink.password, environment) or str,
            )
            langs: tuple[Lang, ...] = ("ja", "en") if lang == "ja" else ("en", "ja")
            return Mail(relay, sender=sink.sender, recipients=sink.to, zone=zone, langs=langs)
        case _:
            assert_never(sink)


def pace_of(output: cfg.Output) -> Pace:
    """Tell how many messages an output takes: files all of them, a mailbox one in so many seconds."""
    match output.sink:
        case cfg.JsonLines() | cfg.Eve():
            return Pace()
        case cfg.Mail(every=every):
            return Pace(most=1, window=every)
        case _:
            return Pace(most=output.rate.messages, window=output.rate.per)


def _asked(secret: cfg.Secret | None, environment: Mapping[str, str]) -> Callable[[], str] | None:
    return None if secret is None else lambda: read_secret(secret, environment)
