"""JSON by HTTP POST: one request a message, delivered when the answer is 2xx."""

from __future__ import annotations

import ssl
from http.client import HTTPException
from typing import TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

from zoneguard import __version__
from zoneguard.errors import InputRefusedError, ZoneGuardError, why
from zoneguard.sensor.sinks.base import SinkUnavailable
from zoneguard.sensor.sinks.document import document, one_line
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo
    from http.client import HTTPMessage
    from pathlib import Path
    from typing import IO

    from zoneguard.sensor.sinks.base import Outgoing

_LONGEST_RETRY_AFTER = 86_400.0


class Webhook:
    """Posts each message to one URL with its key in `Idempotency-Key`.

    TLS is verified (against `ca`, else the system's); no redirect is followed and no proxy of the environment
    used. `token` gives what goes into `Authorization: Bearer` and is asked anew for each message. Raises
    InputRefusedError for a URL that is neither http nor https.
    """

    def __init__(
        self,
        url: str,
        *,
        zone: tzinfo,
        timeout: float = 10,
        ca: Path | None = None,
        token: Callable[[], str] | None = None,
    ) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise InputRefusedError(
                Text(
                    ja="Webhook の URL は https:// または http:// で始まり、サーバー名を含む必要があります。",
                    en="The URL of a webhook must begin with https:// or http:// and name a server.",
                )
            )
        self._url = url
        self._zone = zone
        self._timeout = timeout
        self._ca = ca
        self._token = token

    def deliver(self, messages: Sequence[Outgoing]) -> None:
        """Post messages in order, each after the one before it was taken."""
        try:
            opener = _opener(self._ca)
        except OSError as error:
            raise SinkUnavailable(f"{self._ca}: {why(error).en}") from error
        for done, message in enumerate(messages):
            self._post(opener, message, done)

    def close(self) -> None:
        """Nothing is held between deliveries."""

    def _post(self, opener: OpenerDirector, message: Outgoing, done: int) -> None:
        try:
            with opener.open(self._request(message), timeout=self._timeout) as answer:
                status = int(answer.status)
        except HTTPError as error:
            with error:
                raise SinkUnavailable(
                    f"{self._shown()} answered {error.code}",
                    delivered=done,
                    retry_after=_retry_after(error.headers.get("Retry-After")),
                ) from error
        except (URLError, HTTPException, OSError, ValueError, ZoneGuardError) as error:
            reason = getattr(error, "reason", None) or error
            said = " ".join(str(reason).split()) or type(error).__name__
            raise SinkUnavailable(f"{self._shown()}: {said}", delivered=done) from error
        if not 200 <= status < 300:
            raise SinkUnavailable(f"{self._shown()} answered {status}", delivered=done)

    def _request(self, message: Outgoing) -> Request:
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": f"zoneguard/{__version__}",
            "Idempotency-Key": message.key.encode("ascii", "backslashreplace").decode(),
        }
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token().strip()}"
        body = one_line(document(message, self._zone)).encode("utf-8", "backslashreplace")
        return Request(self._url, data=body, headers=headers, method="POST")  # noqa: S310 - see _opener

    def _shown(self) -> str:
        """Write the URL without what may be secret in it."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"


class _NoRedirect(HTTPRedirectHandler):
    """A redirected POST would come as a GET without its body, and somewhere nobody named."""

    def redirect_request(  # noqa: PLR0917 - as urllib calls it
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow nothing: the answer counts as a refusal."""


def _opener(ca: Path | None) -> OpenerDirector:
    from urllib.request import HTTPDefaultErrorHandler, HTTPErrorProcessor

    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    opener = OpenerDirector()  # built by hand: no file:, ftp: or data: URLs
    for handler in (
        ProxyHandler({}),
        HTTPHandler(),
        HTTPSHandler(context=context),
        HTTPDefaultErrorHandler(),
        HTTPErrorProcessor(),
        _NoRedirect(),
    ):
        opener.add_handler(handler)
    return opener


def _retry_after(value: str | None) -> float | None:
    """Read seconds; a date is not read, for the receiver's clock is not ours."""
    if value is None or not value.strip().isdecimal():
        return None
    return min(float(value[:9]), _LONGEST_RETRY_AFTER)
