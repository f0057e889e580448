"""Root no longer than needed: the state folder is given to the user that the sensor becomes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.capture.privileges import CAP_NET_RAW, drop_privileges
from zoneguard.errors import MachineLacksError
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pwd import struct_passwd

# Modules are imported when they are needed first, which may be long after.
PROGRAM = (Path(os.__file__).parent, Path(__file__).parent)


def drop_to(user: str, state: Path, *, program: Sequence[Path] = PROGRAM) -> None:
    """Become `user`, keeping the right to open an interface again; `program` are folders it must be able to read.

    Raises MachineLacksError, and then nothing has changed.
    """
    if os.geteuid() == 0:
        import pwd  # not on Windows

        try:
            entry = pwd.getpwnam(user)
        except KeyError:
            pass  # drop_privileges says so
        else:
            for folder in program:
                if not _may_read(entry, folder):
                    raise MachineLacksError(_unreadable(user, folder))
            _give(entry, state)
    drop_privileges(user, keep=(CAP_NET_RAW,))


def _may_read(entry: struct_passwd, folder: Path) -> bool:
    owner, group, groups = os.geteuid(), os.getegid(), os.getgroups()
    os.setgroups(os.getgrouplist(entry.pw_name, entry.pw_gid))
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        return os.access(folder, os.R_OK | os.X_OK, effective_ids=True)
    finally:
        os.seteuid(owner)
        os.setegid(group)
        os.setgroups(groups)


def _give(entry: struct_passwd, state: Path) -> None:
    for folder, _, files in os.walk(state):
        for name in ("", *files):
            os.chown(os.path.join(folder, name), entry.pw_uid, entry.pw_gid, follow_symlinks=False)  # noqa: PTH118


def _unreadable(user: str, folder: Path) -> Text:
    return Text(
        ja=f"{folder}: 利用者 {user} はここを読めないため、センサーが動き続けられません。だれでも読める場所（/opt や "
        "/usr/local など）に入れてください。",
        en=f"{folder}: user {user} cannot read this, so the sensor could not go on; install it where everybody can read,"
        " such as /opt or /usr/local.",
    )
