"""Following a folder: which files are complete, in the order of their first packets, and what is odd about others.

Pure: the runner lists the folder, the store says which files were read; this decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A capture file as it lies in a folder. Equal when it is the same file with the same content.

    `first_packet` is the time of its first packet (ns since 1970); None when it has none or was not looked at.
    """

    path: str
    inode: int
    size: int
    mtime: int  # ns since 1970
    first_packet: int | None = field(default=None, compare=False)
    sensor: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A file as it was at the last look, and since when it has not changed (monotonic ns)."""

    file: File
    since: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one look at a folder gives; hand `seen` to the next one."""

    ready: tuple[File, ...] = ()
    waiting: tuple[File, ...] = ()  # not complete yet
    told: tuple[Text, ...] = ()  # vanished, replaced, truncated or grown again: each once
    seen: Mapping[str, Seen] = field(default_factory=dict)


def look(
    listed: Sequence[File],
    known: Collection[File],
    before: Look,
    *,
    mono: int,
    settle: int,
) -> Look:
    """Decide what may be read now.

    `listed` is what the folder holds, `known` what the store has as read (or refused), `settle` in seconds.
    A file is complete when it has not changed for the settle time, or when a newer one has appeared beside it
    (a rotating sensor writes one file at a time) and it has not changed since the last look. Cost: n log n.
    """
    seen: dict[str, Seen] = {}
    for file in listed:
        last = before.seen.get(file.path)
        seen[file.path] = Seen(file=file, since=last.since if last and last.file == file else mono)
    done = set(known)
    newest = max((file.mtime for file in listed), default=0)
    ready: list[File] = []
    waiting: list[File] = []
    for file in listed:
        if file in done:
            continue
        still = mono - seen[file.path].since
        followed = file.mtime < newest and file.path in before.seen and still > 0
        complete = file.size > 0 and (still >= settle * SECOND or followed)
        (ready if complete else waiting).append(file)
    return Look(
        ready=tuple(sorted(ready, key=_order)),
        waiting=tuple(sorted(waiting, key=_order)),
        told=tuple(_oddities(seen, before, done)),
        seen=seen,
    )


def _order(file: File) -> tuple[int, int, str]:
    """Order by first packet; a file that has none goes by when it was written."""
    return (file.first_packet if file.first_packet is not None else file.mtime, file.mtime, file.path)


def _oddities(seen: Mapping[str, Seen], before: Look, done: Collection[File]) -> list[Text]:
    told = []
    for path, last in before.seen.items():
        now = seen.get(path)
        if now is None:
            if last.file not in done:
                told.append(_vanished(path))
        elif now.file != last.file:
            told += _changed(path, last.file, now.file, was_read=last.file in done)
    return told


def _changed(path: str, last: File, file: File, *, was_read: bool) -> list[Text]:
    if file.inode != last.inode:
        return [_replaced(path)]
    if file.size < last.size:
        return [_truncated(path, last.size, file.size)]
    return [_grown(path)] if was_read else []


def _vanished(path: str) -> Text:
    return Text(
        ja=f"{path}: 読む前になくなりました。この記録は判定されていません。保存期間を延ばしてください。",
        en=f"{path}: vanished before it was read and was not judged; keep captures longer.",
    )


def _replaced(path: str) -> Text:
    return Text(
        ja=f"{path}: 同じ名前の別のファイルに置き換わりました。新しいファイルとして読みます。",
        en=f"{path}: was replaced by another file of the same name, which is read as a new one.",
    )


def _truncated(path: str, was: int, size: int) -> Text:
    return Text(
        ja=f"{path}: {was:,}バイトから{size:,}バイトに短くなりました。失われた部分は判定できません。",
        en=f"{path}: was cut from {was:,} to {size:,} bytes; what is lost cannot be judged.",
    )


def _grown(path: str) -> Text:
    return Text(
        ja=f"{path}: 読み終えたあとに書き足されました。全体を読み直します。settle を長くしてください。",
        en=f"{path}: grew after it had been read; it is read again as a whole. Give a longer settle time.",
    )
