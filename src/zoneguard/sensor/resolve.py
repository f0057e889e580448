"""From the shape of sensor.yaml to its values: paths made absolute, defaults that depend on others filled in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from zoneguard.errors import MachineLacksError, why
from zoneguard.sensor import config as cfg
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zoneguard.policy.yamltext import Source
    from zoneguard.sensor import document as doc

_STORE = "findings.db"
_STATUS = "status.json"
_MOST_SECRET = 10_000
_SYSLOG_PORTS = {cfg.Transport.UDP: 514, cfg.Transport.TCP: 514, cfg.Transport.TLS: 6514}
_MAIL_PORTS = {cfg.MailSecurity.NONE: 25, cfg.MailSecurity.STARTTLS: 587, cfg.MailSecurity.TLS: 465}


def resolve(document: doc.Document, source: Source, sha256: str) -> cfg.Config:
    """Make the values; relative paths are taken from the folder of the file."""
    base = Path(source.file).absolute().parent
    state = base / document.state
    metrics = document.metrics
    return cfg.Config(
        path=source.file,
        sha256=sha256,
        name=document.name,
        policy=base / document.policy,
        state=state,
        interfaces=tuple(
            cfg.Interface(
                name=one.interface,
                sensor=one.sensor,
                ring=one.ring,
                promiscuous=one.promiscuous,
                fanout=one.fanout,
                place=source.place(("watch", "interfaces", index, "sensor")),
            )
            for index, one in enumerate(document.watch.interfaces)
        ),
        folders=tuple(
            cfg.Folder(
                path=base / one.path,
                sensor=one.sensor,
                glob=one.glob,
                settle=one.settle,
                place=source.place(("watch", "folders", index, "sensor")),
            )
            for index, one in enumerate(document.watch.folders)
        ),
        schedule=_schedule(document.schedule),
        judge=cfg.Judging(
            window=document.judge.window,
            period=document.judge.period,
            gone_after=document.judge.gone_after,
            look=document.judge.look,
        ),
        timeouts=cfg.Timeouts(
            idle_tcp=document.timeouts.idle_tcp,
            idle_other=document.timeouts.idle_other,
            active=document.timeouts.active,
        ),
        memory=document.memory,
        store=_store(document.store, base, state),
        retention=cfg.Retention(
            history=document.retention.history,
            aggregates=document.retention.aggregates,
            findings=document.retention.findings,
            runs=document.retention.runs,
        ),
        outputs=tuple(_output(name, output, base) for name, output in document.outputs.items()),
        metrics=cfg.Metrics(host=metrics.address, port=metrics.port) if metrics else None,
        low_water=document.disk.low_water,
        status=base / document.status if document.status else state / _STATUS,
    )


def read_secret(secret: cfg.Secret, environment: Mapping[str, str]) -> str:
    """Read a secret; the end of its last line does not belong to it. Raises MachineLacksError, never showing it."""
    if secret.file is None:
        name = secret.environment or ""
        if not environment.get(name):
            raise MachineLacksError(
                Text(
                    ja=f"環境変数 {name} がありません。秘密の値を設定してください。",
                    en=f"The environment variable {name} is not set; put the secret there.",
                )
            )
        return environment[name]
    try:
        with secret.file.open("rb") as file:
            return file.read(_MOST_SECRET).decode("utf-8").rstrip("\r\n")
    except OSError as error:
        reason = why(error)
        raise MachineLacksError(
            Text(
                ja=f"{secret.file}: 秘密の値を読めません（{reason.ja}）。パスと権限を確かめてください。",
                en=f"{secret.file}: the secret cannot be read ({reason.en}); check the path and its permissions.",
            )
        ) from None
    except UnicodeDecodeError:
        raise MachineLacksError(
            Text(
                ja=f"{secret.file}: 秘密の値がUTF-8の文字列ではありません。書き直してください。",
                en=f"{secret.file}: the secret is not UTF-8 text; write it anew.",
            )
        ) from None


def store_url(store: cfg.Store, environment: Mapping[str, str]) -> str:
    """Give the URL of the database with its password; for the database alone, never to be shown."""
    if store.password is None:
        return store.url
    parts = urlsplit(store.url)
    user, _, host = parts.netloc.rpartition("@")
    secret = quote(read_secret(store.password, environment), safe="")
    return urlunsplit(parts._replace(netloc=f"{user}:{secret}@{host}"))


def _schedule(schedule: doc.ScheduleShape) -> tuple[cfg.Recurrence, ...]:
    if schedule.each_hour is not None:
        return (
            cfg.Recurrence(begin=f"{schedule.each_hour.at} * * * *", seconds=schedule.each_hour.minutes * 60),
        )
    return tuple(cfg.Recurrence(begin=one.begin, seconds=one.lasting) for one in schedule.windows)


def _store(store: doc.StoreShape | None, base: Path, state: Path) -> cfg.Store:
    if store is None:
        return cfg.Store(url=f"sqlite:///{state / _STORE}")
    if store.url.startswith("sqlite:///"):
        return cfg.Store(url=f"sqlite:///{base / store.url.removeprefix('sqlite:///')}")
    return cfg.Store(url=store.url, password=_under(base, store.password))


def _output(name: str, output: doc.OutputShape, base: Path) -> cfg.Output:
    return cfg.Output(
        name=name,
        sink=_sink(output, base),
        min_severity=output.min_severity,
        lang="ja" if output.lang == "ja" else "en",
        rate=cfg.Rate(messages=output.rate.messages, per=output.rate.per),
    )


def _sink(output: doc.OutputShape, base: Path) -> cfg.Sink:
    if output.jsonl is not None:
        one = output.jsonl
        return cfg.JsonLines(path=base / one.file, rotate=one.rotate, keep=one.keep)
    if output.eve is not None:
        one = output.eve
        return cfg.Eve(path=base / one.file, rotate=one.rotate, keep=one.keep)
    if output.syslog is not None:
        return _syslog(output.syslog, base)
    if output.webhook is not None:
        hook = output.webhook
        return cfg.Webhook(
            url=hook.url, token=_under(base, hook.token), ca=_file(base, hook.ca), timeout=hook.timeout
        )
    if output.mail is not None:
        return _mail(output.mail, base)
    raise AssertionError("an output that was checked has a kind")


def _syslog(one: doc.SyslogShape, base: Path) -> cfg.Syslog:
    return cfg.Syslog(
        host=one.host,
        port=one.port or _SYSLOG_PORTS[one.transport],
        transport=one.transport,
        facility=one.facility,
        ca=_file(base, one.ca),
        certificate=_file(base, one.certificate),
        key=_file(base, one.key),
    )


def _mail(one: doc.MailShape, base: Path) -> cfg.Mail:
    return cfg.Mail(
        host=one.host,
        port=one.port or _MAIL_PORTS[one.security],
        security=one.security,
        sender=one.sender,
        to=one.to,
        user=one.user,
        password=_under(base, one.password),
        ca=_file(base, one.ca),
        every=one.every,
    )


def _under(base: Path, secret: cfg.Secret | None) -> cfg.Secret | None:
    if secret is None or secret.file is None:
        return secret
    return cfg.Secret(file=base / secret.file)


def _file(base: Path, file: Path | None) -> Path | None:
    return None if file is None else base / file
