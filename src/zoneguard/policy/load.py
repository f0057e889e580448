"""Reading zones.yaml: text → shape → references → Policy, with every mistake told at once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from zoneguard.errors import InputRefusedError, why
from zoneguard.policy.check import check
from zoneguard.policy.complaints import complaints, path_of
from zoneguard.policy.document import Document
from zoneguard.policy.resolve import resolve
from zoneguard.policy.yamltext import located, read_yaml, without
from zoneguard.text import Text

if TYPE_CHECKING:
    from pathlib import Path

    from zoneguard.policy.check import Found
    from zoneguard.policy.model import Policy
    from zoneguard.policy.yamltext import Source

FILE_NAME = "zones.yaml"

_ROUNDS = 4  # how often the unreadable is set aside to look for mistakes in the rest
_WHOLE_ROWS = {"zones", "gateways", "flows", "sensors", "devices", "noise", "waivers", "separations"}
_STAND_INS = {"version": 1, "organization": {"ja": "—", "en": "-"}, "model": "custom"}


def load_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises InputRefusedError with all mistakes, in the order of the file.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = why(error)
        raise InputRefusedError(
            Text(
                ja=f"{path}: 開けません（{reason.ja}）。パスと権限を確認してください。",
                en=f"{path}: cannot be opened ({reason.en}); check the path and its permissions.",
            )
        ) from None
    return parse_policy(data, str(path))


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
    document, rest, found, whole = _shape(source)
    if document is not None:
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


def _shape(source: Source) -> tuple[Document | None, Source, list[Found], bool]:
    """Validate, setting aside what is unreadable so that the rest can be checked too.

    Gives the document, the source it was read from, the faults, and whether all zones are in it.
    """
    found: list[Found] = []
    value, whole = source.value, True
    for turn in range(_ROUNDS):
        try:
            return Document.model_validate(value), source, found, whole
        except ValidationError as error:
            if turn == 0:
                found = complaints(error, source)
            details = error.errors(include_url=False)
            paths = {_aside(path_of(detail), detail["type"], turn) for detail in details}
        whole = whole and not any(path[:1] == ("zones",) for path in paths)
        source = without(source, [path for path in paths if path])
        value = _STAND_INS | source.value
    return None, source, found, whole


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
