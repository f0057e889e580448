"""Where results go: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.errors import MachineLacksError, why
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its place when the block ends well.

    What is no regular file (/dev/null, a pipe) is never replaced: it is written to as it stands.
    """
    if _is_stream(path):
        try:
            yield path
        except OSError as error:
            raise _cannot_write(path, error) from error
        return
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        os.close(descriptor)
    except OSError as error:
        raise _cannot_write(path, error) from error
    draft = Path(name)
    try:
        yield draft
        mask = os.umask(0)
        os.umask(mask)
        draft.chmod(0o666 & ~mask)  # mkstemp gave it to the owner alone
        draft.replace(path)
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        draft.unlink(missing_ok=True)


def refuse_unwritable(path: Path) -> None:
    """Refuse a place for results before the work, not after it."""
    if _is_stream(path):
        return
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", dir=path.parent):
            pass
    except OSError as error:
        raise _cannot_write(path, error) from error


def new_file(path: Path, text: str) -> None:
    """Write a file that was not there, whole or not at all. Raises FileExistsError when it is there by now."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise _cannot_write(path, error) from error
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        draft.chmod(0o666 & ~mask)
        os.link(draft, path)  # unlike a rename it never replaces anything
    except FileExistsError:
        raise
    except PermissionError:  # no hard links here (FAT, some shares): exclusive at least
        try:
            with path.open("x", encoding="utf-8", newline="") as file:
                file.write(text)
        except FileExistsError:
            raise
        except OSError as error:
            raise _cannot_write(path, error) from error
    except OSError as error:
        raise _cannot_write(path, error) from error
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def text_output(path: Path | None) -> Iterator[TextIO]:
    """Open a file for UTF-8 text, whole or not at all; None is standard output."""
    if path is None:
        yield sys.stdout
        return
    with whole_file(path) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        yield file


def write_octets(octets: bytes, path: Path | None) -> None:
    """Write a whole result to a file, which appears whole or not at all; None is standard output."""
    if path is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(octets)
        sys.stdout.buffer.flush()
        return
    with whole_file(path) as draft:
        draft.write_bytes(octets)


def _is_stream(path: Path) -> bool:
    """Tell a device or a pipe, which is written to: a file put in its place would destroy it (/dev/null, as root)."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _cannot_write(path: Path, error: OSError) -> MachineLacksError:
    reason = why(error)
    return MachineLacksError(
        Text(
            ja=f"{path}: 書き込めません（{reason.ja}）。空き容量と権限を確かめるか、別の場所を指定してください。",
            en=f"{path}: cannot be written ({reason.en}); check space and rights, or name another place.",
        )
    )
