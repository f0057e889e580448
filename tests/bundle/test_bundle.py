"""`check --bundle` and `report verify`, on real evidence and on bundles that somebody has tampered with."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import subprocess
import zipfile
from pathlib import Path

import pytest

from zoneguard.bundle.container import MOST_FILES, zip_octets
from zoneguard.bundle.manifest import digest, render_sums
from zoneguard.capture.cutting import cut_frames
from zoneguard.capture.metering import Input, meter
from zoneguard.capture.writing import write_capture
from zoneguard.cli import main
from zoneguard.errors import ExitCode

ROOT = Path(__file__).parents[2]
CAPTURES = [str(ROOT / f"captures/{name}.pcap") for name in ("story-02-screen-reversed", "g01-dns-leak")]
EXPORT = str(ROOT / "exports/fortios/mistakes.conf")


@pytest.fixture(autouse=True)
def _at_one_time(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1775001600")


def bundle(path, *more, evidence=(*CAPTURES, EXPORT)):
    out = path.with_name(f"{path.name}.out")
    return main.run([
        "check", *evidence, "--policy", str(ROOT / "zones.yaml"), "--today", "2026-11-23", "--lang", "en",
        "--bundle", str(path), "--output", str(out), *more,
    ])  # fmt: skip


def verify(path, *originals):
    line = [word for one in originals for word in ("--original", str(one))]
    return main.run(["report", "verify", str(path), "--lang", "en", *line])


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "bundle"
    assert bundle(path) == ExitCode.FINDINGS
    return path


def sealed(folder, **changed):
    """Change files of a bundle and write both lists anew, as a careful forger would."""
    for name, octets in changed.items():
        (folder / name.replace("_", ".")).write_bytes(octets)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    for one in manifest["files"]:
        octets = (folder / one["path"]).read_bytes()
        one |= {"size": len(octets), "sha256": digest(octets)}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    files = {one.name: one.read_bytes() for one in folder.iterdir() if one.name != "SHA256SUMS"}
    (folder / "SHA256SUMS").write_bytes(render_sums(files))


def test_a_bundle_is_sound_and_its_frames_are_those_of_the_originals(folder, capfd):
    assert verify(folder, *CAPTURES, EXPORT) == ExitCode.CLEAN
    told = capfd.readouterr().out
    frames = len(json.loads((folder / "manifest.json").read_text("utf-8"))["evidence"]["frames"])
    assert frames > 1
    assert f"Held against the originals: 3 inputs, {frames} frames." in told
    assert told.endswith("The bundle is sound.\n")


def test_the_evidence_capture_is_what_tshark_reads_and_holds_no_payload(folder):
    ran = subprocess.run(
        ["tshark", "-r", folder / "evidence.pcapng", "-T", "fields", "-e", "tcp.payload", "-e", "udp.payload"],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    lines = ran.stdout.split("\n")[:-1]
    assert len(lines) == len(json.loads((folder / "manifest.json").read_text("utf-8"))["evidence"]["frames"])
    assert not "".join(lines).strip()


def test_every_packet_that_a_finding_names_is_in_the_evidence_capture(folder):
    report = json.loads((folder / "report.json").read_text("utf-8"))
    named = {(p["file"], p["frame"]) for one in report["findings"] for p in one["locators"] if "frame" in p}
    listed = json.loads((folder / "manifest.json").read_text("utf-8"))["evidence"]
    assert {(one["file"], one["original"]) for one in listed["frames"]} == named
    assert not listed["missing"]


def test_sha256sum_alone_checks_a_bundle(folder):
    ran = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=folder, check=False, capture_output=True, timeout=60
    )
    assert ran.returncode == 0, ran.stdout


def test_the_same_run_gives_the_same_zip(tmp_path):
    assert bundle(tmp_path / "a.zip") == bundle(tmp_path / "b.zip") == ExitCode.FINDINGS
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert verify(tmp_path / "a.zip", *CAPTURES) == ExitCode.CLEAN


@pytest.mark.parametrize(
    "name", ["report.json", "report.txt", "policy.yaml", "evidence.pcapng", "README.txt"]
)
def test_a_changed_file_is_named(name, folder, capfd):
    octets = bytearray((folder / name).read_bytes())
    octets[-2] ^= 1
    (folder / name).write_bytes(octets)
    assert verify(folder) == ExitCode.FINDINGS
    told = capfd.readouterr().out
    assert f"{name}: its SHA-256 is not that of SHA256SUMS" in told
    assert "The bundle is not sound." in told


@pytest.mark.parametrize("name", ["report.json", "policy.yaml", "evidence.pcapng", "SHA256SUMS"])
def test_a_missing_file_is_named(name, folder, capfd):
    (folder / name).unlink()
    assert verify(folder) == ExitCode.FINDINGS
    assert f"{name}: " in capfd.readouterr().out


def test_what_is_too_much_is_named(folder, tmp_path, capfd):
    (folder / "more.txt").write_text("x")
    (folder / "link.txt").symlink_to("/etc/passwd")
    (folder / "inner").mkdir()
    os.mkfifo(folder / "pipe")
    assert verify(folder) == ExitCode.FINDINGS
    told = capfd.readouterr().out
    assert "more.txt: SHA256SUMS does not list it." in told
    assert all(f"{name}: no bundle holds this" in told for name in ("link.txt", "inner", "pipe"))
    assert "root:" not in told


def test_a_careful_forger_of_the_report_is_found_by_the_other_forms(folder, capfd):
    report = (folder / "report.json").read_bytes().replace(b'"verdict": "violated"', b'"verdict": "review"')
    sealed(folder, report_json=report)
    assert verify(folder) == ExitCode.FINDINGS
    assert capfd.readouterr().out.startswith("report.txt: it does not say what report.json says.")


def test_a_report_against_its_schema_is_named(folder, capfd):
    sealed(folder, report_json=(folder / "report.json").read_bytes().replace(b'"violated"', b'"guilty"'))
    assert verify(folder) == ExitCode.FINDINGS
    assert "report.json: findings[" in capfd.readouterr().out


def test_a_policy_that_was_exchanged_is_named(folder, capfd):
    sealed(folder, policy_yaml=b"version: 1\n")
    assert verify(folder) == ExitCode.FINDINGS
    assert "policy.yaml: it is not the policy that the report was judged by." in capfd.readouterr().out


def test_a_frame_that_was_exchanged_is_found_with_the_originals_only(folder, capfd):
    capture = bytearray((folder / "evidence.pcapng").read_bytes())
    at = capture.index(bytes([192, 168, 10, 21]))
    capture[at : at + 4] = bytes([192, 168, 10, 22])
    sealed(folder, evidence_pcapng=bytes(capture))
    assert verify(folder) == ExitCode.CLEAN
    capfd.readouterr()
    assert verify(folder, *CAPTURES) == ExitCode.FINDINGS
    assert "is not its header" in capfd.readouterr().out


def test_an_evidence_capture_with_payload_or_of_other_length_is_named(folder, tmp_path, capfd):
    inputs = [Input(path=Path(CAPTURES[0]))]
    read = meter(inputs, lambda table: None).inputs
    write_capture(tmp_path / "whole.pcapng", cut_frames(inputs, read, [(0, n) for n in range(1, 30)]))
    sealed(folder, evidence_pcapng=(tmp_path / "whole.pcapng").read_bytes())
    assert verify(folder) == ExitCode.FINDINGS
    told = capfd.readouterr().out
    assert "has payload" in told
    assert "frames, and manifest.json lists" in told


@pytest.mark.parametrize(
    "octets", [b"", gzip.compress(bytes(9), mtime=0), b"\n\r\r\n", b"\n\r\r\n" + bytes(range(256))]
)
def test_an_evidence_capture_that_is_none_is_named(octets, folder, capfd):
    sealed(folder, evidence_pcapng=octets)
    assert verify(folder) == ExitCode.FINDINGS
    assert "evidence.pcapng: it " in capfd.readouterr().out


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"{}",
        b"[" * 100_000,
        b'{"schema": "zoneguard.bundle/1"}',
        b"\xff",
        b"9" * 9_999,
        b"null",
        b'{"schema": []}',
    ],
)
def test_a_manifest_that_is_none_is_named(octets, folder, capfd):
    (folder / "manifest.json").write_bytes(octets)
    assert verify(folder) == ExitCode.FINDINGS
    assert "manifest.json: it cannot be read as the list of a bundle." in capfd.readouterr().out


def test_a_manifest_of_another_time_than_the_report_is_named(folder, capfd):
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["created"] = "2020-01-01T00:00:00.000000000+09:00"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    sealed(folder)
    assert verify(folder) == ExitCode.FINDINGS
    assert "version or time of making are not those of the report" in capfd.readouterr().out


def test_a_file_that_is_no_input_is_told(folder, capfd):
    assert verify(folder, ROOT / "zones.yaml") == ExitCode.FINDINGS
    assert "zones.yaml: it is none of the inputs of this bundle." in capfd.readouterr().out
    assert verify(folder, folder / "nowhere.pcap") == ExitCode.REFUSED


def test_packets_of_standard_input_are_told_missing_and_the_bundle_is_sound(tmp_path, capfd):
    path = tmp_path / "piped"
    line = ["check", "-", "--policy", ROOT / "zones.yaml", "--bundle", path, "--output", tmp_path / "out"]
    code = "from zoneguard.cli.main import main; main()"
    ran = subprocess.run(
        [os.sys.executable, "-c", code, *line],
        input=Path(CAPTURES[0]).read_bytes(), env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True, check=False, timeout=110,
    )  # fmt: skip
    assert ran.returncode == ExitCode.FINDINGS, ran.stderr
    evidence = json.loads((path / "manifest.json").read_text("utf-8"))["evidence"]
    assert evidence["frames"] == []
    assert {one["reason"] for one in evidence["missing"]} == {"not readable again"}
    assert verify(path) == ExitCode.CLEAN


def packed(path, entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, octets in entries:
            archive.writestr(one, octets)
    return path


def link(name):
    made = zipfile.ZipInfo(name)
    made.create_system, made.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return made


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_zip_writes_nowhere_and_its_odd_names_are_told(folder, tmp_path, capfd):
    good = [(one.name, one.read_bytes()) for one in folder.iterdir()]
    odd = [("../escape.txt", b"x"), ("/etc/escape", b"x"), (link("shadow.txt"), b"/etc/shadow"), good[0]]
    before = sorted(tmp_path.rglob("*"))
    path = packed(tmp_path / "odd.zip", [*good, *odd])
    assert verify(path) == ExitCode.FINDINGS
    told = capfd.readouterr().out
    assert "../escape.txt: no bundle holds this" in told
    assert "/etc/escape: no bundle holds this" in told
    assert "shadow.txt: no bundle holds this" in told
    assert f"{good[0][0]}: the name comes twice" in told
    assert sorted(tmp_path.rglob("*")) == sorted([*before, path])


def test_a_zip_bomb_is_refused_without_being_unpacked(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("zoneguard.bundle.container.MOST_OCTETS", 1 << 20)
    bomb = packed(tmp_path / "bomb.zip", [(f"report{i}.json", bytes(400_000)) for i in range(3)])
    assert bomb.stat().st_size < 10_000
    assert verify(bomb) == ExitCode.REFUSED
    many = packed(tmp_path / "many.zip", [(f"f{i}", b"") for i in range(MOST_FILES + 1)])
    assert verify(many) == ExitCode.REFUSED
    assert capfd.readouterr().err.count("too large for a bundle") == 2


@pytest.mark.parametrize("octets", [b"", b"PK", b"PK\x05\x06" + bytes(18), bytes(range(256)) * 16])
def test_what_is_no_bundle_is_refused(octets, tmp_path, capfd):
    (tmp_path / "x.zip").write_bytes(octets)
    assert verify(tmp_path / "x.zip") == ExitCode.REFUSED
    assert "check --bundle" in capfd.readouterr().err
    assert verify(tmp_path) == ExitCode.REFUSED
    assert verify(tmp_path / "nowhere") == ExitCode.REFUSED


def test_a_damaged_zip_is_refused_or_told_whatever_octet_is_damaged(folder, tmp_path):
    whole = zip_octets({one.name: one.read_bytes() for one in folder.iterdir()}, at=0)
    path = tmp_path / "damaged.zip"
    for at in range(0, len(whole), max(len(whole) // 16, 1)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert verify(path) in (ExitCode.FINDINGS, ExitCode.REFUSED, ExitCode.CLEAN)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None


def test_a_place_that_holds_something_is_refused_before_the_work(tmp_path, capfd):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("keep")
    assert bundle(tmp_path / "full") == ExitCode.USAGE
    assert (tmp_path / "full/mine.txt").read_text() == "keep"
    assert not (tmp_path / "full.out").exists()
    assert bundle(tmp_path / "no/where") == ExitCode.LACKING
    (tmp_path / "empty").mkdir()
    assert bundle(tmp_path / "empty") == ExitCode.FINDINGS
    assert verify(tmp_path / "empty") == ExitCode.CLEAN
