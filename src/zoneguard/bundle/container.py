"""A bundle as files: a folder or a zip, flat, bounded, and never written to a place that it names itself."""

from __future__ import annotations

import io
import os
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from zoneguard.errors import InputRefusedError, why
from zoneguard.report.harmless import harmless
from zoneguard.report.when import SECOND
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MOST_FILES: Final = 64
MOST_OCTETS: Final = 512 << 20  # of all files together, unpacked
_MOST_DIRECTORY: Final = 1 << 16  # octets of a zip's list of files
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FIRST_YEAR: Final = 1980  # of the calendar of zip (APPNOTE 4.4.6)
_END: Final = struct.Struct("<4s4H2IH")  # end of the list of files (APPNOTE 4.3.16)
_CHUNK: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The files of a bundle, and what in it is no file of a bundle."""

    files: Mapping[str, bytes]
    strange: tuple[Text, ...] = ()


def zip_octets(files: Mapping[str, bytes], *, at: int) -> bytes:
    """Pack files in the order of their names; the same files and time (ns since 1970) give the same octets."""
    when = datetime.fromtimestamp(at // SECOND, UTC)
    stamp = (max(when.year, _FIRST_YEAR), when.month, when.day, when.hour, when.minute, when.second)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in sorted(files.items()):
            one = zipfile.ZipInfo(name, stamp)
            one.create_system, one.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            archive.writestr(one, octets, zipfile.ZIP_DEFLATED, 9)
    return packed.getvalue()


def read_contents(path: Path) -> Contents:
    """Read a bundle from a folder or a zip into memory. Raises InputRefusedError.

    Nothing is unpacked to disk and no link is followed. What does not belong in a bundle (folders, links, names
    with a path, a name that comes twice) is not read, and named in `strange`.
    """
    try:
        if path.is_dir():
            return _joined(_of_folder(path), path)
        with path.open("rb") as file:
            _refuse_odd_zip(file, path)
            with zipfile.ZipFile(file) as archive:
                return _joined(_of_zip(archive), path)
    except OSError as error:
        raise _unreadable(path, why(error)) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        raise _no_zip(path) from error


def _joined(found: Iterator[tuple[str, bytes | Text]], path: Path) -> Contents:
    files: dict[str, bytes] = {}
    strange: list[Text] = []
    total = 0
    for number, (name, one) in enumerate(found):
        if number >= MOST_FILES:
            raise _too_large(path)
        if isinstance(one, Text):
            strange.append(one)
            continue
        if name in files:
            strange.append(_strange(name, Text(ja="同じ名前が2回あります", en="the name comes twice")))
            continue
        total += len(one)
        if total > MOST_OCTETS:
            raise _too_large(path)
        files[name] = one
    return Contents(files=files, strange=tuple(strange))


def _of_folder(path: Path) -> Iterator[tuple[str, bytes | Text]]:
    with os.scandir(path) as entries:
        for entry in entries:
            if not _NAME.fullmatch(entry.name) or not entry.is_file(follow_symlinks=False):
                yield entry.name, _no_file(entry.name)
                continue
            descriptor = os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                octets = file.read(MOST_OCTETS + 1)
            yield entry.name, octets


def _of_zip(archive: zipfile.ZipFile) -> Iterator[tuple[str, bytes | Text]]:
    for one in archive.infolist():
        kind = stat.S_IFMT(one.external_attr >> 16)
        if not _NAME.fullmatch(one.filename) or kind not in (0, stat.S_IFREG):
            yield one.filename, _no_file(one.filename)
            continue
        octets = bytearray()
        with archive.open(one) as file:
            while len(octets) <= MOST_OCTETS and (chunk := file.read(_CHUNK)):
                octets += chunk
        yield one.filename, bytes(octets)


def _refuse_odd_zip(file: io.BufferedReader, path: Path) -> None:
    """Refuse what no bundle is, before the list of files is read: it is read whole and could be of any length."""
    size = file.seek(0, os.SEEK_END)
    if size < _END.size:
        raise _no_zip(path)
    file.seek(max(size - _END.size - 20, 0))
    tail = file.read()
    mark, *_, entries, directory, _, comment = _END.unpack(tail[-_END.size :])
    if mark != b"PK\5\6" or comment or tail[: -_END.size].startswith(b"PK\6\7"):
        raise _no_zip(path)
    if entries > MOST_FILES or directory > _MOST_DIRECTORY or size > MOST_OCTETS:
        raise _too_large(path)
    file.seek(0)


def _strange(name: str, what: Text) -> Text:
    shown = harmless(name[:80])
    return Text(ja=f"{shown}: {what.ja}。", en=f"{shown}: {what.en}.")


def _no_file(name: str) -> Text:
    return _strange(
        name,
        Text(
            ja="証跡一式にあるはずのないもの（フォルダー、リンク、または使えない名前）です",
            en="no bundle holds this (a folder, a link, or a name that is not used)",
        ),
    )


def _unreadable(path: Path, reason: Text) -> InputRefusedError:
    return InputRefusedError(
        Text(ja=f"{path}: 読み取れません（{reason.ja}）。", en=f"{path}: cannot be read ({reason.en}).")
    )


def _no_zip(path: Path) -> InputRefusedError:
    return InputRefusedError(
        Text(
            ja=f"{path}: 証跡一式（フォルダーまたは zip）として読み取れません。check --bundle で作ったものを指定してください。",
            en=f"{path}: this cannot be read as a bundle (a folder or a zip); give what check --bundle wrote.",
        )
    )


def _too_large(path: Path) -> InputRefusedError:
    return InputRefusedError(
        Text(
            ja=f"{path}: 証跡一式として大きすぎます（上限は {MOST_FILES} ファイル、展開後 {MOST_OCTETS >> 20} MiB）。",
            en=f"{path}: too large for a bundle (the bounds are {MOST_FILES} files and {MOST_OCTETS >> 20} MiB"
            " unpacked).",
        )
    )
