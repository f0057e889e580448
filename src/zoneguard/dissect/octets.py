"""Octets read from the front, never beyond their end."""

from __future__ import annotations


class ShortError(Exception):
    """More was asked for than there is; it carries nothing of what was read."""


class Octets:
    """A place in octets that a reader moves forward; numbers are big-endian unless said otherwise."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else min(end, len(data))

    @property
    def left(self) -> int:
        """Tell how many octets remain."""
        return max(0, self.end - self.at)

    def take(self, size: int) -> bytes:
        """Take so many octets."""
        if size < 0 or size > self.left:
            raise ShortError
        taken = self.data[self.at : self.at + size]
        self.at += size
        return taken

    def number(self, size: int) -> int:
        """Take an unsigned number of so many octets."""
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> Octets:
        """Take a part that a length of `size` octets precedes, as TLS and others write it."""
        return Octets(self.take(self.number(size)))

    def rest(self) -> bytes:
        """Take what remains."""
        return self.take(self.left)
