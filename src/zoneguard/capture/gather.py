"""Which files are evidence: paths, folders and standard input, told apart by content and put in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.capture.source import in_time_order, looks_like_capture
from zoneguard.errors import InputRefusedError
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_FILES = 100_000
NAMED = {".pcap", ".pcapng", ".cap", ".snoop", ".ntar"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """Captures in the order of their first packets; None is standard input."""

    captures: tuple[Path | None, ...]


def gather(paths: Sequence[str]) -> Gathered:
    """Collect captures. A named file is always taken; a folder gives what is a capture, or is called one.

    Raises InputRefusedError naming every path that does not exist or cannot be read.
    """
    named: list[Path] = []
    found: list[Path] = []
    faults: list[Text] = []
    for text in paths:
        path = Path(text)
        if text == "-":
            continue
        if path.is_dir():
            files = sorted(inner for inner in path.rglob("*") if inner.is_file())
            found += [inner for inner in files if _is_meant(inner)]
        elif path.exists():
            named.append(path)
        else:
            faults.append(_absent(text))
    if len(named) + len(found) > MOST_FILES:
        faults.append(_too_many(len(named) + len(found)))
    captures: list[Path | None] = list(in_time_order(dict.fromkeys([*named, *found])))
    if "-" in paths:
        captures.append(None)
    if not captures and not faults:
        faults.append(_nothing(paths))
    if faults:
        raise InputRefusedError(*faults)
    return Gathered(captures=tuple(captures))


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
        ja=f"{listed}: キャプチャが1つも見つかりません。pcapまたはpcapngのあるフォルダーを指定してください。",
        en=f"{listed}: no capture was found; give a folder that holds pcap or pcapng files.",
    )
