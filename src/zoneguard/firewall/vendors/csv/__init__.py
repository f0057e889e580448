"""Lists of permitted traffic kept by hand or exported by a console, as comma-separated values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.firewall.format import Format
from zoneguard.firewall.vendors.csv.table import header_in
from zoneguard.firewall.vendors.csv.words import Column
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset


def _recognises(head: str) -> int:
    header = header_in(head.splitlines())
    if header is None:
        return 0
    return 80 if Column.ACTION in header.columns else 60


def _parse(export: Export) -> tuple[Ruleset, ...]:
    from zoneguard.firewall.vendors.csv.parse import parse

    return parse(export)


FORMAT = Format(
    name="csv",
    title=Text(ja="通信許可一覧（CSV）", en="List of permitted traffic (CSV)"),
    recognises=_recognises,
    parse=_parse,
)
