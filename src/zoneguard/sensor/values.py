"""The scalars of sensor.yaml: sizes, times of cron, paths, hosts, URLs, secrets, each with its JSON Schema."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import PlainValidator, WithJsonSchema

from zoneguard.policy.values import SPAN, fault, seconds_of
from zoneguard.sensor.config import Secret
from zoneguard.sensor.schedule import is_cron

_SIZE = re.compile(r"([1-9][0-9]{0,6})(KiB|MiB|GiB|TiB)", re.ASCII)
_SHIFT = {"KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}\.?)+", re.ASCII)
_MAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,253}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_INTERFACE = re.compile(
    r"(?!\.{1,2}\Z)[^\s/:]{1,15}", re.ASCII
)  # as the Linux kernel has it (dev_valid_name)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}", re.ASCII)
_LOOPBACK = {"localhost"}


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() in _LOOPBACK


def _size(value: object) -> int:
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise fault(
            ja=f"「{_shown(value)}」は大きさではありません。64MiB、2GiB のように書いてください",
            en=f"'{_shown(value)}' is not a size; write it like 64MiB or 2GiB",
        )
    return int(found[1]) << _SHIFT[found[2]]


def _kept(value: object) -> int:
    if value == "none":
        return 0
    seconds = seconds_of(value)
    if seconds is None:
        raise fault(
            ja=f"「{_shown(value)}」は期間ではありません。30d、52w のように、残さないなら none と書いてください",
            en=f"'{_shown(value)}' is not a time to keep something; write it like 30d or 52w, or none",
        )
    return seconds


def _cron(value: object) -> str:
    if not isinstance(value, str) or not is_cron(value):
        raise fault(
            ja=f'「{_shown(value)}」はcronの時刻ではありません。分 時 日 月 曜日 の順に "30 8 * * 1-5" のように書いてください',
            en=f"'{_shown(value)}' is not a time of cron; write minute, hour, day, month and weekday "
            'like "30 8 * * 1-5"',
        )
    return value


def _path(value: object) -> Path:
    if not isinstance(value, str) or not value.isprintable() or not 1 <= len(value) <= 4096:
        raise fault(
            ja="パスは、制御文字を含まない文字列で書いてください",
            en="a path is written as text without control characters",
        )
    return Path(value)


def _host(value: object) -> str:
    if isinstance(value, str):
        try:
            return str(ip_address(value))
        except ValueError:
            if _HOST.fullmatch(value):
                return value
    raise fault(
        ja=f"「{_shown(value)}」はホスト名でもアドレスでもありません。192.0.2.10 のように書いてください",
        en=f"'{_shown(value)}' is neither a host name nor an address; write it like 192.0.2.10",
    )


def _interface(value: object) -> str:
    if not isinstance(value, str) or not _INTERFACE.fullmatch(value):
        raise fault(
            ja=f"「{_shown(value)}」はインターフェース名ではありません。eth1 のように15字以内で書いてください",
            en=f"'{_shown(value)}' is not the name of an interface; write it like eth1, in up to 15 characters",
        )
    return value


def _name(value: object) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise fault(
            ja=f"「{_shown(value)}」は名前に使えません。英数字で始まる、英数字と . _ - の63字以内にしてください",
            en=f"'{_shown(value)}' cannot be a name; use up to 63 letters, digits and . _ -, "
            "beginning with a letter or digit",
        )
    return value


def _mail(value: object) -> str:
    if not isinstance(value, str) or not _MAIL.fullmatch(value):
        raise fault(
            ja=f"「{_shown(value)}」はメールアドレスではありません。soc@example.jp のように書いてください",
            en=f"'{_shown(value)}' is not a mail address; write it like soc@example.jp",
        )
    return value


def _web_url(value: object) -> str:
    parts = _split(value)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise fault(
            ja="URLは https://soc.example.jp/zoneguard のように書いてください",
            en="a URL is written like https://soc.example.jp/zoneguard",
        )
    if parts.username is not None or parts.password is not None:
        raise fault(
            ja="URLに利用者名やパスワードを書かないでください。token に {file: …} か {environment: …} で指定します",
            en="no user or password in the URL; give a token as {file: …} or {environment: …}",
        )
    return str(value)


def _store_url(value: object) -> str:
    parts = _split(value)
    schemes = {"sqlite", "postgresql"}
    if parts is None or parts.scheme not in schemes or (parts.scheme == "postgresql" and not parts.path[1:]):
        raise fault(
            ja="データベースのURLは sqlite:///findings.db または postgresql://zoneguard@db.example.jp/zoneguard のように書いてください",
            en="a database URL is written like sqlite:///findings.db or "
            "postgresql://zoneguard@db.example.jp/zoneguard",
        )
    if parts.password is not None or "password" in parts.query.lower():
        raise fault(
            ja="URLにパスワードを書かないでください。store.password に {file: …} か {environment: …} で指定します",
            en="no password in the URL; give store.password as {file: …} or {environment: …}",
        )
    return str(value)


def _secret(value: object) -> Secret:
    """Read where a secret stands. What was written is never repeated: it may be the secret."""
    match value:
        case {"file": str(file), **rest} if file and not rest:
            return Secret(file=Path(file))
        case {"environment": str(name), **rest} if _VARIABLE.fullmatch(name) and not rest:
            return Secret(environment=name)
    raise fault(
        ja="秘密の値はここに書きません。{file: /etc/zoneguard/token} か {environment: ZONEGUARD_TOKEN} のどちらかで指定してください",
        en="a secret is not written here; give it as {file: /etc/zoneguard/token} or "
        "{environment: ZONEGUARD_TOKEN}",
    )


def _split(value: object) -> SplitResult | None:
    if not isinstance(value, str) or not value.isprintable() or " " in value or len(value) > 2000:
        return None
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises when it is no port
    except ValueError:
        return None
    return parts


def _shown(value: object) -> str:
    return str(value)[:60]


SizeText = Annotated[
    int,
    PlainValidator(_size),
    WithJsonSchema(
        {"type": "string", "pattern": "^[1-9][0-9]{0,6}(KiB|MiB|GiB|TiB)$", "examples": ["64MiB"]}
    ),
]
KeptText = Annotated[
    int, PlainValidator(_kept), WithJsonSchema({"type": "string", "pattern": f"^(none|{SPAN})$"})
]
CronText = Annotated[
    str, PlainValidator(_cron), WithJsonSchema({"type": "string", "examples": ["30 8 * * 1-5"]})
]
PathText = Annotated[Path, PlainValidator(_path), WithJsonSchema({"type": "string", "minLength": 1})]
HostText = Annotated[
    str, PlainValidator(_host), WithJsonSchema({"type": "string", "examples": ["192.0.2.10"]})
]
InterfaceText = Annotated[
    str, PlainValidator(_interface), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 15})
]
NameText = Annotated[
    str,
    PlainValidator(_name),
    WithJsonSchema({"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"}),
]
MailText = Annotated[str, PlainValidator(_mail), WithJsonSchema({"type": "string", "format": "email"})]
WebUrlText = Annotated[str, PlainValidator(_web_url), WithJsonSchema({"type": "string", "format": "uri"})]
StoreUrlText = Annotated[str, PlainValidator(_store_url), WithJsonSchema({"type": "string", "format": "uri"})]
SecretText = Annotated[
    Secret,
    PlainValidator(_secret),
    WithJsonSchema(
        {
            "type": "object",
            "properties": {"file": {"type": "string"}, "environment": {"type": "string"}},
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
        }
    ),
]
