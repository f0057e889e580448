"""One sensor a state folder: a lock that the kernel lets go of when the process ends, however it ends."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from zoneguard.errors import MachineLacksError, why
from zoneguard.text import Text

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType
    from typing import Self


class FolderLock:
    """Holds a folder until it is closed or the process is gone; raises MachineLacksError when another does."""

    def __init__(self, folder: Path) -> None:
        import fcntl

        path = folder / "zoneguard.lock"
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            reason = why(error)
            raise MachineLacksError(
                Text(ja=f"{path} を作れません（{reason.ja}）。", en=f"{path} cannot be made: {reason.en}.")
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise MachineLacksError(
                Text(
                    ja=f"{folder} は別のセンサーが使用中です。二つのセンサーに同じフォルダーは使えません。",
                    en=f"{folder} is in use by another sensor; two sensors cannot share a state folder.",
                )
            ) from error

    def close(self) -> None:
        """Let the folder go."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
