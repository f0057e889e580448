"""Root no longer than needed: the state folder is given to the user that the sensor becomes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zoneguard.capture.privileges import CAP_NET_RAW, drop_privileges

if TYPE_CHECKING:
    from pathlib import Path


def drop_to(user: str, state: Path) -> None:
    """Become `user`, keeping the right to open an interface again. Raises MachineLacksError."""
    if os.geteuid() == 0:
        _give(user, state)
    drop_privileges(user, keep=(CAP_NET_RAW,))


def _give(user: str, state: Path) -> None:
    import pwd  # not on Windows

    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return  # drop_privileges says so
    for folder, _, files in os.walk(state):
        for name in ("", *files):
            os.chown(os.path.join(folder, name), entry.pw_uid, entry.pw_gid, follow_symlinks=False)  # noqa: PTH118
