"""Flows as Parquet, a folder a day: exact, readable by DuckDB, and never more than commits vouch for."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from zoneguard.errors import StoreFullError, StoreUnavailableError, why
from zoneguard.store.engine import is_no_room
from zoneguard.store.parquet import Flows, pack, unpacked_blocks
from zoneguard.store.records import Part
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import tzinfo
    from pathlib import Path

    from numpy.typing import NDArray

_NAME = re.compile(r"part-(\d{8,})\.parquet")
_DAY = re.compile(r"day=(\d{4}-\d\d-\d\d)")
_DAY_LONG = 86_400 * 1_000_000_000
_QUARTER = 900 * 1_000_000_000  # every time zone's day begins on a quarter of an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What a start found: parts nobody vouches for were removed; `missing` are vouched for and not there."""

    removed: int = 0
    missing: tuple[Part, ...] = ()
    notices: tuple[Text, ...] = ()


class History:
    """The parts of one sensor below one folder; days are those of `zone`.

    A part is written before the commit that vouches for it and removed after the commit that lets it go, so
    that whatever is killed in between leaves a file too many, which the next `settle` removes, and never one too few.
    """

    def __init__(self, folder: Path, zone: tzinfo) -> None:
        self.folder = folder
        self._zone = zone
        self._next = 1

    def settle(self, vouched: Sequence[Part]) -> Settled:
        """Bring the folder to what commits vouch for; call it once, before anything is written."""
        names = {part.name for part in vouched}
        removed = 0
        for path in self._files():
            if path.suffix == ".tmp" or path.relative_to(self.folder).as_posix() not in names:
                path.unlink(missing_ok=True)
                removed += 1
        missing = tuple(part for part in vouched if not self.path(part).is_file())
        self._next = max((part.number for part in vouched), default=0) + 1
        return Settled(removed=removed, missing=missing, notices=tuple(_missing(part) for part in missing))

    def adopt(self) -> list[Part]:
        """Give every whole part in the folder, for a store that was begun anew to vouch for."""
        found = []
        for path in self._files():
            day, name = _DAY.fullmatch(path.parent.name), _NAME.fullmatch(path.name)
            if day is None or name is None:
                continue
            try:
                flows = sum(map(len, unpacked_blocks(path)))
            except ValueError:
                self._set_aside(path)
                continue
            size, sha256 = _digest(path)
            found.append(Part(day=day[1], number=int(name[1]), flows=flows, bytes=size, sha256=sha256))
        return sorted(found, key=lambda part: part.number)

    def write(self, *blocks: Flows) -> list[Part]:
        """Write flows, one part a day (that of their first packet); safe on disk when this returns.

        Raises StoreFullError or StoreUnavailableError; what was written until then is removed by `settle`.
        """
        of_days: dict[str, list[tuple[Flows, NDArray[np.intp]]]] = {}
        for block in blocks:
            for day, index in self._by_day(block.table.first_seen):
                of_days.setdefault(day, []).append((block, index))
        return [
            self._put(day, sum(len(index) for _, index in some), (block.take(index) for block, index in some))
            for day, some in sorted(of_days.items())
        ]

    def read(self, part: Part) -> Flows:
        """Read a part as it was written; raises ValueError when it is damaged or not there."""
        if not self._is_whole(part):
            raise ValueError(f"{part.name} is not there, or not what was written.")
        return Flows.concatenate(list(self.blocks(part)))

    def blocks(self, part: Part) -> Iterator[Flows]:
        """Read a part whose digest was found right, block by block; raises ValueError when it cannot be read."""
        return unpacked_blocks(self.path(part))

    def compact(self, parts: Sequence[Part], *, most: int = 1_000_000) -> tuple[list[Part], list[Part]]:
        """Merge the small parts of one finished day; give the old parts and the new ones that hold their flows.

        After a commit has put the new ones in place of the old ones, `remove` the old. Parts of `most` flows
        together at the utmost, read and written one after the other: memory is about 500 octets for each flow of the
        largest. A damaged part stays as it is.
        """
        old: list[Part] = []
        for part in sorted(parts, key=lambda one: (one.flows, one.number)):
            if part.flows + sum(one.flows for one in old) <= most and self._is_whole(part):
                old.append(part)
        if len(old) < 2:
            return [], []
        flows = sum(one.flows for one in old)
        return old, [self._put(old[0].day, flows, (block for part in old for block in self.blocks(part)))]

    def damaged(self, parts: Iterable[Part]) -> list[Part]:
        """Read parts to their end and give those that are not what was written."""
        return [part for part in parts if not self._is_whole(part)]

    def set_aside(self, parts: Iterable[Part]) -> list[Text]:
        """Rename damaged parts to NAME.corrupt and say so; then let the store no longer vouch for them."""
        said = []
        for part in parts:
            said.append(_damaged(part) if self.path(part).exists() else _missing(part))
            self._set_aside(self.path(part))
        return said

    def remove(self, parts: Iterable[Part]) -> None:
        """Remove parts that no commit vouches for any more, and the folders of days that are empty then."""
        for part in parts:
            path = self.path(part)
            path.unlink(missing_ok=True)
            if path.parent.is_dir() and not any(path.parent.iterdir()):
                path.parent.rmdir()

    def expired(self, parts: Iterable[Part], *, now: int, days: int) -> list[Part]:
        """Give the parts of days that ended more than so many days ago; `now` is ns since 1970."""
        first = self.day(now - days * _DAY_LONG)
        return [part for part in parts if part.day < first]

    def day(self, time: int) -> str:
        """Give the day that a time (ns since 1970) falls on."""
        return self._moment(time).date().isoformat()

    def path(self, part: Part) -> Path:
        """Give the file of a part."""
        return self.folder / part.name

    def _by_day(self, times: NDArray[np.int64]) -> Iterator[tuple[str, NDArray[np.int64]]]:
        quarters, inverse = np.unique(times // _QUARTER, return_inverse=True)
        days = np.array([self.day(int(one) * _QUARTER) for one in quarters], dtype="U10")
        of_flow = days[inverse] if len(quarters) else days
        for day in np.unique(days):
            yield str(day), np.flatnonzero(of_flow == day)

    def _moment(self, time: int) -> datetime:
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time // 1000)).astimezone(
            self._zone
        )

    def _files(self) -> list[Path]:
        return sorted(
            path
            for day in self.folder.glob("day=*")
            for path in day.iterdir()
            if path.suffix in (".parquet", ".tmp")
        )

    def _is_whole(self, part: Part) -> bool:
        try:
            return _digest(self.path(part)) == (part.bytes, part.sha256)
        except OSError:
            return False

    def _put(self, day: str, flows: int, blocks: Iterable[Flows]) -> Part:
        number, self._next = self._next, self._next + 1
        part = Part(day=day, number=number, flows=flows, bytes=0, sha256="")
        path = self.path(part)
        draft = path.with_name(path.name + ".tmp")
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True)
                _sync(self.folder)
            with draft.open("w+b") as file:
                pack(blocks, file)
                file.flush()
                os.fsync(file.fileno())
            size, sha256 = _digest(draft)
            draft.rename(path)
            _sync(path.parent)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise _not_written(self.folder, error) from error
        return replace(part, bytes=size, sha256=sha256)

    def _set_aside(self, path: Path) -> None:
        if path.exists():
            path.rename(path.with_name(path.name + ".corrupt"))
            _sync(path.parent)


def _digest(path: Path) -> tuple[int, str]:
    """Give the octets of a file, and its SHA-256. Raises OSError."""
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), sha256


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _not_written(folder: Path, error: OSError) -> StoreUnavailableError:
    reason = why(error)
    said = Text(
        ja=f"通信履歴を {folder} に書き込めません（{reason.ja}）。",
        en=f"The flow history cannot be written to {folder}: {reason.en}.",
    )
    return StoreFullError(said) if is_no_room(error) else StoreUnavailableError(said)


def _missing(part: Part) -> Text:
    return Text(
        ja=f"通信履歴の {part.name}（{part.flows:,} フロー）がありません。この日の履歴は欠けています。",
        en=f"{part.name} of the flow history ({part.flows:,} flows) is not there; the history of that day has a gap.",
    )


def _damaged(part: Part) -> Text:
    return Text(
        ja=f"通信履歴の {part.name}（{part.flows:,} フロー）が壊れていたため、.corrupt を付けて残しました。"
        "この日の履歴は欠けています。",
        en=f"{part.name} of the flow history ({part.flows:,} flows) was damaged and set aside as .corrupt;"
        " the history of that day has a gap.",
    )
