"""Everything ZoneGuard may refuse to do, and the exit code of each."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoneguard.text import Text


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
