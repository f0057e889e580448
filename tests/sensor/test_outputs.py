from __future__ import annotations

import json

import pytest

from tests.sensor.sinks.sending import JST, notice, outgoing
from tests.sensor.sinks.test_mail import receiving as mail_server
from tests.sensor.sinks.test_syslog import parsed
from tests.sensor.sinks.test_syslog import receiving as syslog_server
from tests.sensor.sinks.test_webhook import receiving as web_server
from tests.store.made import finding
from zoneguard.sensor import config as cfg
from zoneguard.sensor.delivery import Pace
from zoneguard.sensor.outputs import pace_of, retention_of, sink_of
from zoneguard.sensor.sinks.base import SinkUnavailable

SECRET = cfg.Secret(environment="SECRET")


def sent(sink, *messages, environment=None, **options):
    made = sink_of(cfg.Output(name="x", sink=sink, **options), zone=JST, environment=environment or {})
    made.deliver(messages or [outgoing(finding("a"))])
    made.close()


def test_files_are_written_in_the_form_and_language_of_the_configuration(tmp_path):
    sent(cfg.JsonLines(path=tmp_path / "own"))
    sent(cfg.Eve(path=tmp_path / "eve"), lang="en")
    assert json.loads((tmp_path / "own").read_text())["schema"] == "zoneguard.notice/1"
    assert (
        json.loads((tmp_path / "eve").read_text())["alert"]["signature"]
        == "ZG-A05 Opened from the wrong side"
    )


def test_a_file_is_rotated_as_configured(tmp_path):
    for _ in range(4):
        sent(cfg.JsonLines(path=tmp_path / "own", rotate=10, keep=1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own", "own.1"]


def test_syslog_goes_where_and_as_what_it_should():
    with syslog_server() as server:
        sent(
            cfg.Syslog(host="localhost", port=server.port, transport=cfg.Transport.TCP, facility=4), lang="en"
        )
    (one,) = [parsed(frame) for frame in server.frames]
    assert one["pri"] == str(4 * 8 + 3)
    assert one["text"].startswith("new ")


def test_secrets_are_read_when_they_are_used():
    with web_server() as (port, got):
        hook = cfg.Webhook(url=f"http://127.0.0.1:{port}/", token=SECRET)
        with pytest.raises(SinkUnavailable, match="SECRET"):
            sent(hook)
        assert got == []
        sent(hook, environment={"SECRET": "t0ken"})
    assert got[0][0]["Authorization"] == "Bearer t0ken"


@pytest.mark.parametrize(("lang", "japanese"), [("ja", True), ("en", False)])
def test_mail_is_in_the_languages_of_its_readers(lang, japanese):
    with mail_server() as server:
        mail = cfg.Mail(
            host="localhost",
            port=server.port,
            security=cfg.MailSecurity.NONE,
            sender="a@example.jp",
            to=("b@example.jp",),
            user="sensor",
            password=SECRET,
        )
        with pytest.raises(SinkUnavailable, match="SECRET"):
            sent(mail, lang=lang)
        sent(mail, notice(), lang=lang, environment={"SECRET": "pa55"})
    assert server.logins == [["sensor", "pa55"]]
    from tests.sensor.sinks.test_mail import read

    text = read(server.mails[0]).get_content()
    assert ("観測が" in text) is japanese
    assert "Nothing was observed" in text


def test_a_file_takes_everything_and_mail_gathers(tmp_path):
    mail = cfg.Mail(host="x", port=25, security=cfg.MailSecurity.NONE, sender="a@b", to=("c@d",), every=600)
    rate = cfg.Rate(messages=6, per=7200)
    hook = cfg.Webhook(url="https://example.jp/")
    assert pace_of(cfg.Output(name="x", sink=cfg.JsonLines(path=tmp_path))) == Pace()
    assert pace_of(cfg.Output(name="x", sink=mail)) == Pace(most=1, window=600)
    assert pace_of(cfg.Output(name="x", sink=mail, rate=rate)) == Pace(most=1, window=1200)
    assert pace_of(cfg.Output(name="x", sink=hook, rate=rate)) == Pace(most=6, window=7200)


def test_retention_is_told_in_days():
    days = retention_of(cfg.Retention(findings=86400, aggregates=2 * 86400, runs=43200))
    assert (days.gone_findings, days.flow_days, days.coverage, days.runs) == (1, 2, 2, 0.5)
