"""Every format that is read, sorted by name; one module each, and none imports another."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.model import Ruleset
    from zoneguard.text import Text


class Format(NamedTuple):
    """One format of exports.

    `recognises` takes the first 64 KiB as text and gives how sure it is, 0 (not this format) to 100. `parse`
    marks every line of the export and gives one ruleset for each (virtual) device in it; it raises
    InputRefusedError only when the file as a whole is broken, and nothing else, whatever the bytes.
    """

    name: str
    title: Text
    recognises: Callable[[str], int]
    parse: Callable[[Export], tuple[Ruleset, ...]]


# Each of them needs Format, so it stands above.
from zoneguard.firewall.vendors.iptables import FORMAT as IPTABLES  # noqa: E402
from zoneguard.firewall.vendors.nftables import FORMAT as NFTABLES  # noqa: E402

FORMATS: tuple[Format, ...] = (IPTABLES, NFTABLES)
