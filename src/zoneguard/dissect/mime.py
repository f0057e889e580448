"""One mail message by counts and types: what its parts are, never what they say (RFC 5322, RFC 2045)."""

from __future__ import annotations

import binascii
import quopri
import re
from collections import Counter
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesFeedParser
from email.policy import Policy, compat32
from typing import TYPE_CHECKING, Any

from zoneguard.dissect import body
from zoneguard.dissect.numbers import count_numbers
from zoneguard.dissect.record import MailSeen

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINES = 500_000  # of all messages of one dialogue; about 38 MB of ordinary mail
_MOST_PARTS = 1000
_MOST_DEPTH = 24
_MOST_HEADER = 4096  # characters of one header field that are interpreted
_MOST_FIELDS = 2000  # header fields of one part among which one is looked for
_MOST_KINDS = 64
_FEED = 1 << 16
_FORM_FIELDS = frozenset({"content-type", "content-transfer-encoding", "content-disposition", "mime-version"})
_UUENCODE = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})
_ENCODINGS = _UUENCODE | {"7bit", "8bit", "binary", "base64", "quoted-printable"}
_KIND = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,127}")
_UNNAMED = "other/other"  # stands for what is no content type, or one too many
_TNEF = frozenset({"application/ms-tnef", "application/vnd.ms-tnef"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRead:
    """A message, and what reading it cost and met."""

    mail: MailSeen
    numbers: int  # individual numbers in bodies that are encoded, so that they stand in no clear octets
    lines: int
    troubles: tuple[str, ...]


def read_mail(octets: bytes, *, whole: bool = True, most_lines: int = MOST_LINES) -> MailRead:
    """Read a message. Depth, parts, lines and header fields are bounded; what lies beyond is told as not whole."""
    troubles = []
    kept, lines = _first_lines(octets, most_lines)
    if len(kept) < len(octets):
        troubles.append("mail-beyond")
    root, is_deep = _parsed(kept)
    if is_deep:
        troubles.append("mail-deep")
    told = _Told()
    if root is not None:
        for part in root.leaves():
            told.add(part)
        if any(part.is_ambiguous() for part in root.leaves()):
            troubles.append("mail-ambiguous")
    return MailRead(
        mail=told.seen(whole=whole and not troubles),
        numbers=told.numbers,
        lines=lines,
        troubles=tuple(troubles),
    )


class _TooDeepError(Exception):
    """The message has more parts, or deeper ones, than are looked at."""


class _Part(Message):
    """A part that knows its depth, and of whose header fields only a bounded share is interpreted."""

    def __init__(self, policy: Policy = compat32) -> None:
        super().__init__(policy)
        self.depth = 0
        self.inside: list[_Part] = []
        self.unclear = False  # a parameter could not be read
        self.written = ""  # the body as it stands in the message, octets above 127 as surrogates

    def set_payload(self, payload: Any, charset: Any = None) -> None:  # noqa: ANN401 - as the library has it
        self.written = payload if isinstance(payload, str) else ""
        super().set_payload(payload, charset)

    def attach(self, payload: _Part) -> None:  # type: ignore[override]
        payload.depth = self.depth + 1
        self.inside.append(payload)
        if payload.depth > _MOST_DEPTH:
            raise _TooDeepError
        super().attach(payload)

    def get(self, name: str, failobj: Any = None) -> Any:  # noqa: ANN401 - as the library has it
        name = name.lower()
        for count, (field, value) in enumerate(self.raw_items()):
            if count == _MOST_FIELDS:
                break
            if field.lower() == name:
                return str(value)[:_MOST_HEADER].encode("ascii", "replace").decode("ascii")
        return failobj

    # The library raises what its readers of parameters (RFC 2231) happen to raise when they are lied to.

    def get_param(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - as the library has it
        try:
            return super().get_param(*args, **kwargs)
        except Exception:  # noqa: BLE001 - see above
            self.unclear = True
            return None

    def get_filename(self, failobj: Any = None) -> Any:  # noqa: ANN401 - as the library has it
        try:
            return super().get_filename(failobj)
        except Exception:  # noqa: BLE001 - see above
            self.unclear = True
            return failobj

    def get_boundary(self, failobj: Any = None) -> Any:  # noqa: ANN401 - as the library has it
        try:
            return super().get_boundary(failobj)
        except Exception:  # noqa: BLE001 - see above
            self.unclear = True
            return failobj

    def is_ambiguous(self) -> bool:
        """Tell whether programs may read this part in different ways: fields doubled, overlong or unknown."""
        values: dict[str, list[str]] = {field: [] for field in _FORM_FIELDS}
        for count, (field, value) in enumerate(self.raw_items()):
            if count == _MOST_FIELDS:
                return True
            if field.strip().lower() in _FORM_FIELDS:
                values[field.strip().lower()].append(str(value))
        if any(len(told) > 1 or any(len(one) > _MOST_HEADER for one in told) for told in values.values()):
            return True
        if self.unclear:
            return True
        encodings = values["content-transfer-encoding"]
        return bool(encodings) and encodings[0].strip().lower() not in _ENCODINGS

    def leaves(self) -> Iterator[_Part]:
        """Give every part in order, those that hold parts too; not recursive, whatever the depth."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.inside))


def _parsed(octets: bytes) -> tuple[_Part | None, bool]:
    """Parse as far as the bounds allow."""
    parts: list[_Part] = []

    def make(policy: Policy = compat32) -> _Part:
        if len(parts) == _MOST_PARTS:
            raise _TooDeepError
        parts.append(_Part(policy))
        return parts[-1]

    parser: BytesFeedParser[_Part] = BytesFeedParser(make)
    parts.clear()  # it makes one to see which arguments `make` takes
    try:
        for at in range(0, len(octets), _FEED):
            parser.feed(octets[at : at + _FEED])
        parser.close()
    except _TooDeepError:
        return (parts[0] if parts else None), True
    return (parts[0] if parts else None), False


def _first_lines(octets: bytes, most: int) -> tuple[bytes, int]:
    """Give at most so many lines; each costs the parser about a microsecond for each level of nesting."""
    lines = octets.count(b"\n") + octets.count(b"\r")
    if lines <= 2 * most:
        return octets, lines // 2 + 1
    at = -1
    for _ in range(most):
        found = octets.find(b"\n", at + 1)
        if found < 0:
            break
        at = found
    kept = octets[: at + 1]
    return (kept if kept.count(b"\r") <= 2 * most else b""), most


class _Told:
    def __init__(self) -> None:
        self.numbers = 0
        self._kinds: Counter[str] = Counter()
        self._counts: Counter[str] = Counter()
        self._charsets: set[str] = set()

    def add(self, part: _Part) -> None:
        kind = self._kind(part)
        name = part.get_filename() or part.get_param("name") or ""
        if not isinstance(name, str):
            name = ""
        disposition = str(part.get("content-disposition", "")).lstrip().lower()
        if part.inside and part.get_content_maintype() in {"multipart", "message"}:
            self._counts["nested"] += kind == "message/rfc822"
            self._counts["attachments"] += disposition.startswith("attachment") or bool(name)
            around = f"{part.preamble or ''}\n{part.epilogue or ''}".encode("utf-8", "surrogateescape")
            self._counts["opaque"] += body.is_opaque(around, "us-ascii")
            return
        self._kinds[kind] += 1
        content, is_encoded = _content(part)
        self._counts["attachments"] += disposition.startswith("attachment") or bool(name)
        self._counts["nested"] += kind in {"message/rfc822", "message/global"}
        self._counts["tnef"] += kind in _TNEF or name.lower() == "winmail.dat" or body.is_tnef(content)
        self._counts["active"] += body.is_active(kind, name, content)
        self._counts["html"] += kind in {"text/html", "application/xhtml+xml"} or body.is_html(content)
        if kind.startswith("text/"):
            charset = body.charset(part.get_param("charset"))
            self._charsets.add(charset)
            self._counts["opaque"] += body.is_opaque(content, charset)
        if is_encoded:
            self.numbers += count_numbers(content)

    def seen(self, *, whole: bool) -> MailSeen:
        return MailSeen(
            parts=tuple(sorted(self._kinds.items())),
            attachments=self._counts["attachments"],
            nested=self._counts["nested"],
            html=self._counts["html"],
            opaque=self._counts["opaque"],
            tnef=self._counts["tnef"],
            charsets=tuple(sorted(self._charsets)),
            whole=whole,
            active=self._counts["active"],
        )

    def _kind(self, part: _Part) -> str:
        kind = part.get_content_type()
        if not _KIND.fullmatch(kind) or (kind not in self._kinds and len(self._kinds) == _MOST_KINDS):
            return _UNNAMED
        return kind


def _content(part: _Part) -> tuple[bytes, bool]:
    """Give the octets of a leaf without their transfer encoding; was there one?"""
    octets = part.written.encode("ascii", "surrogateescape")
    encoding = str(part.get("content-transfer-encoding", "")).strip().lower()
    if encoding == "base64":
        return _from_base64(octets), True
    if encoding == "quoted-printable":
        return quopri.decodestring(octets), True
    if encoding in _UUENCODE:
        return body.from_uuencode(octets), True
    return octets, False


def _from_base64(octets: bytes) -> bytes:
    """Decode what can be decoded; a wrong length at the end loses at most three octets."""
    octets = octets.translate(None, body.NOT_BASE64)
    octets = octets[: len(octets) - (len(octets) % 4 == 1)]
    try:
        return binascii.a2b_base64(octets + b"=" * (-len(octets) % 4))
    except binascii.Error:
        return b""
