"""A bundle held against itself, and against the captures and exports it was made from."""

from __future__ import annotations

import hashlib
import tempfile
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zoneguard import __version__
from zoneguard.bundle.container import read_contents
from zoneguard.bundle.evidence import GONE, MOST_FRAMES, REASONS, Captures, frames_of, locators
from zoneguard.bundle.making import RENDERED
from zoneguard.bundle.manifest import (
    EVIDENCE,
    MANIFEST,
    POLICY,
    REPORT,
    SUMS,
    digest,
    parse_manifest,
    parse_sums,
)
from zoneguard.capture.writing import header_only
from zoneguard.errors import InputRefusedError, why
from zoneguard.report.forms import FORMS
from zoneguard.report.harmless import harmless
from zoneguard.report.stored import parse_report
from zoneguard.report.when import iso, time_zone
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from zoneguard.bundle.manifest import FrameListed, Manifest
    from zoneguard.capture.cutting import CutFrame
    from zoneguard.report.model import Report

_PCAPNG: Final = b"\n\r\r\n"  # a section header block begins so
MOST_FAULTS: Final = 50  # that are told one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What came of checking a bundle: every difference (none: it is sound), and what was checked."""

    faults: tuple[Text, ...]
    told: tuple[Text, ...]


def verify(path: Path, originals: Sequence[Path] = ()) -> Verification:
    """Check a bundle again: files, hashes, report, policy and evidence; with `originals` the frames as well.

    Raises InputRefusedError when it cannot be read at all, is no bundle, or an original cannot be read.
    """
    contents = read_contents(path)
    files = contents.files
    if MANIFEST not in files:
        raise InputRefusedError(
            Text(
                ja=f"{path}: {MANIFEST} がありません。check --bundle で作った証跡一式を指定してください。",
                en=f"{path}: there is no {MANIFEST}; give a bundle that check --bundle wrote.",
            )
        )
    faults = [*contents.strange, *_sums(files)]
    try:
        manifest = parse_manifest(files[MANIFEST])
    except ValueError:
        faults.append(
            _at(MANIFEST, "証跡一式の一覧として読めません", "it cannot be read as the list of a bundle")
        )
        return Verification(faults=_bounded(faults), told=())
    faults += _listed(files, manifest)
    report = _report(files, faults)
    told = [_told(files, manifest)]
    if report is not None:
        faults += _agreement(files, manifest, report)
    with tempfile.TemporaryDirectory() as folder:
        frames = _evidence(files.get(EVIDENCE, b""), Path(folder), faults)
    faults += _frames(manifest, frames, report)
    if originals:
        more, compared = _originals(manifest, frames, originals)
        faults += more
        told += compared
    return Verification(faults=_bounded(faults), told=tuple(told))


def _bounded(faults: Sequence[Text]) -> tuple[Text, ...]:
    more = len(faults) - MOST_FAULTS
    if more <= 0:
        return tuple(faults)
    rest = Text(ja=f"ほかに {more:,} 件の相違があります。", en=f"There are {more:,} more differences.")
    return (*faults[:MOST_FAULTS], rest)


def _at(name: str, ja: str, en: str) -> Text:
    shown = harmless(name[:200])
    return Text(ja=f"{shown}: {ja}。", en=f"{shown}: {en}.")


def _sums(files: Mapping[str, bytes]) -> Iterator[Text]:
    if SUMS not in files:
        yield _at(SUMS, "ありません", "it is missing")
        return
    try:
        sums = parse_sums(files[SUMS])
    except ValueError:
        yield _at(SUMS, "sha256sum の一覧として読めません", "it cannot be read as a list of sha256sum")
        return
    for name in sorted(sums.keys() | files.keys() - {SUMS}):
        if name not in files:
            yield _at(name, "一覧にありますが、ファイルがありません", "it is listed, but missing")
        elif name not in sums:
            yield _at(name, f"{SUMS} にありません", f"{SUMS} does not list it")
        elif digest(files[name]) != sums[name]:
            yield _at(name, f"SHA-256 が {SUMS} と異なります", f"its SHA-256 is not that of {SUMS}")


def _listed(files: Mapping[str, bytes], manifest: Manifest) -> Iterator[Text]:
    listed = {one.path: one for one in manifest.files}
    if len(listed) != len(manifest.files):
        yield _at(MANIFEST, "同じファイルが2回載っています", "it lists a file twice")
    needed = {REPORT, POLICY, EVIDENCE}
    for name in sorted(listed.keys() | needed | files.keys() - {SUMS, MANIFEST}):
        one = listed.get(name)
        if one is None:
            yield _at(name, f"{MANIFEST} にありません", f"{MANIFEST} does not list it")
        elif name not in files:
            yield _at(
                name,
                f"{MANIFEST} にありますが、ファイルがありません",
                f"{MANIFEST} lists it, but it is missing",
            )
        elif (len(files[name]), digest(files[name])) != (one.size, one.sha256):
            yield _at(
                name,
                f"大きさまたは SHA-256 が {MANIFEST} と異なります",
                f"its size or SHA-256 is not that of {MANIFEST}",
            )


def _report(files: Mapping[str, bytes], faults: list[Text]) -> Report | None:
    try:
        return parse_report(files[REPORT], name=REPORT) if REPORT in files else None
    except InputRefusedError as error:
        faults += error.faults
        return None


def _agreement(files: Mapping[str, bytes], manifest: Manifest, report: Report) -> Iterator[Text]:
    """Yield where report, policy, manifest and rendered forms say different things."""
    if POLICY in files and digest(files[POLICY]) != report.policy.sha256:
        yield _at(
            POLICY,
            "報告が判定に用いた方針ではありません",
            "it is not the policy that the report was judged by",
        )
    inputs = [(one.path, one.size, one.sha256) for one in report.inputs]
    if inputs != [(one.path, one.size, one.sha256) for one in manifest.inputs]:
        yield _at(MANIFEST, "入力の一覧が報告と異なります", "its inputs are not those of the report")
    made = (manifest.version, manifest.created)
    if made != (report.tool.version, iso(report.generated, time_zone(report.policy.timezone))):
        yield _at(
            MANIFEST,
            "作成した版または日時が報告と異なります",
            "version or time of making are not those of the report",
        )
    if report.tool.version != __version__:
        return  # another version may word the same report otherwise
    for form, name in RENDERED.items():
        if form in FORMS and name in files and FORMS[form].write(report) != files[name]:
            yield _at(name, f"{REPORT} の内容と異なります", f"it does not say what {REPORT} says")


def _evidence(octets: bytes, folder: Path, faults: list[Text]) -> list[CutFrame]:
    """Read the evidence capture; faults are added where it cannot be read or holds more than headers."""
    if not octets.startswith(_PCAPNG):  # a compressed one could be of any length
        faults.append(_unread())
        return []
    path = folder / EVIDENCE
    path.write_bytes(octets)
    captures = _metered([path])
    reading = captures.read[0].reading
    if reading.refused or reading.faults:
        faults.append(_unread())
    if reading.packets > MOST_FRAMES:
        faults.append(
            _at(
                EVIDENCE,
                f"パケットが {MOST_FRAMES:,} 個を超えています",
                f"it holds more than {MOST_FRAMES:,} packets",
            )
        )
        return []
    found: list[CutFrame] = []
    for frame in frames_of(captures, [(0, number) for number in range(1, reading.packets + 1)]):
        if frame is None:
            continue
        found.append(frame)
        if header_only(frame).data != frame.data:
            faults.append(
                _at(
                    EVIDENCE,
                    f"フレーム {frame.frame} にペイロードがあります",
                    f"frame {frame.frame} has payload",
                )
            )
    return found


def _unread() -> Text:
    return _at(EVIDENCE, "キャプチャとして読めません", "it cannot be read as a capture")


def _frames(manifest: Manifest, frames: Sequence[CutFrame], report: Report | None) -> Iterator[Text]:
    """Yield where the evidence capture, its list and the packets that the report names differ."""
    if [one.frame for one in manifest.frames] != list(range(1, len(frames) + 1)):
        yield _at(
            EVIDENCE,
            f"フレーム数が {MANIFEST} と異なります（{len(frames):,} / {len(manifest.frames):,}）",
            f"it has {len(frames):,} frames, and {MANIFEST} lists {len(manifest.frames):,}",
        )
    if report is None:
        return
    zone = time_zone(report.policy.timezone)
    for listed, frame in zip(manifest.frames, frames, strict=False):
        if iso(frame.time, zone) != listed.time:
            yield _at(
                EVIDENCE,
                f"フレーム {listed.frame} の時刻が {MANIFEST} と異なります",
                f"the time of frame {listed.frame} is not that of {MANIFEST}",
            )
    named = Counter((one.file, one.frame, iso(one.time, zone)) for one in locators(report.findings))
    held = Counter((one.file, one.original, one.time) for one in manifest.frames)
    absent = Counter((one.file, one.original) for one in manifest.missing if one.reason in REASONS)
    for file, original, time in sorted(named - held):
        if not absent[file, original]:
            yield _at(
                f"{file} frame {original}",
                f"指摘の根拠ですが、証跡のキャプチャにありません（{time}）",
                f"a finding names it, but the evidence capture does not hold it ({time})",
            )
    for file, original, _ in sorted(held - named):
        yield _at(
            f"{file} frame {original}",
            "証跡のキャプチャにありますが、どの指摘も挙げていません",
            "the evidence capture holds it, but no finding names it",
        )


def _originals(
    manifest: Manifest, frames: Sequence[CutFrame], originals: Sequence[Path]
) -> tuple[list[Text], list[Text]]:
    """Hold the inputs given against the list, and every evidence frame against the frame it came from."""
    if manifest.pseudonymised:
        raise InputRefusedError(
            Text(
                ja="仮名化した証跡一式は、元のキャプチャと照合できません。仮名化していない証跡一式を照合してください。",
                en="A pseudonymised bundle cannot be held against its originals; check the one that was not"
                " pseudonymised.",
            )
        )
    faults: list[Text] = []
    given: dict[str, Path] = {}
    for path in originals:
        names = _names(path, manifest)
        if not names:
            faults.append(
                _at(
                    str(path),
                    "この証跡一式のどの入力とも一致しません",
                    "it is none of the inputs of this bundle",
                )
            )
        given |= dict.fromkeys(names, path)
    wanted = [(one, frame) for one, frame in zip(manifest.frames, frames, strict=False) if one.file in given]
    faults += _compared(wanted, given)
    left = [one.path for one in manifest.inputs if one.path not in given]
    told = [
        Text(
            ja=f"元のファイルと照合: 入力 {len(given):,} 件、フレーム {len(wanted):,} 個。",
            en=f"Held against the originals: {len(given):,} inputs, {len(wanted):,} frames.",
        )
    ]
    if left:
        shown = harmless(", ".join(islice(left, 5)))[:400]
        told.append(
            Text(
                ja=f"照合していない入力: {len(left):,} 件（{shown}）。",
                en=f"Inputs not held against an original: {len(left):,} ({shown}).",
            )
        )
    return faults, told


def _compared(wanted: Sequence[tuple[FrameListed, CutFrame]], given: Mapping[str, Path]) -> Iterator[Text]:
    files = sorted({one.file for one, _ in wanted})
    captures = _metered([given[file] for file in files])
    number_of = {file: number for number, file in enumerate(files)}
    again = frames_of(captures, [(number_of[one.file], one.original) for one, _ in wanted])
    for (listed, frame), found in zip(wanted, again, strict=True):
        original = None if found is None else header_only(found)
        place = f"{listed.file} frame {listed.original}"
        if original is None:
            reason = REASONS[GONE]
            yield _at(place, reason.ja, reason.en)
        elif (frame.time, frame.link, frame.wire, frame.data) != (
            original.time,
            original.link,
            original.wire,
            original.data,
        ):
            yield _at(
                place,
                f"証跡のフレーム {listed.frame} と一致しません",
                f"evidence frame {listed.frame} is not its header",
            )


def _names(path: Path, manifest: Manifest) -> list[str]:
    """Give the inputs that a file is, by its SHA-256; by its name and size where the run took no SHA-256."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        reason = why(error)
        raise InputRefusedError(
            Text(ja=f"{path}: 読み取れません（{reason.ja}）。", en=f"{path}: cannot be read ({reason.en}).")
        ) from error
    return [
        one.path
        for one in manifest.inputs
        if (
            one.sha256 == sha256
            if one.sha256 is not None
            else (Path(one.path).name, one.size) == (path.name, size)
        )
    ]


def _metered(paths: Iterable[Path]) -> Captures:
    """Read captures once, for where their frames stand."""
    from zoneguard.capture.metering import Input, meter

    inputs = [Input(path=path) for path in paths]
    read = meter(inputs, lambda table: None, digests=False).inputs if inputs else []
    return Captures(inputs=inputs, read=read)


def _told(files: Mapping[str, bytes], manifest: Manifest) -> Text:
    sums = digest(files.get(SUMS, b""))
    return Text(
        ja=f"確かめたもの: ファイル {len(files):,} 個、証跡のフレーム {len(manifest.frames):,} 個。"
        f"{SUMS} の SHA-256: {sums}",
        en=f"Checked: {len(files):,} files, {len(manifest.frames):,} evidence frames. SHA-256 of {SUMS}: {sums}",
    )
