"""Which files are evidence: paths, folders and standard input, told apart by content and put in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.capture.source import in_time_order, looks_like_capture
from zoneguard.errors import InputRefusedError
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MOST_FILES = 100_000
NAMED = {".pcap", ".pcapng", ".cap", ".snoop", ".ntar"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Captures in the order of their first packets (None is standard input), and exports in that of their names."""

    captures: tuple[Path | None, ...]
    exports: tuple[Path, ...] = ()


def gather(paths: Sequence[str], *, is_export: Callable[[Path], bool] = lambda path: False) -> Gathered:
    """Collect evidence. A named file is always taken; a folder gives what is evidence, or is called a capture.

    `is_export` tells by content what is no capture but the export of a firewall or router. Raises InputRefusedError naming every path that does not exist or cannot be read.
    """
    named: list[Path] = []
    found: list[Path] = []
    exports: list[Path] = []
    faults: list[Text] = []
    for text in paths:
        path = Path(text)
        if text == "-":
            continue
        if path.is_dir():
            files = sorted(inner for inner in path.rglob("*") if inner.is_file())
            meant = {inner for inner in files if _is_meant(inner)}
            found += [inner for inner in files if inner in meant]
            exports += [inner for inner in files if inner not in meant and is_export(inner)]
        elif path.exists():
            (exports if not _is_meant(path) and is_export(path) else named).append(path)
        else:
            faults.append(_absent(text))
    count = len(named) + len(found) + len(exports)
    if count > MOST_FILES:
        faults.append(_too_many(count))
    captures: list[Path | None] = list(in_time_order(dict.fromkeys([*named, *found])))
    if "-" in paths:
        captures.append(None)
    if not captures and not exports and not faults:
        faults.append(_nothing(paths))
    if faults:
        raise InputRefusedError(*faults)
    return Gathered(captures=tuple(captures), exports=tuple(dict.fromkeys(exports)))


def _is_meant(path: Path) -> bool:
    """Tell whether a file in a folder is evidence: by its content, or by its name (then it may be refused)."""
    return bool(NAMED & {suffix.lower() for suffix in path.suffixes}) or looks_like_capture(path)


def _absent(path: str) -> Text:
    return Text(
        ja=f"{path}: ファイルがありません。パスを確かめてください。",
        en=f"{path}: no such file; check the path.",
    )


def _too_many(count: int) -> Text:
    return Text(
        ja=f"ファイルが{count}個あり、上限の{MOST_FILES}個を超えています。フォルダーを分けて指定してください。",
        en=f"{count} files are more than the bound of {MOST_FILES}; give the folders separately.",
    )


def _nothing(paths: Sequence[str]) -> Text:
    listed = ", ".join(paths)
    return Text(
        ja=f"{listed}: キャプチャも機器の設定も見つかりません。pcap・pcapngか、ファイアウォールやルータの設定のあるフォルダーを指定してください。",
        en=f"{listed}: neither a capture nor an export was found; give a folder that holds pcap or pcapng files, or "
        "exports of firewalls and routers.",
    )
