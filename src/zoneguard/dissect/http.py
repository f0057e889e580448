"""HTTP/1 in clear: what was asked, of whom, and what a proxy answered (RFC 9112, RFC 9110)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoneguard.dissect.hostname import host_and_port
from zoneguard.dissect.record import ProxySeen, WebSeen

if TYPE_CHECKING:
    from collections.abc import Mapping

_REQUEST = re.compile(rb"([A-Z][A-Z_-]{1,19}) ([^ \r\n]{1,8192}) HTTP/1\.[01]\r?\n")
_ANSWER = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})[ \r\n]")
_ABSOLUTE = re.compile(rb"(http|https|ftp|ws|wss)://([^/?#]{1,512})", re.IGNORECASE)
_UPGRADE = re.compile(r"[a-z0-9.-]{1,16}(?:/[0-9.]{1,8})?")
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_PORTS = {b"http": 80, b"https": 443, b"ftp": 21, b"ws": 80, b"wss": 443}
_REFUSALS = frozenset({403, 405, 407, 502, 503, 504})
_MOST_HEAD = 1 << 16
_MOST_TURNS = 256  # requests of one connection that are read
_MOST_OTHERS = 64
_MOST_CHUNKS = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSeen:
    """What a connection in clear HTTP told, and where each side went on in another protocol."""

    web: WebSeen | None
    proxy: ProxySeen | None
    inside: tuple[int, int] | None = None  # offsets behind a CONNECT that was not refused
    trouble: str | None = None


def is_http(orig: bytes, resp: bytes) -> bool:
    """Tell whether a connection opens as HTTP does."""
    asked = _REQUEST.match(orig) is not None or orig.startswith(_PREFACE)
    return asked or (not orig and _ANSWER.match(resp) is not None)


def read_http(orig: bytes, resp: bytes) -> HttpSeen:
    """Read requests and answers in turn until one of them cannot be followed.

    A CONNECT that is refused may be followed by another, with credentials (RFC 9110 section 11.7). Of
    absolute request targets, which proxies are asked with, each further host is kept too.
    """
    if orig.startswith(_PREFACE):  # HTTP/2 without TLS: its requests are compressed (RFC 7541)
        return HttpSeen(web=None, proxy=None, trouble="not-understood")
    web: WebSeen | None = None
    asked = answered = 0
    proxies: list[ProxySeen] = []
    for _ in range(_MOST_TURNS):
        request = _head(orig, asked, _REQUEST)
        if request is None:
            return _seen(web, proxies, trouble="broken" if asked < len(orig) and web is not None else None)
        answer, answered, behind = _answer(resp, answered, request)
        status = answer.status if answer else None
        method = request.match.group(1)
        proxy = _proxied(method, request.match.group(2), status)
        if proxy is not None and (proxy.host, proxy.port) not in {(one.host, one.port) for one in proxies}:
            proxies.append(proxy)
        elif proxy is not None:
            proxies = [proxy if (one.host, one.port) == (proxy.host, proxy.port) else one for one in proxies]
        web = web or _web(request)
        if method == b"CONNECT" and (status is None or 200 <= status < 300):
            trouble = None if status else "answer-unseen"
            return HttpSeen(web=web, proxy=proxy, inside=(request.end, behind), trouble=trouble)
        if status == 101:
            return _seen(web, proxies)
        length = _length(orig, request)
        if length is None:
            return _seen(web, proxies, trouble="broken")
        asked = length
        if asked >= len(orig):
            break
    return _seen(web, proxies, trouble="beyond" if asked < len(orig) else None)


@dataclass(frozen=True, slots=True, repr=False)
class _Head:
    match: re.Match[bytes]
    fields: Mapping[str, bytes]  # the first of each name, in lower case
    end: int

    @property
    def status(self) -> int:
        return int(self.match.group(1))


def _head(octets: bytes, at: int, form: re.Pattern[bytes]) -> _Head | None:
    """Read a start line and its fields, as far as they are there."""
    match = form.match(octets, at)
    if match is None:
        return None
    limit = min(len(octets), at + _MOST_HEAD)
    end = octets.find(b"\r\n\r\n", at, limit)
    size = 4
    if end < 0:
        end, size = octets.find(b"\n\n", at, limit), 2
    if end < 0:
        end, size = limit, 0
    fields: dict[str, bytes] = {}
    for line in octets[at:end].splitlines()[1:]:
        name, colon, value = line.partition(b":")
        if colon and name.isascii():
            fields.setdefault(name.decode("ascii").strip().lower(), value.strip())
    return _Head(match, fields, end + size)


def _answer(resp: bytes, at: int, request: _Head) -> tuple[_Head | None, int, int]:
    """Give the final answer to a request, where the next one begins, and where its head ends."""
    for _ in range(8):
        head = _head(resp, at, _ANSWER)
        if head is None:
            return None, len(resp), at
        if 100 <= head.status < 200 and head.status != 101:
            at = head.end
            continue
        bare = request.match.group(1) == b"HEAD" or head.status in {204, 304}
        closing = "content-length" not in head.fields and "transfer-encoding" not in head.fields
        if bare:
            return head, head.end, head.end
        following = len(resp) if closing else _length(resp, head)
        return head, len(resp) if following is None else following, head.end
    return None, len(resp), at


def _length(octets: bytes, head: _Head) -> int | None:
    """Give where a message ends (RFC 9112 section 6.3); None where that cannot be told."""
    if b"chunked" in head.fields.get("transfer-encoding", b"").lower():
        return _behind_chunks(octets, head.end)
    told = head.fields.get("content-length", b"0")
    return head.end + int(told) if told.isdigit() and len(told) < 16 else None


def _behind_chunks(octets: bytes, at: int) -> int | None:
    for _ in range(_MOST_CHUNKS):
        line = octets.find(b"\r\n", at, at + 1024)
        size = octets[at:line].split(b";")[0].strip() if line >= 0 else b""
        if not re.fullmatch(rb"[0-9A-Fa-f]{1,12}", size):
            return None
        at = line + 2 + int(size, 16) + 2
        if int(size, 16) == 0:
            return at
        if at > len(octets):
            return len(octets)
    return None


def _proxied(method: bytes, target: bytes, status: int | None) -> ProxySeen | None:
    accepted = None if status is None else status not in _REFUSALS
    if method == b"CONNECT":
        found = host_and_port(target, 443)
        accepted = None if status is None else 200 <= status < 300
        return found and ProxySeen(how="connect", host=found[0], port=found[1], accepted=accepted)
    absolute = _ABSOLUTE.match(target)
    if absolute is None:
        return None
    authority = absolute.group(2).rpartition(b"@")[2]
    found = host_and_port(authority, _PORTS[absolute.group(1).lower()])
    return found and ProxySeen(how="absolute", host=found[0], port=found[1], accepted=accepted)


def _web(request: _Head) -> WebSeen:
    named = host_and_port(request.fields.get("host", b""), 80)
    upgrade = request.fields.get("upgrade", b"").decode("latin-1").split(",")[0].strip().lower()
    return WebSeen(
        method=request.match.group(1).decode("ascii"),
        host=named[0] if named else None,
        upgrade=upgrade if _UPGRADE.fullmatch(upgrade) else None,
    )


def _seen(web: WebSeen | None, proxies: list[ProxySeen], trouble: str | None = None) -> HttpSeen:
    if not proxies:
        return HttpSeen(web=web, proxy=None, trouble=trouble)
    first, *others = proxies
    more = tuple((one.host, one.port) for one in others[:_MOST_OTHERS])
    first = ProxySeen(how=first.how, host=first.host, port=first.port, accepted=first.accepted, others=more)
    return HttpSeen(web=web, proxy=first, trouble=trouble)
