"""SMTP dialogues: which messages went through, whether the rest is encrypted (RFC 5321, RFC 3030, RFC 3207)."""

from __future__ import annotations

from dataclasses import dataclass, field

from zoneguard.dissect.dialogue import Replies
from zoneguard.dissect.mime import MOST_LINES, read_mail
from zoneguard.dissect.record import DialogueSeen, MailSeen

_MOST_LINE = 1 << 16
_MOST_COMMANDS = 200_000
_MOST_MESSAGES = 1000
_END = b"\r\n.\r\n"


@dataclass(slots=True)
class SmtpSeen:
    """What a dialogue told, and where TLS begins on each side once STARTTLS was accepted."""

    dialogue: DialogueSeen
    inside: tuple[int, int] | None
    numbers: int  # in bodies that were encoded
    troubles: tuple[str, ...]


def read_smtp(orig: bytes, resp: bytes) -> SmtpSeen:
    """Follow the client's commands with the server's replies beside them.

    Commands may be sent before their predecessors are answered (pipelining): replies come in the same order.
    Where the server was not recorded, it is taken to agree, and that is told as a trouble.
    """
    walk = _Walk(orig, resp)
    walk.run()
    return SmtpSeen(
        dialogue=DialogueSeen(
            messages=tuple(walk.messages), encrypted=walk.inside is not None, refused=walk.refused
        ),
        inside=walk.inside,
        numbers=walk.numbers,
        troubles=tuple(sorted(walk.troubles)),
    )


@dataclass(slots=True, repr=False)
class _Walk:
    orig: bytes
    resp: bytes
    messages: list[MailSeen] = field(default_factory=list)
    refused: int = 0
    inside: tuple[int, int] | None = None
    numbers: int = 0
    troubles: set[str] = field(default_factory=set)
    _at: int = 0
    _replies: Replies = field(default_factory=lambda: Replies(b""))
    _chunks: list[bytes] = field(default_factory=list)
    _chunk_refused: bool = False
    _recipients: int = 0
    _is_local: bool = False  # LMTP answers once for each recipient (RFC 2033 section 4.2)
    _lines: int = MOST_LINES

    def run(self) -> None:
        self._replies = Replies(self.resp)
        self._replies.take()  # the greeting
        if not self.resp:
            self.troubles.add("answer-unseen")
        for _ in range(_MOST_COMMANDS):
            end = self.orig.find(b"\n", self._at, self._at + _MOST_LINE)
            if end < 0:
                break
            line = self.orig[self._at : end].strip()
            self._at = end + 1
            if not self._command(line):
                break
        else:
            self.troubles.add("beyond")
        if self._chunks:
            self._message(b"".join(self._chunks), None, whole=False)

    def _command(self, line: bytes) -> bool:
        """Take one command; tell whether the dialogue goes on in clear."""
        verb, _, rest = line.partition(b" ")
        verb = verb.upper()
        if verb == b"BDAT":
            return self._chunk(rest.upper().split())
        code = self._replies.take()
        while code == 334 and self._at < len(self.orig):  # RFC 4954: the client answers a challenge
            end = self.orig.find(b"\n", self._at, self._at + _MOST_LINE)
            if end < 0:
                return False
            self._at = end + 1
            code = self._replies.take()
        if verb == b"DATA":
            return self._data(code)
        if verb == b"STARTTLS" and (code == 220 or (code is None and self._next_is_tls())):
            self.inside = self._at, self._replies.at
            return False
        self._is_local = self._is_local or verb == b"LHLO"
        if verb == b"RCPT":
            self._recipients += code is not None and 200 <= code < 300
        elif verb in {b"MAIL", b"RSET", b"HELO", b"EHLO", b"LHLO"}:
            self._recipients = 0
            self._chunks, self._chunk_refused = [], False
        return True

    def _data(self, code: int | None) -> bool:
        if code is not None and code != 354:
            self.refused += 1
            return True
        if code is None:
            self.troubles.add("answer-unseen")
        end = self.orig.find(_END, self._at - 2)
        if end < 0:
            self._message(self.orig[self._at :], None, whole=False)
            return False
        content = self.orig[self._at : max(end + 2, self._at)]
        self._at = end + len(_END)
        self._message(_unstuffed(content), self._verdict())
        return True

    def _chunk(self, told: list[bytes]) -> bool:
        if not told or not told[0].isdigit() or len(told[0]) > 12:
            self._replies.take()
            return True
        size = int(told[0])
        chunk = self.orig[self._at : self._at + size]
        self._chunks.append(chunk)
        self._at += size
        if len(chunk) < size:
            return False
        is_last = told[1:] == [b"LAST"]
        code = self._verdict() if is_last else self._replies.take()
        self._chunk_refused = self._chunk_refused or (code is not None and code >= 400)
        if is_last:
            content, self._chunks = b"".join(self._chunks), []
            self._message(content, 554 if self._chunk_refused else code)
            self._chunk_refused = False
        return True

    def _verdict(self) -> int | None:
        """Take the reply, or the replies, to the end of a message; one recipient who accepts is enough."""
        codes = [self._replies.take() for _ in range(self._recipients if self._is_local else 1)]
        return min((code for code in codes if code is not None), default=None)

    def _message(self, content: bytes, code: int | None, *, whole: bool = True) -> None:
        if code is not None and code >= 400:
            self.refused += 1
            return
        if code is None and whole:
            self.troubles.add("answer-unseen")
        if not whole:
            self.troubles.add("mail-cut")
        if len(self.messages) == _MOST_MESSAGES:
            self.troubles.add("beyond")
            return
        read = read_mail(content, whole=whole, most_lines=self._lines)
        self._lines -= read.lines
        self.messages.append(read.mail)
        self.numbers += read.numbers
        self.troubles.update(read.troubles)

    def _next_is_tls(self) -> bool:
        return self.orig[self._at : self._at + 2] == b"\x16\x03"


def _unstuffed(content: bytes) -> bytes:
    """Remove the dot that a client puts before a line that begins with one (RFC 5321 section 4.5.2)."""
    content = content[1:] if content.startswith(b".") else content
    return content.replace(b"\r\n.", b"\r\n")
