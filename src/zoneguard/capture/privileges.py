"""Giving up what only the opening of a capture needs: root and its capabilities (Linux)."""

from __future__ import annotations

import ctypes
import os
import struct
from typing import TYPE_CHECKING, Final

from zoneguard.errors import MachineLacksError
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection

CAP_NET_RAW: Final = 13  # opens packet sockets: to keep when an interface may have to be opened again
_KEEP_CAPABILITIES: Final = 8  # PR_SET_KEEPCAPS
_NO_NEW_PRIVILEGES: Final = 38  # PR_SET_NO_NEW_PRIVS
_CAPABILITY_VERSION: Final = 0x20080522  # _LINUX_CAPABILITY_VERSION_3


def drop_privileges(user: str, *, keep: Collection[int] = ()) -> None:
    """Go on as `user`, for good, with no capabilities but those named; sockets that are open stay so.

    To be called from the only thread, as root, when the rings are open and the kernels loaded. Raises
    MachineLacksError when there is no such user, when it is root, or when this process may not change.
    """
    import pwd  # not on Windows

    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise MachineLacksError(_no_user(user)) from error
    if entry.pw_uid == 0:
        raise MachineLacksError(_is_root(user))
    if os.geteuid() == 0:
        _become(entry.pw_uid, entry.pw_gid, os.getgrouplist(user, entry.pw_gid), keep)
    elif os.geteuid() != entry.pw_uid:
        raise MachineLacksError(_not_allowed(user))
    _prctl(_NO_NEW_PRIVILEGES)


def _become(uid: int, gid: int, groups: list[int], keep: Collection[int]) -> None:
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    if keep:
        _prctl(_KEEP_CAPABILITIES)
    os.setresuid(uid, uid, uid)
    if keep:
        _set_capabilities(keep)


def _set_capabilities(keep: Collection[int]) -> None:
    mask = sum(1 << number for number in keep)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = struct.pack("Ii", _CAPABILITY_VERSION, 0)
    # Effective, permitted, inheritable; the lower 32 of each, then the upper.
    data = struct.pack("6I", low, low, 0, high, high, 0)
    _call("capset", header, data)


def _prctl(option: int) -> None:
    # As unsigned long, which variadic arguments of a C function are not by themselves.
    zero = ctypes.c_ulong(0)
    _call("prctl", option, ctypes.c_ulong(1), zero, zero, zero)


def _call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _no_user(user: str) -> Text:
    return Text(
        ja=f"{user}: このユーザーはありません。先に作成するか、別のユーザーを指定してください。",
        en=f"{user}: no such user; create it first, or name another.",
    )


def _is_root(user: str) -> Text:
    return Text(
        ja=f"{user}: root と同じ権限のユーザーです。センサー専用のユーザーを指定してください。",
        en=f"{user}: this user has the rights of root; name a user for the sensor alone.",
    )


def _not_allowed(user: str) -> Text:
    return Text(
        ja=f"{user}: このユーザーに切り替える権限がありません。rootで起動するか、このユーザーとして起動してください。",
        en=f"{user}: no right to go on as this user; start as root, or as this user.",
    )
