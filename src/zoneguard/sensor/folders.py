"""Looking into the folders of a sensor: what lies there, what was read, and what may be read now."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.capture.pcap import first_time
from zoneguard.errors import StoreUnavailableError
from zoneguard.sensor.folder import File, Look, look

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from zoneguard.sensor.config import Folder
    from zoneguard.text import Text


SECOND = 1_000_000_000
MOST_TRIES = 5  # at a file that cannot be opened: over a minute and a half
_FIRST_WAIT = 2  # seconds after the first; each further one is three times as long


class Folders:
    """Remembers the last look at each folder, which files were read, and which could not be opened yet."""

    def __init__(self) -> None:
        self._looks: dict[Path, Look] = {}
        self._known: set[File] = set()
        self._tries: dict[File, tuple[int, int]] = {}  # how many, and when the next is due (monotonic ns)

    def note(self, file: File) -> None:
        """Note that a file was read, or will not be."""
        self._known.add(file)
        self._tries.pop(file, None)

    def will_try_again(self, file: File, *, mono: int) -> bool:
        """Note that a file could not be opened; tell whether it will be given once more, after a while."""
        tries = self._tries.get(file, (0, 0))[0] + 1
        if tries >= MOST_TRIES:
            return False
        self._tries[file] = tries, mono + _FIRST_WAIT * 3 ** (tries - 1) * SECOND
        return True

    def look(
        self, folder: Folder, is_done: Callable[[File], bool], *, mono: int
    ) -> tuple[tuple[File, ...], tuple[Text, ...]]:
        """Give the files that may be read now, in the order to read them, and what is odd about others.

        `is_done` tells whether the store has a file as read; while it cannot say so, no file is given.
        """
        before = self._looks.get(folder.path, Look())
        listed = []
        for file in _listed(folder):
            try:
                if file not in self._known and is_done(file):
                    self._known.add(file)
            except StoreUnavailableError:
                return (), ()
            last = before.seen.get(file.path)
            same = last is not None and last.file == file
            listed.append(
                last.file if same and last else replace(file, first_packet=first_time(Path(file.path)))
            )
        seen = look(listed, self._known, before, mono=mono, settle=folder.settle)
        self._looks[folder.path] = seen
        # A file that is listed no more is not asked for any more; should it come back, the store knows it.
        gone = {last.file for last in before.seen.values()} - set(listed)
        self._known -= gone
        self._tries = {file: due for file, due in self._tries.items() if file not in gone}
        ready = tuple(file for file in seen.ready if self._tries.get(file, (0, 0))[1] <= mono)
        return ready, seen.told

    def are_read(self, folders: tuple[Folder, ...]) -> bool:
        """Tell whether every folder was looked into and all that lies there was read."""
        looks = [self._looks.get(folder.path) for folder in folders]
        return all(one is not None and not one.waiting and not set(one.ready) - self._known for one in looks)


def _listed(folder: Folder) -> Iterator[File]:
    for path in folder.path.glob(folder.glob):
        try:
            about = path.stat()
        except OSError:
            continue
        yield File(
            path=str(path),
            inode=about.st_ino,
            size=about.st_size,
            mtime=about.st_mtime_ns,
            sensor=folder.sensor,
        )
