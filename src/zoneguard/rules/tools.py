"""Software that needs an approval of its own, as data: how it is told from its traffic."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from zoneguard.dissect.record import Spoken
from zoneguard.policy.services import parse_service
from zoneguard.rules.hostnames import is_below
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.dissect.record import Look
    from zoneguard.policy.model import Service


class Does(StrEnum):
    """What a tool is for."""

    REMOTE_CONTROL = "remote-control"
    FILE_TRANSFER = "file-transfer"
    TUNNEL = "tunnel"
    RESOLVER = "resolver"


WORDS = {
    Does.REMOTE_CONTROL: Text(ja="遠隔操作", en="remote control"),
    Does.FILE_TRANSFER: Text(ja="ファイル転送", en="file transfer"),
    Does.TUNNEL: Text(ja="トンネル", en="tunnelling"),
    Does.RESOLVER: Text(ja="名前解決（DNS over HTTPS）", en="name resolution (DNS over HTTPS)"),
}


_PROXIES = {"connect": "CONNECT", "absolute": "request", "socks4": "SOCKS", "socks5": "SOCKS"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One piece of software and the ways in which it shows itself."""

    name: str
    does: Does
    ports: tuple[Service, ...] = ()
    domains: tuple[str, ...] = ()
    spoken: Spoken | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A tool and what told it."""

    tool: Tool
    by: Text


@cache
def tools() -> tuple[Tool, ...]:
    """Give the table of the package."""
    table = tomllib.loads(files("zoneguard.rules").joinpath("tools.toml").read_text("utf-8"))
    return tuple(
        Tool(
            name=one["name"],
            does=Does(one["does"]),
            ports=tuple(map(parse_service, one.get("ports", ()))),
            domains=tuple(one.get("domains", ())),
            spoken=Spoken(one["spoken"]) if "spoken" in one else None,
        )
        for one in table.values()
    )


def told_by_look(look: Look) -> Told | None:
    """Tell a tool from an opened flow: by the name its client asked for, or by what it speaks."""
    for name, how in asked_names(look):
        for tool in tools():
            if is_below(name, tool.domains):
                return Told(tool=tool, by=Text(ja=f"{how} の名前 {name}", en=f"the name {name} in its {how}"))
    for tool in tools():
        if tool.spoken is not None and look.spoken is tool.spoken:
            return Told(
                tool=tool,
                by=Text(ja="話しているプロトコル", en="the protocol it speaks"),
            )
    return None


def told_by_port(protocol: int, port: int) -> Told | None:
    """Tell a tool from the responder's port alone."""
    for tool in tools():
        for service in tool.ports:
            if service.protocol == protocol and service.ports[0] <= port <= service.ports[1]:
                return Told(tool=tool, by=Text(ja="ポート番号", en="its port number"))
    return None


def asked_names(look: Look) -> tuple[tuple[str, str], ...]:
    """Give the names that a client asked for and where each stood, the most telling first."""
    names: list[tuple[str, str]] = []
    if look.proxy is not None:
        how = _PROXIES[look.proxy.how]
        names += [(host, how) for host in (look.proxy.host, *(host for host, _ in look.proxy.others))]
    if look.tls is not None and look.tls.server_name:
        names.append((look.tls.server_name, "SNI"))
    if look.web is not None and look.web.host:
        names.append((look.web.host, "Host"))
    return tuple(names)
