"""Reading zones.yaml: text → shape → references → Policy, with every mistake told at once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from zoneguard.errors import InputRefusedError
from zoneguard.policy.check import check
from zoneguard.policy.document import Document
from zoneguard.policy.resolve import resolve
from zoneguard.policy.shaping import file_bytes, shape
from zoneguard.policy.yamltext import located, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from zoneguard.policy.model import Policy
    from zoneguard.policy.yamltext import Source

FILE_NAME = "zones.yaml"

_WHOLE_ROWS = {"zones", "gateways", "flows", "sensors", "devices", "noise", "waivers", "separations"}
_STAND_INS = {"version": 1, "organization": {"ja": "—", "en": "-"}, "model": "custom"}


def load_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises InputRefusedError with all mistakes, in the order of the file.
    """
    return parse_policy(file_bytes(path), str(path))


def parse_policy(data: bytes, file: str) -> Policy:
    """Read a policy from bytes; `file` is the name that faults and places carry."""
    source = read_yaml(data, file)
    if not isinstance(source.value, dict):
        raise InputRefusedError(
            located(
                source.place(()),
                ja="ポリシーは「キー: 値」の組で始まります。`zoneguard policy init` のひな形を見てください",
                en="a policy is a mapping of keys to values; see what `zoneguard policy init` writes",
            )
        )
    names = {key: _names(source, key) for key in ("zones", "gateways", "sensors")}
    shaped = shape(source, Document, stand_ins=_STAND_INS, aside=_aside)
    document, rest, found = shaped.document, shaped.rest, list(shaped.found)
    if document is not None:
        whole = not any(path[:1] == ("zones",) for path in shaped.aside)
        found += check(document, rest, names, whole=whole)
    if found or document is None:
        ordered = sorted(found, key=lambda entry: entry[0])
        raise InputRefusedError(*dict.fromkeys(text for _, text in ordered))
    return resolve(document, rest, hashlib.sha256(data).hexdigest())


def find_policy(start: Path) -> Path | None:
    """Find zones.yaml in a folder or the nearest one above it."""
    folder = start.resolve()
    return next(
        (file for parent in (folder, *folder.parents) if (file := parent / FILE_NAME).is_file()),
        None,
    )


def _aside(path: tuple[str | int, ...], kind: str, turn: int) -> tuple[str | int, ...]:
    """Choose what to set aside for an error: as little as leaves the rest meaning what it says."""
    if turn == 0 and (kind == "extra_forbidden" or (path[:1] == ("flows",) and kind != "missing")):
        return path
    if path and path[0] in _WHOLE_ROWS:
        return path[:4] if path[0] == "zones" and path[2:3] == ("segments",) and turn < 2 else path[:2]
    return path[:1]


def _names(source: Source, key: str) -> frozenset[str]:
    """Give the names a part declares, readable or not, so that one mistake does not cause others."""
    part = source.value.get(key)
    return frozenset(part) if isinstance(part, dict) else frozenset()
