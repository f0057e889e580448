"""The text of an export, line by line: each ends in a stated state, and secrets are out of sight before a parser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.firewall.model import Fault, LineState, Place

if TYPE_CHECKING:
    from zoneguard.text import Text

MOST_OCTETS = 256 * 1024 * 1024
MOST_LINES = 4_000_000
SHOWN = 160  # characters of a line that a place repeats
REDACTED = "<redacted>"

# Words behind which exports of all formats hold a secret; what follows, to the end of the value, is put away.
# A format with secrets of its own adds to them by `Export.redact`.
_SECRETS = re.compile(
    r"""(?ix)
    \b(?: set \s+ (?:password|passwd|psksecret|secret|key|private-key|auth-pwd|priv-pwd|ppk-secret|passphrase
          |radius-secret|tacacs\+?-secret|community|wpa-psk|token|enc-key|auth-key|login-passwd)\d?
      | (?:enable\s+)?(?:password|secret)(?:\s+\d{1,2}|\s+encrypted)?
      | pre-shared-key(?:\s+\S+\s+text|\s+text|\s+ascii-text|\s+hexadecimal|\s+local|\s+remote)?
      | key-string | snmp-server\s+community | phash | encrypted-password | ikev1\s+pre-shared-key
      | pp\s+auth\s+(?:myname|username)\s+\S+ | ipsec\s+ike\s+pre-shared-key\s+\d+\s+(?:text)?
      | login\s+password(?:\s+encrypted)? | administrator\s+password(?:\s+encrypted)?
      | ppp\s+.*?password | wpa-psk(?:\s+ascii|\s+hex)?(?:\s+\d)? )
    \s+ (?P<secret>"[^"]*"|'[^']*'|ENC\s+\S+|\S+)
    """
)

# One of these stands in whatever _SECRETS finds.
_STEMS = ("passw", "passphrase", "pwd", "secret", "key", "community", "psk", "token", "phash", "auth")

_CLOSING = re.compile(r"(?:\]\]>)?</[\w:.-]+>\S*$")


@dataclass(slots=True)
class Export:
    """One export being read. Parsers mark each line as they understand it; what they never mark is unknown."""

    file: str
    lines: list[str]  # secrets redacted, line ends removed
    redacted: int = 0
    faults: list[Fault] = field(default_factory=list)
    _states: list[LineState | None] = field(default_factory=list)

    @classmethod
    def of(cls, file: str, octets: bytes) -> Export:
        """Decode and redact; UTF-8 with or without mark, UTF-16 with mark, else cp932, EUC-JP or Latin-1."""
        lines, redacted = [], 0
        text = decode(octets)
        if not _may_hold_secrets(text):  # a tenth of the time that reading a list of 10,000 lines takes
            lines = text.splitlines()
            return cls(file=file, lines=lines, _states=[None] * len(lines))
        for line in text.splitlines():
            shown, count = _SECRETS.subn(_put_away, line)
            lines.append(shown)
            redacted += count
        return cls(file=file, lines=lines, redacted=redacted, _states=[None] * len(lines))

    def place(self, number: int) -> Place:
        """Give the place of a line, counted from 1."""
        text = self.lines[number - 1].strip() if 0 < number <= len(self.lines) else ""
        return Place(
            file=self.file, line=number, text=text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
        )

    def mark(self, number: int, state: LineState) -> None:
        """State what became of a line; the worse of two states stays."""
        before = self._states[number - 1]
        if before is None or _ORDER[state] > _ORDER[before]:
            self._states[number - 1] = state

    def is_marked(self, number: int) -> bool:
        """Tell whether anything was stated of a line yet."""
        return self._states[number - 1] is not None

    def fault(self, number: int, state: LineState, message: Text) -> None:
        """State that a line was not understood, and what follows from it."""
        self.mark(number, state)
        self.faults.append(Fault(place=self.place(number), state=state, message=message))

    def redact(self, number: int, secret: str) -> None:
        """Put a secret of this format out of sight, in the line and so in every place that repeats it."""
        if secret and secret != REDACTED:
            self.lines[number - 1] = self.lines[number - 1].replace(secret, REDACTED)
            self.redacted += 1

    def states(self) -> tuple[LineState, ...]:
        """Give what became of each line; a line that nobody marked is irrelevant when blank, else unknown."""
        return tuple(
            state or (LineState.UNKNOWN if line.strip() else LineState.IRRELEVANT)
            for state, line in zip(self._states, self.lines, strict=True)
        )


def _may_hold_secrets(text: str) -> bool:
    folded = text.casefold()  # as letters are compared without regard to case: the Kelvin sign is a k
    return any(stem in folded for stem in _STEMS)


_ORDER = {state: at for at, state in enumerate((*LineState,))}


def decode(octets: bytes) -> str:
    """Decode an export as Japanese sites write them; never fails."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if octets.startswith(mark):
            return octets.decode(encoding, "replace")
    for encoding in ("utf-8", "cp932", "euc_jp"):
        try:
            return octets.decode(encoding)
        except UnicodeDecodeError:
            continue
    return octets.decode("latin-1")


def _put_away(found: re.Match[str]) -> str:
    secret = found["secret"]
    if closing := _CLOSING.search(secret):  # else an XML export would be no XML any more
        secret = secret[: closing.start()] or secret
    elif found.string.lstrip().startswith("<"):
        secret = re.split("[\"'<>]", secret, maxsplit=1)[0]
    # A quote that closes around the secret stays, or the rest of a table would be one cell.
    elif not secret.startswith('"') and secret.count('"') % 2:
        secret = secret.partition('"')[0]
    at = found.start("secret") - found.start()
    return found[0][:at] + REDACTED + found[0][at + len(secret) :] if secret else found[0]
