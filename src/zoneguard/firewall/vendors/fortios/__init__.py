"""Fortinet FortiGate: `show`, `show full-configuration` and backups of FortiOS 5.0 to 7.6."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset

_HEAD = re.compile(r"(?m)^#config-version=F(?:G|W|O)\S*?-(\d+)\.(\d+)\.(\d+)-")
_BLOCK = re.compile(
    r"(?m)^\s*config (?:firewall (?:policy6?|address6?|addrgrp|vip)|system (?:interface|zone)|vdom|global)\s*$"
)
_EDIT = re.compile(r"(?m)^\s*edit \S")
_SET = re.compile(r"(?m)^\s*set \S+ ")


def _recognises(head: str) -> int:
    if _HEAD.search(head):
        return 100
    if _BLOCK.search(head) and _EDIT.search(head) and _SET.search(head):
        return 85
    return 0


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.fortios.parse import parse

    return parse(export)


FORMAT = Format(
    name="fortios",
    title=Text(ja="Fortinet FortiGate（FortiOS）", en="Fortinet FortiGate (FortiOS)"),
    recognises=_recognises,
    parse=_parse,
)
