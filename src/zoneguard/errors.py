"""Everything ZoneGuard may refuse to do, and the exit code of each."""

from __future__ import annotations

import errno
from enum import IntEnum
from typing import TYPE_CHECKING

from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

# What a wrong path usually comes to; the operating system says the rest, in its own language.
_REASONS = {
    errno.ENOENT: Text(ja="ファイルまたはフォルダーがありません", en="no such file or folder"),
    errno.EISDIR: Text(ja="フォルダーです", en="it is a folder"),
    errno.ENOTDIR: Text(ja="途中のパスがフォルダーではありません", en="a part of the path is no folder"),
    errno.EACCES: Text(ja="権限がありません", en="permission denied"),
    errno.EROFS: Text(ja="読み取り専用の場所です", en="the place is read-only"),
    errno.ENOSPC: Text(ja="空き容量がありません", en="no space is left"),
}


class ExitCode(IntEnum):
    """What the shell sees. Precedence when several hold: 3, 5, 1, 4, 0."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    REFUSED = 3
    INCONCLUSIVE = 4
    LACKING = 5


class ZoneGuardError(Exception):
    """A refusal the user can act upon: each fault says place, fact and way out."""

    exit_code = ExitCode.REFUSED

    def __init__(self, *faults: Text) -> None:
        super().__init__("; ".join(fault.en for fault in faults))
        self.faults: Sequence[Text] = faults


class InputRefusedError(ZoneGuardError):
    """A policy or a piece of evidence could not be read (exit 3)."""


class UsageError(ZoneGuardError):
    """The command was not understood (exit 2)."""

    exit_code = ExitCode.USAGE


class MachineLacksError(ZoneGuardError):
    """This machine lacks a program, a right or room on disk (exit 5)."""

    exit_code = ExitCode.LACKING


class StoreUnavailableError(MachineLacksError):
    """The database did not answer or took no write; trying again later may succeed (exit 5)."""


class StoreFullError(StoreUnavailableError):
    """The store has no room left: free the disk, raise the cap or keep less (exit 5)."""


class StoreCorruptError(StoreUnavailableError):
    """The database file was damaged while it was open; opening the store anew sets it aside (exit 5)."""


def why(error: OSError) -> Text:
    """Say in both languages what the operating system refused."""
    said = error.strerror or str(error)
    return _REASONS.get(error.errno or 0, Text(ja=said, en=said))
