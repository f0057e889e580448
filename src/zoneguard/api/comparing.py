"""Compare two versions of exports, and run an acceptance matrix of packets through them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.api.exports import discover_policy, read_exports
from zoneguard.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from zoneguard.api.exports import ExportRead
    from zoneguard.policy.model import Policy
    from zoneguard.rules.changing import Difference


class Compared(NamedTuple):
    """Two sides and how they differ; `exit_code` is that of `zoneguard diff`."""

    policy: Policy
    before: tuple[ExportRead, ...]
    after: tuple[ExportRead, ...]
    difference: Difference
    exit_code: ExitCode


def diff(
    before: Sequence[str], after: Sequence[str], policy_path: Path | None, *, every: bool = False
) -> Compared:
    """Compare exports before and after a change.

    The exit code is 1 for a violation that the change introduces (with `every`, for any that is there
    afterwards), 4 where something was not understood that could bear on a packet. Raises InputRefusedError.
    """
    from zoneguard.policy.load import load_policy
    from zoneguard.rules.changing import compare

    policy = load_policy(policy_path or discover_policy())
    old, new = read_exports(before, policy), read_exports(after, policy)
    found = compare(policy, [one.result for one in old], [one.result for one in new])
    introduced = any(one.permitted and one.beyond and one.sure for one in found.changes)
    doubtful = any(one.permitted and one.beyond and not one.sure for one in found.changes)
    code = ExitCode.CLEAN
    if introduced or (every and found.kept):
        code = ExitCode.FINDINGS
    elif doubtful or found.only_after or found.unplaced or any(one.is_inconclusive for one in (*old, *new)):
        code = ExitCode.INCONCLUSIVE
    return Compared(policy, old, new, found, code)
