"""What the configuration says of outputs and retention, as sinks, their pace and days."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, assert_never

from zoneguard.sensor import config as cfg
from zoneguard.sensor.delivery import Pace
from zoneguard.sensor.resolve import read_secret
from zoneguard.sensor.sinks.jsonl import Form, JsonLines
from zoneguard.sensor.sinks.mail import Mail, Relay
from zoneguard.sensor.sinks.syslog import Address, Syslog
from zoneguard.sensor.sinks.webhook import Webhook
from zoneguard.store.records import Retention

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from zoneguard.sensor.sinks.base import Sink
    from zoneguard.text import Lang

_DAY = 86_400


def sink_of(output: cfg.Output, *, zone: tzinfo, environment: Mapping[str, str]) -> Sink:
    """Make the sink of an output; secrets are read when they are used. Times are told in `zone`."""
    match output.sink:
        case cfg.JsonLines() as one:
            return JsonLines(one.path, zone=zone, lang=output.lang, most_bytes=one.rotate, keep=one.keep)
        case cfg.Eve() as one:
            return JsonLines(
                one.path,
                zone=zone,
                form=Form.EVE,
                lang=output.lang,
                most_bytes=one.rotate,
                keep=one.keep,
            )
        case cfg.Syslog() as one:
            address = Address(
                host=one.host,
                port=one.port,
                transport=one.transport,
                ca=one.ca,
                certificate=one.certificate,
                key=one.key,
            )
            return Syslog(address, zone=zone, lang=output.lang, facility=one.facility)
        case cfg.Webhook() as one:
            token = _secret(one.token, environment) if one.token else None
            return Webhook(one.url, zone=zone, timeout=one.timeout, ca=one.ca, token=token)
        case cfg.Mail() as one:
            return _mail(one, output, zone, environment)
        case _:
            assert_never(output.sink)


def pace_of(output: cfg.Output) -> Pace:
    """Give the pace of an output: a file takes everything, and mail gathers for as long as it says."""
    rate = output.rate
    match output.sink:
        case cfg.JsonLines() | cfg.Eve():
            return Pace()
        case cfg.Mail(every=every):
            return Pace(most=1, window=max(every, rate.per / rate.messages))
        case _:
            return Pace(most=rate.messages, window=rate.per)


def retention_of(retention: cfg.Retention) -> Retention:
    """Give what the store keeps, in days; the flow history has its own (`store.upkeep.tidy`)."""
    return Retention(
        gone_findings=retention.findings / _DAY,
        flow_days=retention.aggregates / _DAY,
        coverage=retention.aggregates / _DAY,
        runs=retention.runs / _DAY,
        commits=retention.runs / _DAY,
        delivered=retention.runs / _DAY,
    )


def _mail(one: cfg.Mail, output: cfg.Output, zone: tzinfo, environment: Mapping[str, str]) -> Mail:
    relay = Relay(
        host=one.host,
        port=one.port,
        security=one.security,
        ca=one.ca,
        user=one.user,
        password=_secret(one.password, environment) if one.password else str,
    )
    # Who chose Japanese may have to pass it on to a vendor; who chose English need not read both.
    langs: tuple[Lang, ...] = ("ja", "en") if output.lang == "ja" else ("en",)
    return Mail(relay, sender=one.sender, recipients=one.to, zone=zone, langs=langs)


def _secret(secret: cfg.Secret, environment: Mapping[str, str]) -> Callable[[], str]:
    return partial(read_secret, secret, environment)
