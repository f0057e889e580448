"""Nothing of a payload and no secret of an export is in any output, of any command, in any form."""

from __future__ import annotations

import base64
import contextlib
import email
import io
import json
import socket
import sqlite3
import threading
import time
import zipfile
from contextlib import ExitStack, closing
from urllib.request import urlopen

import click
import pyarrow.parquet as pq
import pypdf
import pytest

from tests.privacy import canaries, town, traffic
from tests.sensor.sinks import test_mail, test_webhook
from zoneguard.cli import main
from zoneguard.cli.diff import FORMATS as DIFFERENCES
from zoneguard.errors import ExitCode
from zoneguard.firewall.vendors import FORMATS
from zoneguard.report.forms import FORMS
from zoneguard.sensor.document import OutputShape
from zoneguard.sensor.events import StatusAsked, StopAsked
from zoneguard.sensor.runner import Runner
from zoneguard.sensor.world import World

# Every command that is given evidence or a policy; the words that run it in the town.
ASKED = {
    "check": ["before", "--policy", "zones.yaml", "--today", "2026-11-24", "--jobs", "1"],
    "diff": ["before", "after", "--all", "--policy", "zones.yaml"],
    "explain": ["before", "--src", "172.16.20.5", "--dst", "192.168.20.7", "--dport", "445", "--policy", "zones.yaml"],
    "flows": ["before/s2-day.pcap", "--policy", "zones.yaml", "--jobs", "1"],
    "policy graph": ["zones.yaml"],
    "policy init": ["--from-export", "before", "--from-capture", "before"],
    "policy lint": ["zones.yaml"],
    "policy show": ["zones.yaml"],
    "report render": ["run.json"],
    "report verify": ["bundle", "--original", "before/s2-day.pcap"],
}  # fmt: skip
TABLE = ["explain", "before", "--packets", "packets.csv", "--policy", "zones.yaml"]
# They read neither, or are asked below.
OTHERS = {
    "completion", "policy schema", "rules clauses", "rules explain", "rules list", "sensor config example",
    "sensor config lint", "sensor config schema", "sensor once", "sensor run", "sensor status", "warmup",
}  # fmt: skip
CODES = {*map(int, ExitCode)} - {ExitCode.USAGE, ExitCode.REFUSED}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Lay out the town, and store two runs there: of the day before, and one that knows that one."""
    folder = town.found(tmp_path_factory.mktemp("town"))
    with contextlib.chdir(folder):
        for name, more in (("yesterday.json", []), ("run.json", ["--baseline", "yesterday.json"])):
            main.run(["check", *ASKED["check"], *more, "--format", "json", "--output", name])
        for name, more in (("bundle", []), ("for-vendor", ["--pseudonymise", "city.key"])):
            main.run(["check", *ASKED["check"], *more, "--bundle", name, "--output", "bundled.txt"])
    return folder


@pytest.fixture
def here(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def test_every_command_is_asked_or_reads_no_evidence():
    assert {*ASKED} | OTHERS == set(_commands())


def test_every_format_faces_two_zones_of_the_town():
    assert sorted(town.INTERFACES) == [one.name for one in FORMATS]


def test_the_words_are_found_in_every_form():
    word = canaries.canary(1).encode()
    assert canaries.leaks(b"nothing here") == set()
    for form in (
        word,
        word.hex().encode(),
        word.upper(),
        word.decode().encode("utf-16-le"),
        word.hex(":").encode(),
    ):
        assert canaries.leaks(b"x" + form + b"y")
    for before in (b"", b"a", b"ab", b"abc"):
        assert canaries.leaks(base64.b64encode(before + word + b"zz"))
    assert canaries.leaks(traffic.capture())


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("name", ASKED)
def test_no_command_shows_a_payload_or_a_secret(name, lang, here, capfdbinary, tmp_path):
    for form in _forms(name):
        target = tmp_path / "out"
        if form == "pdf" and (name, lang) != ("check", "en"):
            continue  # the page of html again; to print it takes half a minute
        words = [*name.split(), *ASKED[name], "--lang", lang]
        if form in {"parquet", "pdf"}:
            words += ["--format", form, "--output", str(target)]
        elif form:
            words += ["--format", form]
        elif name == "policy init":
            words += ["--output", str(target)]
        assert main.run(words) in CODES, words
        told = b"".join(capfdbinary.readouterr())
        shown = [*_inside(told), *(_decoded(target) if target.exists() else ())]
        assert sum(map(len, shown)) > 200 or name == "policy lint", words
        assert {form: leak for form, leak in enumerate(map(canaries.leaks, shown)) if leak} == {}, words


@pytest.mark.parametrize("name", ["bundle", "for-vendor"])
def test_no_file_of_a_bundle_holds_a_payload_or_a_secret(name, here):
    files = {one.name: one.read_bytes() for one in (here / name).iterdir()}
    assert len(files["evidence.pcapng"]) > 500
    assert {one: leak for one, octets in files.items() if (leak := canaries.leaks(octets))} == {}


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_every_finding_is_explained_without_a_payload_or_a_secret(lang, here, capfdbinary):
    findings = json.loads((here / "run.json").read_text("utf-8"))["findings"]
    for one in findings:
        words = [
            "explain",
            one["fingerprint"],
            "--report",
            "run.json",
            "--policy",
            "zones.yaml",
            "--lang",
            lang,
        ]
        assert main.run(words) == ExitCode.CLEAN
    told = b"".join(capfdbinary.readouterr())
    assert told.count(one["fingerprint"].encode()) >= 1
    assert canaries.leaks(told) == set()


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_table_of_packets_shows_no_secret(lang, here, capfdbinary):
    assert main.run([*TABLE, "--lang", lang]) in CODES
    told = b"".join(capfdbinary.readouterr())
    assert told.count(b"deny") + told.count(b"permit") > 4
    assert canaries.leaks(told) == set()


def test_lines_of_every_format_are_shown(here, capfdbinary):
    """What the other tests search is not empty: they would pass on a report without evidence."""
    main.run(["check", *ASKED["check"], "--format", "json"])
    told = capfdbinary.readouterr().out
    for format_ in FORMATS:
        assert f'"before/{format_.name}.'.encode() in told
    assert b"<redacted>" in told


def test_every_kind_of_output_of_the_sensor_is_searched(tmp_path):
    ports = dict.fromkeys(("syslog", "webhook", "mail", "away", "metrics"), 1024)
    written = town.sensor_yaml(tmp_path, ports).read_text("utf-8")
    assert town.kinds_of_output(written) == set(OutputShape.model_fields) - {"min_severity", "lang", "rate"}


def test_the_sensor_tells_keeps_and_sends_no_payload_and_no_token(here, capfdbinary):
    with ExitStack() as stack:
        syslog = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        syslog.bind(("127.0.0.1", 0))
        syslog.settimeout(0.2)
        hook, posts = stack.enter_context(test_webhook.receiving())
        mail = stack.enter_context(test_mail.receiving())
        ports = {"syslog": syslog.getsockname()[1], "webhook": hook, "mail": mail.port}
        ports |= {"away": _free(), "metrics": _free()}
        config = town.sensor_yaml(here, ports)
        assert main.run(["sensor", "config", "lint", str(config)]) == 0
        log = io.StringIO()
        runner = Runner(config, World(stream=log), once=None)
        thread = threading.Thread(target=runner.run)
        thread.start()
        try:
            _wait_until(lambda: mail.mails and len(posts) and (here / "out/eve.json").exists())
            runner.ask(StatusAsked())
            with urlopen(f"http://127.0.0.1:{ports['metrics']}/metrics", timeout=10) as answer:
                metrics = answer.read()
        finally:
            runner.ask(StopAsked())
            thread.join(60)
        assert not thread.is_alive()
        datagrams = list(_received(syslog))
        told = {"log": log.getvalue().encode(), "metrics": metrics, "syslog": b"\n".join(datagrams)}
        told["webhook"] = b"\n".join(body for _, body in posts)
        told["mail"] = b"\n".join([*mail.mails, *(_decoded_mail(one) for one in mail.mails)])
    for form in ("text", "json"):
        main.run(["sensor", "status", "--config", str(config), "--format", form])
    told["status"] = b"".join(capfdbinary.readouterr())
    kept = [path for name in ("state", "out") for path in (here / name).rglob("*") if path.is_file()]
    for path in kept:
        for number, octets in enumerate(_decoded(path)):
            told[f"{path.relative_to(here)}#{number}"] = octets
    assert {"log", "metrics", "syslog", "webhook", "mail", "status"} <= {
        name for name, octets in told.items() if octets
    }
    assert {path.suffix for path in kept} >= {".jsonl", ".json", ".parquet"}
    assert any(path.name.startswith("checkpoint-") for path in kept)
    for name in (
        "log",
        "syslog",
        "webhook",
        "mail",
        "out/findings.jsonl#0",
        "out/eve.json#0",
        "state/findings.db#0",
    ):
        assert b"ZG-A" in told[name] or name == "log", name
    assert {name: leak for name, octets in told.items() if (leak := canaries.leaks(octets))} == {}


def _commands():
    """Yield every command by the words that call it."""
    waiting = [("", main.root)]
    ctx = click.Context(main.root)
    while waiting:
        path, one = waiting.pop()
        if isinstance(one, click.Group):
            waiting += [
                (f"{path} {name}".strip(), one.get_command(ctx, name)) for name in one.list_commands(ctx)
            ]
        else:
            yield path


def _forms(path):
    """Give the forms that a command may be asked to write; "" is its only one."""
    one, ctx = main.root, click.Context(main.root)
    for word in path.split():
        one = one.get_command(ctx, word)
    for param in one.params:
        if "--format" in param.opts:
            if isinstance(param.type, click.Choice):
                return list(param.type.choices)
            return list(DIFFERENCES if path == "diff" else FORMS)
    return [""]


def _decoded(path):
    """Yield the octets of a file, and what is packed in it: tables of databases, columns, archives."""
    octets = path.read_bytes()
    yield from _inside(octets)
    if octets.startswith(b"PAR1"):
        table = pq.read_table(path)
        yield repr((table.schema, table.schema.metadata, table.to_pylist())).encode()
    if octets.startswith(b"%PDF-"):
        read = pypdf.PdfReader(io.BytesIO(octets))
        yield "".join(page.extract_text() for page in read.pages).encode()
        yield repr((read.metadata, read.outline)).encode()
    if octets.startswith(b"SQLite format 3\0"):
        with closing(sqlite3.connect(path)) as store:
            tables = [
                name for (name,) in store.execute("select name from sqlite_master where type = 'table'")
            ]
            for name in tables:
                for row in store.execute(f'select * from "{name}"'):  # noqa: S608 - the names are its own
                    yield from (str(cell).encode() if not isinstance(cell, bytes) else cell for cell in row)


def _inside(octets):
    """Yield octets, what an archive in them holds, and the words on the pages of a PDF."""
    yield octets
    if octets.startswith(b"%PDF"):
        pypdf = pytest.importorskip("pypdf")
        yield from (page.extract_text().encode() for page in pypdf.PdfReader(io.BytesIO(octets)).pages)
    at = octets.find(b"PK\3\4")
    if at >= 0:
        with zipfile.ZipFile(io.BytesIO(octets[at:])) as archive:
            yield from (archive.read(name) for name in archive.namelist())


def _decoded_mail(octets):
    return b"\n".join(
        part.get_payload(decode=True) or b"" for part in email.message_from_bytes(octets).walk()
    )


def _received(listener):
    try:
        while True:
            yield listener.recv(65_536)
    except TimeoutError:
        return


def _free():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _wait_until(holds):
    until = time.monotonic() + 90
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)
