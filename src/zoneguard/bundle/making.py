"""A run to the files of its bundle."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from zoneguard.bundle.manifest import (
    EVIDENCE,
    MANIFEST,
    POLICY,
    REPORT,
    SUMS,
    FrameListed,
    FrameMissing,
    Listed,
    Manifest,
    digest,
    render_manifest,
    render_sums,
)
from zoneguard.capture.writing import write_capture
from zoneguard.errors import InputRefusedError, why
from zoneguard.report.forms import FORMS
from zoneguard.report.when import iso, time_zone
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.bundle.evidence import Evidence
    from zoneguard.report.model import Report

# The forms that a bundle holds, as far as there are such; the JSON is what the others are made from.
RENDERED: Final = {"text": "report.txt", "json": REPORT, "html": "report.html"}
READ_ME: Final = "README.txt"

_READ_ME = """\
ZoneGuard 証跡一式 / evidence bundle

report.txt       報告（読むためのもの） / the report, to read
report.json      報告の全部（判定の記録） / all of the report, the record of what was decided
policy.yaml      判定に用いた方針 / the policy it was judged by
evidence.pcapng  指摘の根拠となったパケットのヘッダーだけ（ペイロードなし）
                 the headers of the packets behind the findings, without payload
manifest.json    各ファイルの大きさとSHA-256、入力のSHA-256、各フレームの元のファイルとフレーム番号
                 size and SHA-256 of every file and of the inputs; where each evidence frame came from
SHA256SUMS       sha256sum -c SHA256SUMS で確かめられる一覧 / to be checked with sha256sum -c SHA256SUMS

確かめ方 / to check it again: zoneguard report verify BUNDLE [--original CAPTURE]...
ハッシュ値が示すのは、作成後に変わっていないことだけです。SHA256SUMS のハッシュ値を別の場所に控えてください。
Hashes show that nothing has changed since; write down the SHA-256 of SHA256SUMS somewhere else.
"""


def policy_octets(report: Report) -> bytes:
    """Read the policy that a run was judged by. Raises InputRefusedError when it has changed meanwhile."""
    path = Path(report.policy.path)
    try:
        octets = path.read_bytes()
    except OSError as error:
        reason = why(error)
        raise InputRefusedError(
            Text(ja=f"{path}: 読み取れません（{reason.ja}）。", en=f"{path}: cannot be read ({reason.en}).")
        ) from error
    if digest(octets) != report.policy.sha256:
        raise InputRefusedError(
            Text(
                ja=f"{path}: 判定している間に方針が変更されました。もう一度実行してください。",
                en=f"{path}: the policy was changed while evidence was judged by it; run again.",
            )
        )
    return octets


def bundle_files(
    report: Report, policy: bytes, evidence: Evidence, *, pseudonymised: bool = False
) -> dict[str, bytes]:
    """Give every file of a bundle by its name; the same run gives the same octets.

    What is given is written as it is: a bundle for others is concealed before.
    """
    files = {name: FORMS[form].write(report) for form, name in RENDERED.items() if form in FORMS}
    files |= {
        POLICY: policy,
        EVIDENCE: _capture(evidence),
        READ_ME: _READ_ME.encode(),
    }
    zone = time_zone(report.policy.timezone)
    files[MANIFEST] = render_manifest(
        Manifest(
            version=report.tool.version,
            created=iso(report.generated, zone),
            pseudonymised=pseudonymised,
            files=tuple(
                Listed(path=name, size=len(octets), sha256=digest(octets))
                for name, octets in sorted(files.items())
            ),
            inputs=tuple(Listed(path=one.path, size=one.size, sha256=one.sha256) for one in report.inputs),
            frames=tuple(
                FrameListed(
                    frame=number,
                    file=locator.file,
                    original=locator.frame,
                    time=iso(locator.time, zone),
                )
                for number, (locator, _) in enumerate(evidence.frames, 1)
            ),
            missing=tuple(
                FrameMissing(file=locator.file, original=locator.frame, reason=reason)
                for locator, reason in evidence.missing
            ),
        )
    )
    files[SUMS] = render_sums(files)
    return files


def _capture(evidence: Evidence) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / EVIDENCE
        write_capture(path, (frame for _, frame in evidence.frames))
        return path.read_bytes()
