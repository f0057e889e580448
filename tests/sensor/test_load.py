"""Reading sensor.yaml."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from zoneguard.errors import InputRefusedError, MachineLacksError
from zoneguard.findings.finding import Severity
from zoneguard.policy.load import load_policy
from zoneguard.policy.yamltext import read_yaml
from zoneguard.sensor.config import (
    Config,
    Eve,
    JsonLines,
    Mail,
    MailSecurity,
    Period,
    Recurrence,
    Secret,
    Store,
    Syslog,
    Transport,
    Webhook,
)
from zoneguard.sensor.document import sensor_schema
from zoneguard.sensor.load import load_config, observation_faults, parse_config
from zoneguard.sensor.resolve import read_secret, store_url

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "packaging/sensor.yaml"
HEAD = """version: 1
name: core
policy: zones.yaml
watch: {interfaces: [{interface: eth1, sensor: S2}]}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(InputRefusedError) as refused:
        parse_config(text.encode(), "sensor.yaml")
    assert all(fault.ja != fault.en for fault in refused.value.faults)
    return [fault.en for fault in refused.value.faults]


def parsed(text: str = "", head: str = HEAD) -> Config:
    return parse_config((head + text).encode(), "/etc/zoneguard/sensor.yaml")


def test_the_shipped_example_is_free_of_mistakes_and_fits_the_example_city():
    config = load_config(SHIPPED)
    assert observation_faults(config, load_policy(ROOT / "zones.yaml")) == ()
    assert config.policy == ROOT / "packaging/zones.yaml"
    assert [output.name for output in config.outputs] == ["local"]


def test_what_the_command_shows_is_what_the_packaging_installs():
    shown = files("zoneguard.sensor").joinpath("example.yaml").read_text("utf-8")
    assert SHIPPED.read_text("utf-8") == shown


def test_every_line_of_the_example_that_is_commented_out_is_free_of_mistakes_too():
    lines = [
        line.replace("# ", "", 1) if line.lstrip().startswith("# ") and ":" in line else line
        for line in SHIPPED.read_text("utf-8").splitlines()
    ]
    begun = next(at for at, line in enumerate(lines) if line.startswith("version: 1"))
    wanted = [
        line
        for line in lines[begun:]
        if not line.startswith(("Where to", "Whom to", "Secrets", "どこ", "いつ", "誰"))
    ]
    text = "\n".join(line for line in wanted if "each_hour" not in line)
    config = parse_config(text.encode(), "/etc/zoneguard/sensor.yaml")
    assert {output.name for output in config.outputs} == {"local", "soc", "desk"}
    assert config.folders[0].settle == 30
    assert config.schedule == (Recurrence(begin="30 8 * * 1-5", seconds=36000),)
    assert config.store.url.startswith("postgresql://")


def test_a_short_file_has_careful_defaults():
    config = parsed()
    assert config.state == Path("/var/lib/zoneguard")
    assert config.store == Store(url="sqlite:////var/lib/zoneguard/findings.db")
    assert config.status == Path("/var/lib/zoneguard/status.json")
    assert config.policy == Path("/etc/zoneguard/zones.yaml")
    assert config.schedule == ()
    assert (config.judge.window, config.judge.period) == (60, Period.DAY)
    assert (config.memory, config.metrics, config.outputs) == (1 << 30, None, ())
    assert config.interfaces[0].place is not None
    assert (config.interfaces[0].place.line, config.interfaces[0].place.column) == (4, 48)


def test_every_kind_of_output_is_read():
    config = parsed(
        """outputs:
  a: {jsonl: {file: a.jsonl, rotate: 1MiB, keep: 2}, min_severity: info}
  b: {eve: {file: /var/log/eve.json}}
  c: {syslog: {host: 192.0.2.10, transport: udp}, lang: en}
  d: {webhook: {url: "https://soc.example.jp/in", token: {environment: TOKEN}}}
  e:
    mail: {host: mail.example.jp, from: zg@example.jp, to: [a@example.jp], user: zg, password: {file: secret}}
    rate: {messages: 6, per: 1h}
"""
    )
    a, b, c, d, e = config.outputs
    assert a.sink == JsonLines(path=Path("/etc/zoneguard/a.jsonl"), rotate=1 << 20, keep=2)
    assert a.min_severity is Severity.INFO
    assert b.sink == Eve(path=Path("/var/log/eve.json"))
    assert c.sink == Syslog(host="192.0.2.10", port=514, transport=Transport.UDP)
    assert c.lang == "en"
    assert d.sink == Webhook(url="https://soc.example.jp/in", token=Secret(environment="TOKEN"))
    assert e.sink == Mail(
        host="mail.example.jp",
        port=587,
        security=MailSecurity.STARTTLS,
        sender="zg@example.jp",
        to=("a@example.jp",),
        user="zg",
        password=Secret(file=Path("/etc/zoneguard/secret")),
    )
    assert (e.rate.messages, e.rate.per) == (6, 3600)


def test_minutes_of_each_hour_are_a_recurrence():
    config = parsed("schedule: {each_hour: {minutes: 10, at: 5}}\n")
    assert config.schedule == (Recurrence(begin="5 * * * *", seconds=600),)


def test_all_mistakes_are_told_at_once_each_with_its_place_and_way_out():
    text = """version: 1
name: core
polcy: zones.yaml
watch:
  interfaces:
    - {interface: eth1, sensor: S2, rign: 64MiB}
    - {interface: eth1, sensor: S2, ring: 64}
schedule: {windows: [{begin: "61 * * * *", for: 1h}]}
outputs:
  soc: {syslog: {host: log.example.jp, transport: upd}}
  both: {jsonl: {file: a}, eve: {file: b}}
metrics: {address: 0.0.0.0}
"""
    assert faults(text) == [
        "sensor.yaml:1:1: sensor.yaml lacks the key 'policy'; add it",
        (
            "sensor.yaml:3:1: unknown key 'polcy'; did you mean 'policy'? (the keys here are "
            "version, name, policy, state, watch, schedule, judge, timeouts, memory, store, retention, outputs, "
            "metrics, disk, status)"
        ),
        (
            "sensor.yaml:6:37: unknown key 'rign'; did you mean 'ring'? (the keys here are "
            "interface, sensor, ring, promiscuous, fanout)"
        ),
        "sensor.yaml:7:43: '64' is not a size; write it like 64MiB or 2GiB",
        (
            "sensor.yaml:8:30: '61 * * * *' is not a time of cron; write minute, hour, day, month and weekday "
            'like "30 8 * * 1-5"'
        ),
        "sensor.yaml:10:51: 'upd' is not known; did you mean udp? the words are udp, tcp, tls",
        "sensor.yaml:11:9: an output has exactly one of jsonl, eve, syslog, webhook, mail",
        "sensor.yaml:12:20: others can reach 0.0.0.0 without a password; add open_to_network: true if that is meant",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("store: {url: 'postgresql://zg:geheim@db/zg'}", "no password in the URL"),
        ("store: {url: 'postgresql://zg@db/zg?password=geheim'}", "no password in the URL"),
        ("store: {url: 'postgresql://zg@db/zg', password: geheim}", "a secret is not written here"),
        ("outputs: {w: {webhook: {url: 'https://a/', token: geheim}}}", "a secret is not written here"),
        ("outputs: {w: {webhook: {url: 'https://u:geheim@a/'}}}", "no user or password in the URL"),
        (
            "outputs: {w: {webhook: {url: 'https://a/', token: {file: a, environment: geheim}}}}",
            "a secret is not written here",
        ),
    ],
)
def test_a_secret_in_the_file_is_refused_and_never_repeated(text, told):
    said = faults(HEAD + text)
    assert told in said[0]
    assert not any("geheim" in one for one in said)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("outputs: {w: {webhook: {url: 'http://soc.example.jp/'}}}", "goes by https"),
        ("outputs: {w: {webhook: {url: 'ftp://soc.example.jp/'}}}", "a URL is written like"),
        ("outputs: {w: {webhook: {url: 'https://a:b/'}}}", "a URL is written like"),
        ("outputs: {s: {syslog: {host: a, transport: tcp, ca: x}}}", "ca belongs to transport: tls"),
        ("outputs: {s: {syslog: {host: a, key: x}}}", "give certificate and key together"),
        ("outputs: {s: {syslog: {host: 'a b'}}}", "neither a host name nor an address"),
        ("outputs: {m: {mail: {host: a, from: x, to: [a@b]}}}", "'x' is not a mail address"),
        ("outputs: {m: {mail: {host: a, from: a@b, to: []}}}", "too few items"),
        ("outputs: {m: {mail: {host: a, from: a@b, to: [a@b], user: u}}}", "user and password together"),
        (
            "outputs: {m: {mail: {host: a, from: a@b, to: [a@b], user: u, password: {file: p}, security: none}}}",
            "would travel in clear",
        ),
        ("outputs: {a: {jsonl: {file: x}}, b: {eve: {file: x}}}", "output 'a' writes to x too"),
        ("outputs: {a: {jsonl: {file: x}, min_severity: hihg}}", "did you mean high?"),
        ("outputs: {'../a': {jsonl: {file: x}}}", "cannot be a name"),
        ("outputs: {a: {min_severity: high}}", "exactly one of"),
        ("schedule: {windows: [{begin: '0 9 * * *', for: 1h}], each_hour: {minutes: 5}}", "not both"),
        ("schedule: {each_hour: {minutes: 60}}", "at most 59"),
        ("judge: {window: 2h}", "from 5s to 1h"),
        ("judge: {gone_after: 1m}", "at least twice"),
        ("memory: 1MiB", "at least 512MiB"),
        ("store: {url: 'mysql://a/b'}", "a database URL is written like"),
        ("store: {url: 'sqlite:///a', password: {file: x}}", "SQLite has no password"),
        ("store: {url: 'postgresql://db/zg', password: {file: x}}", "there is no user for the password"),
        ("retention: {history: ever}", "is not a time to keep something"),
    ],
)
def test_what_contradicts_itself_or_is_unsafe_is_refused(text, told):
    said = faults(HEAD + text)
    assert any(told in one for one in said), said


@pytest.mark.parametrize(
    ("watch", "told"),
    [
        ("{}", "there is nothing to watch"),
        ("{interfaces: [{interface: eth1, sensor: A}, {interface: eth1, sensor: B}]}", "is there twice"),
        ("{folders: [{path: /p, sensor: A}, {path: /p, sensor: B}]}", "is there twice"),
        ("{folders: [{path: /p, sensor: A, glob: 'x/*'}]}", "matches names of files only"),
        ("{interfaces: [{interface: ../eth1, sensor: A}]}", "not the name of an interface"),
    ],
)
def test_a_watch_that_cannot_be_kept_is_refused(watch, told):
    said = faults(f"version: 1\nname: core\npolicy: zones.yaml\nwatch: {watch}\n")
    assert any(told in one for one in said), said


def test_an_observation_point_that_the_policy_does_not_know_is_told_with_its_place():
    config = parsed(head=HEAD.replace("S2", "S22"))
    (fault,) = observation_faults(config, load_policy(ROOT / "zones.yaml"))
    assert fault.en.startswith("/etc/zoneguard/sensor.yaml:4:48: ")
    assert "has no 'S22'; did you mean 'S2'?" in fault.en


def test_an_empty_file_is_told_how_to_begin():
    assert "zoneguard sensor config example" in faults("")[0]
    assert "zoneguard sensor config example" in faults("- a\n")[0]


def test_metrics_may_be_opened_to_the_network_by_an_explicit_word():
    config = parsed("metrics: {address: 192.0.2.1, port: 9000, open_to_network: true}\n")
    assert config.metrics is not None
    assert (config.metrics.host, config.metrics.port) == ("192.0.2.1", 9000)


def test_a_secret_is_read_from_its_file_or_the_environment(tmp_path):
    file = tmp_path / "token"
    file.write_text("p@ss/word\n", encoding="utf-8")
    assert read_secret(Secret(file=file), {}) == "p@ss/word"
    assert read_secret(Secret(environment="TOKEN"), {"TOKEN": "x"}) == "x"
    store = Store(url="postgresql://zg@db:5432/zg", password=Secret(file=file))
    assert store_url(store, {}) == "postgresql://zg:p%40ss%2Fword@db:5432/zg"


def test_a_secret_that_is_not_there_is_told_without_showing_anything(tmp_path):
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe")
    for secret in (Secret(file=tmp_path / "none"), Secret(environment="NONE"), Secret(file=binary)):
        with pytest.raises(MachineLacksError):
            read_secret(secret, {})


def test_the_schema_in_the_package_is_the_one_the_model_gives():
    shipped = ROOT / "src/zoneguard/sensor/sensor.schema.json"
    assert json.loads(shipped.read_text("utf-8")) == sensor_schema()


def test_the_example_fits_the_schema_that_editors_use():
    schema = sensor_schema()
    Draft202012Validator.check_schema(schema)
    value = json.loads(json.dumps(read_yaml(SHIPPED.read_bytes(), "sensor.yaml").value))
    Draft202012Validator(schema).validate(value)
    assert list(Draft202012Validator(schema).iter_errors(value | {"surplus": 1}))


@settings(max_examples=300, deadline=None)
@given(
    key=st.sampled_from(
        ["name", "watch", "schedule", "judge", "store", "retention", "outputs", "metrics", "disk", "memory"]
    ),
    value=st.recursive(
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.sampled_from(["1h", "jsonl"])
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(
                st.sampled_from(
                    ["jsonl", "mail", "file", "to", "url", "interfaces", "windows", "begin", "x"]
                ),
                inner,
                max_size=3,
            ),
        ),
        max_leaves=8,
    ),
)
def test_any_value_anywhere_gives_a_configuration_or_places(key, value):
    text = json.dumps(
        {"version": 1, "name": "a", "policy": "p", "watch": {"folders": [{"path": "/p", "sensor": "S"}]}}
        | {key: value}
    )
    found = []
    try:
        assert parse_config(text.encode(), "sensor.yaml").name
    except InputRefusedError as refused:
        found = list(refused.faults)
    assert all(fault.en.startswith("sensor.yaml:") for fault in found)


def test_sensors_of_one_number_share_an_interface():
    watch = "watch: {interfaces: [{interface: eth1, sensor: S2, fanout: 7}, {interface: eth2, sensor: S2}]}"
    config = parse_config(
        f"version: 1\nname: core\npolicy: zones.yaml\n{watch}\n".encode(), "/etc/sensor.yaml"
    )
    assert [one.fanout for one in config.interfaces] == [7, None]
