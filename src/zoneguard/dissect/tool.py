"""The tshark of this machine: which, how old, and how it is kept apart."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from zoneguard.dissect.sandbox import Ending, Isolation, Limits, Run, choose_isolation, run
from zoneguard.text import Text

FLOOR: Final = (4, 0, 0)
_ASKING: Final = Limits(wall=5, cpu=5, output=4 << 20)


class Lack(StrEnum):
    """Why there is no whole dissection."""

    ABSENT = "tshark-absent"
    OLD = "tshark-old"
    MUTE = "tshark-mute"  # it did not tell its version
    FAILED = "tshark-failed"
    CRASHED = "tshark-crashed"
    SLOW = "tshark-slow"
    FLOOD = "tshark-flood"
    GARBAGE = "tshark-garbage"
    UNREADABLE = "tshark-unreadable"  # the temporary capture could not be opened


LACKS: dict[Lack, Text] = {
    Lack.ABSENT: Text(
        ja="tsharkが見つからないため、フローの中身を詳しく調べられませんでした。tshark 4.0以降を導入してください。",
        en="There is no tshark on PATH, so flows were not dissected; install tshark 4.0 or later.",
    ),
    Lack.OLD: Text(
        ja="tsharkが古すぎるため使いませんでした。tshark 4.0以降を導入してください。",
        en="This tshark is too old and was not used; install tshark 4.0 or later.",
    ),
    Lack.MUTE: Text(
        ja="tsharkが版を答えなかったため使いませんでした。",
        en="This tshark did not tell its version and was not used.",
    ),
    Lack.FAILED: Text(
        ja="tsharkが異常終了したため、結果は途中までです。",
        en="tshark ended with an error; its results are partial.",
    ),
    Lack.CRASHED: Text(
        ja="tsharkが途中で強制終了したため、結果は途中までです（不具合または記憶域の上限）。",
        en="tshark was killed on the way, by a fault of its own or the limit of memory; its results are partial.",
    ),
    Lack.SLOW: Text(
        ja="tsharkが時間の上限を超えたため止めました。結果は途中までです。",
        en="tshark exceeded its time and was stopped; its results are partial.",
    ),
    Lack.FLOOD: Text(
        ja="tsharkの出力が上限を超えたため止めました。結果は途中までです。",
        en="tshark printed more than it may and was stopped; its results are partial.",
    ),
    Lack.GARBAGE: Text(
        ja="tsharkの出力に解釈できない部分があったため、結果は不完全です。",
        en="Part of what tshark printed was not understood; its results are incomplete.",
    ),
    Lack.UNREADABLE: Text(
        ja="一時キャプチャを開けなかったため、フローの中身を詳しく調べられませんでした。",
        en="The temporary capture could not be opened, so flows were not dissected.",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tshark that may be used."""

    path: str
    version: tuple[int, int, int]
    isolation: Isolation
    search: str  # the PATH it was found in


def find_tshark(search: str) -> Tool | Lack:
    """Look for tshark in the PATH `search` and ask its version, within the limits it will run under."""
    found = shutil.which("tshark", path=search)
    if found is None:
        return Lack.ABSENT
    path = str(Path(found).resolve()) if found.startswith("/usr/") else str(Path(found).absolute())
    isolation = choose_isolation(search)
    told, version = _ask(path, isolation, search)
    if isolation is Isolation.BUBBLEWRAP and told.ending in {Ending.FAILED, Ending.UNSTARTED}:
        # Its libraries may lie where the sandbox shows nothing.
        isolation = choose_isolation("")
        told, version = _ask(path, isolation, search)
    if version is None:
        return lack_of(told) or Lack.MUTE
    if version < FLOOR:
        return Lack.OLD
    return Tool(path=path, version=version, isolation=isolation, search=search)


def lack_of(told: Run) -> Lack | None:
    """Name what an ending means; None for a good one."""
    match told.ending:
        case Ending.DONE:
            return None
        case Ending.FAILED | Ending.UNSTARTED:
            return Lack.FAILED
        case Ending.KILLED:
            return Lack.CRASHED
        case Ending.CPU | Ending.WALL:
            return Lack.SLOW
        case Ending.FLOOD:
            return Lack.FLOOD


def describe(found: Tool | Lack) -> Text:
    """Say for the report which tshark there is and what keeps it apart, or why there is none."""
    if isinstance(found, Lack):
        return LACKS[found]
    version = ".".join(str(part) for part in found.version)
    match found.isolation:
        case Isolation.BUBBLEWRAP:
            return Text(
                ja=f"tshark {version}を、bubblewrapで隔離し（ネットワークなし）、資源を制限して使います。",
                en=f"tshark {version} is used, kept apart by bubblewrap (no network) and limits of resources.",
            )
        case Isolation.LIMITS:
            return Text(
                ja=f"tshark {version}を、権限のない利用者として、資源を制限して使います（bubblewrapは使えません）。",
                en=f"tshark {version} is used as an unprivileged user within limits of resources; bubblewrap is not usable.",
            )
        case Isolation.LIMITS_ONLY:
            return Text(
                ja=f"tshark {version}を、資源を制限して使います（bubblewrapは使えません）。",
                en=f"tshark {version} is used within limits of resources; bubblewrap is not usable.",
            )


def _ask(path: str, isolation: Isolation, search: str) -> tuple[Run, tuple[int, int, int] | None]:
    said = bytearray()

    def keep(chunk: bytes) -> None:
        said.extend(chunk[: 256 - len(said)])

    told = run([path, "--version"], isolation=isolation, search=search, limits=_ASKING, take=keep)
    match = re.match(rb"TShark \(Wireshark\) (\d{1,4})\.(\d{1,4})\.(\d{1,4})", said)
    if match is None or told.ending is not Ending.DONE:
        return told, None
    return told, (int(match[1]), int(match[2]), int(match[3]))
