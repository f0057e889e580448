from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.report.test_forms import READ_BY

ROOT = Path(__file__).parents[2]
CLEAN, MISTAKES = ROOT / "exports/csv/clean.csv", ROOT / "exports/csv/mistakes.csv"


def run(*arguments):
    code = "import sys; from zoneguard.cli.main import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def test_a_change_that_breaks_the_division_fails_with_the_lines_that_do():
    done = run("diff", CLEAN, MISTAKES, "--format", "json")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    introduced = [one for one in told["entries"] if one["kind"] == "introduced"]
    assert {line["line"] for one in introduced for line in one["lines"]} >= {7, 11, 12, 13}
    assert all(one["message"]["ja"] and one["message"]["en"] for one in told["entries"])


def test_the_way_back_removes_the_violations_and_is_clean():
    done = run("diff", MISTAKES, CLEAN, "--format", "json")
    told = json.loads(done.stdout)
    assert told["summary"]["introduced"] == 0
    assert told["summary"]["removed"] > 0
    assert done.returncode in (0, 4)  # 4: a row of the earlier list could not be read in one way only


def test_a_file_does_not_differ_from_itself():
    done = run("diff", CLEAN, CLEAN, "--lang", "en")
    assert done.returncode == 0
    assert "Nothing that passes" in done.stdout


def test_a_violation_that_was_there_before_fails_only_when_asked_for():
    assert run("diff", MISTAKES, MISTAKES).returncode in (0, 4)
    assert run("diff", MISTAKES, MISTAKES, "--all").returncode == 1


@pytest.mark.parametrize(
    ("lang", "words"), [("ja", "この変更で新たに生じる違反"), ("en", "Violations this change introduces")]
)
def test_it_is_told_in_both_languages_at_eighty_columns(lang, words):
    done = run("diff", CLEAN, MISTAKES, "--lang", lang)
    assert words in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_what_is_no_export_is_refused_with_a_way_out(tmp_path):
    other = tmp_path / "letter.txt"
    other.write_text("Dear colleagues,\n", encoding="utf-8")
    done = run("diff", CLEAN, other, "--lang", "en")
    assert done.returncode == 3
    assert "letter.txt" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ios/clean.txt", "asa/clean.txt"),
        ("asa/clean.txt", "ios/clean.txt"),
        ("asa/clean.txt", "fortios/clean.conf"),
    ],
)
def test_a_migration_that_keeps_the_policy_introduces_no_violation(before, after):
    done = run("diff", ROOT / "exports" / before, ROOT / "exports" / after, "--format", "json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["summary"]["introduced"] == 0
    assert told["entries"] == []


def test_a_migration_that_forgets_to_bind_a_list_names_the_security_level_that_now_decides():
    done = run("diff", ROOT / "exports/ios/clean.txt", ROOT / "exports/asa/mistakes.txt", "--format", "json")
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    introduced = [one for one in told["entries"] if one["kind"] == "introduced"]
    assert {line["line"] for one in introduced for line in one["lines"]} >= {32, 93, 97, 106, 108, 110}


def test_a_device_that_cannot_be_placed_is_no_clean_comparison(tmp_path):
    for name, network in (("before", "172.16.20.1"), ("after", "172.16.20.2")):
        text = (
            "version 15.9\nhostname gate\ninterface GigabitEthernet0/0\n"
            f" ip address {network} 255.255.252.0\n ip access-group IN in\n"
            "ip access-list extended IN\n permit ip any any\nend\n"
        )
        (tmp_path / f"{name}.cfg").write_text(text)
    done = run("diff", tmp_path / "before.cfg", tmp_path / "after.cfg", "--lang", "en")
    assert done.returncode == 4, done.stderr
    assert "devices" in done.stdout


@pytest.mark.parametrize(("before", "after"), [(CLEAN, MISTAKES), (MISTAKES, CLEAN), (MISTAKES, MISTAKES)])
@pytest.mark.parametrize("every", [[], ["--all"]])
def test_machine_forms_say_of_a_change_what_its_exit_code_says(before, after, every, tmp_path):
    out = {form: tmp_path / form for form in ("sarif", "junit", "gitlab", "csv")}
    asked = [word for form, path in out.items() for word in ("--format", f"{form}={path}")]
    done = run("diff", before, after, "--policy", ROOT / "zones.yaml", *every, *asked, "--format", "json")
    kinds = json.loads(done.stdout)["summary"]
    results = json.loads(out["sarif"].read_text("utf-8"))["runs"][0]["results"]
    states = [(one["baselineState"], one["kind"]) for one in results]
    assert states.count(("new", "fail")) == kinds["introduced"]
    assert states.count(("new", "open")) == kinds["possible"]
    assert states.count(("unchanged", "fail")) == kinds["kept"]
    assert states.count(("absent", "fail")) + states.count(("absent", "open")) == kinds["removed"]
    prints = [one["partialFingerprints"]["zoneguard/v1"] for one in results]
    assert len(set(prints)) == len(prints)
    for form, path in out.items():
        READ_BY[form](path.read_bytes())
    failed = "<failure" in out["junit"].read_text("utf-8")
    assert failed == (done.returncode == 1)
