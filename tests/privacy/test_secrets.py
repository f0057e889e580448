"""Secrets of exports go out of sight: in every line that may be shown, and in all that is read from them."""

from __future__ import annotations

import time

import pytest

from tests.privacy import canaries
from zoneguard.firewall.export import Export
from zoneguard.firewall.parse import format_of, parse
from zoneguard.firewall.secrets import put_away, put_away_all
from zoneguard.firewall.vendors import FORMATS

EXPORTS = {path.stem: path for path in canaries.SECRETS.iterdir() if path.suffix != ".md"}


def test_every_format_has_an_export_full_of_secrets():
    assert sorted(EXPORTS) == [one.name for one in FORMATS]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
@pytest.mark.parametrize("format_", FORMATS, ids=lambda one: one.name)
def test_no_secret_is_in_a_line_or_in_what_was_read(format_, encoding, monkeypatch):
    text = canaries.planted(EXPORTS[format_.name])
    assert len(canaries.found_in(text)) >= 4
    read = []
    monkeypatch.setattr(Export, "of", classmethod(_remembering(Export.of.__func__, read)))
    result = parse("x", text.encode(encoding, "replace"), format_name=format_.name)
    (export,) = read
    assert canaries.found_in("\n".join(export.lines)) == []
    assert canaries.found_in(repr(result)) == []
    assert result.redacted >= 4


@pytest.mark.parametrize("format_", FORMATS, ids=lambda one: one.name)
def test_an_export_full_of_secrets_is_told_by_its_content(format_):
    found = format_of(canaries.planted(EXPORTS[format_.name]).encode())
    assert found is format_


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (" description uplink, PW=hunter2, old", " description uplink, PW=<redacted>, old"),
        ("remark パスワードはhunter2です", "remark パスワードは<redacted>です"),
        ("! password is hunter2", "! password is <redacted>"),
        ("path ftp://fw:hunter2@10.0.0.5/x", "path ftp://fw:<redacted>@10.0.0.5/x"),
        ('"adminPassword": "hun\\"ter2",', '"adminPassword": "<redacted>",'),
        ('"adminPassword": null,', '"adminPassword": null,'),
        ('"note": "{\\"password\\": \\"hunter2\\"}"', '"note": "{\\"password\\": \\"<redacted>\\"}"'),
        ('"note": "pw=hun\\\\",', '"note": "pw=<redacted>\\\\",'),
        ('set comments "pw=hun\\"ter2"', 'set comments "pw=<redacted>"'),
        ("<!-- psk: hunter2 -->", "<!-- psk: <redacted> -->"),
        ("<descr><![CDATA[pw=hunter2]]></descr>", "<descr><![CDATA[pw=<redacted>]]></descr>"),
        ("username a password 7 hunter2", "username a password 7 <redacted>"),
        ("pre-shared-key address 10.0.0.1 key 6 hunter2", "pre-shared-key address 10.0.0.1 key 6 <redacted>"),
        ("snmp-server community 7 hunter2 RO", "snmp-server community 7 <redacted> RO"),
        ("password *****", "password <redacted>"),
        ("no service password-encryption", "no service password-encryption"),
        ("permit tcp any any eq 22 log", "permit tcp any any eq 22 log"),
        ("set bypass: enable", "set bypass: enable"),
    ],
)
def test_a_secret_goes_and_all_around_it_stays(line, shown):
    assert put_away(line)[0] == shown


@pytest.mark.parametrize("path", EXPORTS.values(), ids=EXPORTS)
def test_a_text_loses_the_secrets_that_its_lines_lose_one_by_one(path):
    text = canaries.planted(path)
    in_ascii = text.encode("ascii", "ignore").decode()
    for whole in (text, in_ascii, in_ascii.upper()):
        assert put_away_all(whole) == [put_away(line) for line in whole.splitlines()]


@pytest.mark.parametrize(
    "word", ["password ", '"password', "<password", "://a:", "ppp ", "pw=\\", "pre-shared-key "]
)
def test_a_line_of_nothing_but_such_words_takes_linear_time(word):
    began = time.process_time()
    put_away(word * 100_000)
    assert time.process_time() - began < 20  # a second; any power of the length takes hours


def _remembering(of, read):
    def remembering(cls, file, octets):
        read.append(of(cls, file, octets))
        return read[-1]

    return remembering
