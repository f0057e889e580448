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
    """Give a temporary path beside `path` that takes its place when the block ends well."""
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
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        with tempfile.NamedTemporaryFile(prefix=f".{path.name}.", dir=path.parent):
            pass
    except OSError as error:
        raise _cannot_write(path, error) from error


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


def _cannot_write(path: Path, error: OSError) -> MachineLacksError:
    reason = why(error)
    return MachineLacksError(
        Text(
            ja=f"{path}: 書き込めません（{reason.ja}）。空き容量と権限を確かめるか、別の場所を指定してください。",
            en=f"{path}: cannot be written ({reason.en}); check space and rights, or name another place.",
        )
    )
