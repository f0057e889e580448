"""What a format of exports is to the rest: a name, a way to be recognised, and a parser."""

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

    `parse` imports its reader as it is called: a run reads one format or two, and all readers take 0.07 s.
    """

    name: str
    title: Text
    recognises: Callable[[str], int]
    parse: Callable[[Export], tuple[Ruleset, ...]]
