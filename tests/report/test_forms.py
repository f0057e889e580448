"""What holds for every form of the report, and what each must be for its readers."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator
from lxml import etree

from tests.report.machine import hostile, whole
from tests.report.sample import REVERSED, WAIVED, sample
from zoneguard.errors import ExitCode
from zoneguard.findings.finding import Severity
from zoneguard.report.audit import COLUMNS, audit_rows
from zoneguard.report.forms import FORMS
from zoneguard.report.harmless import harmless
from zoneguard.report.json import render_json
from zoneguard.rules.catalogue import CATALOGUE

SCHEMAS = Path(__file__).parent / "schemas"
SARIF = Draft4Validator(json.loads((SCHEMAS / "sarif-schema-2.1.0.json").read_text("utf-8")))
JUNIT = etree.XMLSchema(etree.parse(SCHEMAS / "junit-10.xsd"))
# The part of etc/schema.json of Suricata that an alert may use: no other keys at the top.
EVE = {
    "timestamp",
    "event_type",
    "host",
    "src_ip",
    "src_port",
    "dest_ip",
    "dest_port",
    "proto",
    "vlan",
    "alert",
}
ALERT = {"action", "gid", "signature_id", "rev", "signature", "category", "severity", "metadata"}
FORMULA = tuple("=+-@\t\r\n＝＋－＠")
HOSTILE = st.text(st.characters(), min_size=1, max_size=30).filter(str.strip)
WORDS = [
    "\x1b]0;owned\x07",
    "\x00\x0b\ufffe\uffff",
    "a\u202eb\u2066c",
    "\ud800",
    "b\udcff",
    "=cmd|'/c calc'!A1",
    "＝1+1",
    '"},{"',
    "]]></system-out><failure/>&lol;<!--",
    "%0A::error file=x::y\r\n::set-output name=a::b",
    "[x](http://evil.example/){0}",
    "line\nline\u2028line\x85line",
    "/absolute/.././x y#?%",
    "漢x" * 50_000,
]


def sarif(octets):
    document = json.loads(octets)
    SARIF.validate(document)
    for run in document["runs"]:
        for result in run["results"]:
            assert result["kind"] == "fail" or result["level"] == "none"
            assert "](" not in result["message"]["text"]
            rules = run["tool"]["driver"]["rules"]
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    uris = re.findall(r'"uri": "([^"]*)"', octets.decode())
    assert uris
    assert all(re.fullmatch(r"(?:[\w./~:-]|%[0-9A-F]{2})+", uri, re.ASCII) for uri in uris)


def junit(octets):
    JUNIT.assertValid(etree.fromstring(octets))
    tree = etree.fromstring(octets)
    for suite in (tree, *tree):
        for kind, count in (("failure", "failures"), ("error", "errors"), ("testcase", "tests")):
            assert len(suite.findall(f".//{kind}")) == int(suite.get(count))


def table(octets):
    text = octets.decode("utf-8-sig")
    assert octets.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert text.count("\r\n") == len(rows)
    assert {len(row) for row in rows} == {len(rows[0])}
    assert not [cell for row in rows for cell in row if cell.startswith(FORMULA)]
    assert max(len(cell) for row in rows for cell in row) <= 32_767


def eve(octets):
    for line in octets.decode().split("\n")[:-1]:
        record = json.loads(line)
        assert set(record) <= EVE
        assert set(record["alert"]) <= ALERT
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d{4}", record["timestamp"])
        assert all(isinstance(one, str) for some in record["alert"]["metadata"].values() for one in some)


def github(octets):
    for line in octets.decode().split("\n")[:-1]:
        found = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        assert found, line
        names = [pair.split("=", 1)[0] for pair in found[2].split(",")]
        assert set(names) <= {"file", "line", "title"}


def gitlab(octets):
    for one in json.loads(octets):
        assert set(one) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert one["severity"] in ("info", "minor", "major", "critical", "blocker")
        assert one["location"]["lines"]["begin"] >= 1


READ_BY = {
    "audit-csv": table, "csv": table, "eve": eve, "github": github, "gitlab": gitlab,
    "json": json.loads, "junit": junit, "sarif": sarif,
}  # fmt: skip


# PDF prints the page of HTML, which takes seconds; its own tests print it.
WRITTEN = [form for form in FORMS if form != "pdf"]


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("form", WRITTEN)
def test_every_form_is_made_of_every_report_and_is_the_same_each_time(form, lang):
    for report in (whole(lang), sample(lang), sample(lang, findings=())):
        octets = FORMS[form].write(report)
        assert octets == FORMS[form].write(report)
        READ_BY.get(form, len)(octets)


@pytest.mark.parametrize("form", READ_BY)
@settings(max_examples=25, deadline=None)
@given(HOSTILE)
def test_hostile_strings_in_every_field_break_no_form(form, word):
    READ_BY[form](FORMS[form].write(hostile(word)))


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("form", WRITTEN)
def test_known_tricks_in_every_field_break_no_form(form, word):
    octets = FORMS[form].write(hostile(word))
    READ_BY.get(form, len)(octets)
    if form in READ_BY:
        text = octets.decode("utf-8-sig").replace("\r\n", "\n")
        assert all(line.replace("\u3000", "").isprintable() for line in text.split("\n"))


def test_a_line_of_an_export_is_where_sarif_says():
    run = json.loads(FORMS["sarif"].write(whole()))["runs"][0]
    packet, line, waived, unsure, absent = run["results"]
    assert line["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "exports/fw.conf"},
        "region": {"startLine": 41, "snippet": {"text": "set action accept"}},
    }
    assert line["relatedLocations"][0]["physicalLocation"]["region"]["startLine"] == 55
    assert line["partialFingerprints"] == {"zoneguard/v1": "9c01"}
    assert packet["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == (
        "internet/192.168.10.5 → lgwan/172.16.20.5 tcp/3389"
    )
    frames = [one["properties"]["frame"] for one in packet["relatedLocations"]]
    assert frames == [17]
    assert waived["suppressions"][0]["justification"] == "更改までの間"
    assert (unsure["kind"], unsure["level"]) == ("open", "none")
    assert [one["baselineState"] for one in run["results"]] == ["new", *["unchanged"] * 3, "absent"]
    assert absent["partialFingerprints"] == {"zoneguard/v1": "77"}
    texts = [one["help"]["text"] for one in run["tool"]["driver"]["rules"]]
    assert all("規則" in text and "rule" in text for text in texts)


def test_what_was_not_read_is_a_notification_of_sarif():
    invocation = json.loads(FORMS["sarif"].write(whole()))["runs"][0]["invocations"][0]
    levels = [one["level"] for one in invocation["toolExecutionNotifications"]]
    assert levels.count("error") == 1
    refused = replace(whole(), summary=replace(whole().summary, exit_code=ExitCode.REFUSED))
    invocation = json.loads(FORMS["sarif"].write(refused))["runs"][0]["invocations"][0]
    assert invocation["executionSuccessful"] is False


def test_an_input_given_twice_is_one_artifact():
    report = whole()
    octets = FORMS["sarif"].write(replace(report, inputs=(*report.inputs, *report.inputs)))
    sarif(octets)
    assert len(json.loads(octets)["runs"][0]["artifacts"]) == len(report.inputs)


def cases(report):
    tree = etree.fromstring(FORMS["junit"].write(report))
    return {
        (case.get("classname"), case.get("name")): [one.tag for one in case] for case in tree.iter("testcase")
    }


def test_junit_has_a_case_a_rule_and_zone_pair_and_skips_what_was_not_verified():
    found = cases(whole())
    assert found["zoneguard.ZG-A05", "internet → lgwan"] == ["failure"]
    assert found["zoneguard.ZG-G02", "internet → public"] == ["skipped"]
    assert found["zoneguard.ZG-A01", "rule ZG-A01"] == ["system-out"]
    assert found["zoneguard.ZG-H05", "rule ZG-H05"] == ["skipped"]
    assert found["zoneguard.ZG-I01", "of no zone pair"] == ["skipped"]
    assert found["zoneguard.ZG-C01", "unverifiable 1"] == ["skipped"]
    assert found["zoneguard.evidence", "メモ.txt"] == ["error"]
    assert found["zoneguard.evidence", "captures/story-02-screen-reversed.pcap"] == ["skipped"]


def test_junit_fails_for_exactly_what_fails_the_run():
    report = whole()
    assert cases(report)["zoneguard.ZG-H02", "internet → lgwan"] == ["failure"]
    graver = replace(report, summary=replace(report.summary, fail_on=Severity.CRITICAL))
    assert cases(graver)["zoneguard.ZG-H02", "internet → lgwan"] == ["system-out"]
    only_new = replace(report, summary=replace(report.summary, fail_on_new=True))
    assert cases(only_new)["zoneguard.ZG-H02", "internet → lgwan"] == ["system-out"]
    assert cases(only_new)["zoneguard.ZG-A05", "internet → lgwan"] == ["failure"]


def test_junitparser_reads_it_back():
    junitparser = pytest.importorskip("junitparser")
    xml = junitparser.JUnitXml.fromstring(FORMS["junit"].write(whole()))
    suites = {suite.name: suite for suite in xml}
    assert xml.tests == sum(suite.tests for suite in suites.values())
    (case,) = suites["ZG-A05 a-name"]
    (result,) = case.result
    assert result.message == "Opened from the wrong side [Critical ≥ Medium]"
    assert "exports/fw.conf:41" in result.text


def unescaped(text):
    """Read a workflow command as the runner does (actions/runner, ActionCommand): %25 last."""
    for code, sign in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, sign)
    return text


@settings(max_examples=40, deadline=None)
@given(HOSTILE)
@example("a,line=99::b%3A%250A")
def test_an_annotation_says_what_it_was_given(word):
    report = sample("en", findings=(replace(REVERSED, title=replace(REVERSED.title, en=word)),))
    line = FORMS["github"].write(report).decode().split("\n")[0]
    found = re.fullmatch(r"::error (.*?)::(.*)", line)
    given_back = dict(pair.split("=", 1) for pair in found[1].split(","))
    assert given_back["line"] == "41"
    title = "".join(char if char in "\r\n" else harmless(char) for char in f"ZG-A05 {word}")
    assert unescaped(given_back["title"]) == title


def test_github_is_given_no_more_than_it_shows_and_the_count_of_all():
    many = tuple(replace(REVERSED, fingerprint=f"{number:04x}") for number in range(30))
    lines = FORMS["github"].write(sample("en", findings=(*many, WAIVED))).decode().splitlines()
    assert sum(line.startswith("::error") for line in lines) == 10
    assert "30; others: 0; waived: 1" in lines[-1]


def test_the_audit_paper_has_the_nine_columns_and_two_of_ours():
    rows = list(csv.reader(io.StringIO(FORMS["audit-csv"].write(whole("ja")).decode("utf-8-sig"))))
    assert rows[0] == [
        "項目", "No.", "必須", "監査項目", "監査資料の例", "監査実施の例",
        "情報セキュリティポリシーガイドラインの例文の番号", "関連するJISQ27002番号", "留意事項", "判定", "証跡",
    ]  # fmt: skip
    assert len(COLUMNS) == 11


def verdicts(report):
    rows = list(csv.reader(io.StringIO(FORMS["audit-csv"].write(report).decode("utf-8-sig"))))[1:]
    return [(row[6], row[9]) for row in rows]


def all_asked(**change):
    read = tuple(replace(one, status="read") for one in whole().inputs)
    rules = tuple(replace(whole().rules[0], id=rule.id) for rule in CATALOGUE)
    coverage = replace(whole().coverage, unverifiable=(), zones_not_observed=())
    return replace(whole("ja"), findings=(), inputs=read, rules=rules, coverage=coverage, **change)


def test_a_row_is_satisfied_only_when_everything_it_rests_on_was_seen():
    seen = all_asked()
    assert {verdict for _, verdict in verdicts(seen)} == {"適合（観測範囲内）", "検証不能"}
    assert [verdict for _, verdict in verdicts(seen)].count("検証不能") == 1  # no rule can see it
    blind = replace(seen, coverage=replace(seen.coverage, zones_not_observed=("mynumber",)))
    assert verdicts(blind)[0] == ("3.(1)", "検証不能")
    assert {verdict for _, verdict in verdicts(replace(seen, rules=()))} == {"検証不能"}
    torn = replace(seen, inputs=(replace(seen.inputs[0], status="partial"),))
    assert {verdict for _, verdict in verdicts(torn)} == {"検証不能"}
    unasked = replace(seen, rules=tuple(replace(one, asked=one.id != "ZG-C04") for one in seen.rules))
    assert [section for section, verdict in verdicts(unasked) if verdict == "検証不能"] == ["3.(1)", "7.4"]


def test_a_finding_answers_the_row_of_its_zones_and_a_waiver_turns_no_verdict_round():
    report = all_asked()
    permit = whole().findings[1]
    found = verdicts(replace(report, findings=(permit,)))
    assert ("3.(1)", "不適合") not in found  # between lgwan and internet
    assert ("3.(2)", "不適合") in found
    waived = replace(permit, waiver=WAIVED.waiver)
    assert verdicts(replace(report, findings=(waived,))) == found
    assert "W-1" in FORMS["audit-csv"].write(replace(report, findings=(waived,))).decode()


def test_every_rule_of_the_audit_paper_is_one_of_the_catalogue():
    known = {rule.id for rule in CATALOGUE}
    assert {rule for row in audit_rows() for rule in row.rules} == known


def test_an_eve_record_is_that_of_the_sensor_with_where_to_look():
    record = json.loads(FORMS["eve"].write(whole()).decode().split("\n")[0])
    assert record["alert"]["signature_id"] == 1_990_105
    assert record["alert"]["metadata"]["evidence"] == ["captures/story-02-screen-reversed.pcap frame 17"]
    assert record["timestamp"] == "2026-04-01T09:01:30.123456+0900"


def test_json_keeps_what_a_run_holds():
    document = json.loads(render_json(whole()))
    assert document["baseline"]["absent"] == len(document["absent"]) == 1
    assert [one["asked"] for one in document["rules"]].count(False) == 1
    assert document["waivers"][0]["state"] == "active"
