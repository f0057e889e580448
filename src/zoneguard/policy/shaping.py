"""A YAML file held against its shape: what is unreadable is set aside, so that mistakes in the rest are told too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import ValidationError

from zoneguard.errors import InputRefusedError, why
from zoneguard.policy.complaints import complaints, path_of
from zoneguard.policy.document import Shape
from zoneguard.policy.yamltext import without
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from zoneguard.policy.yamltext import Source

    Found = tuple[tuple[int, int], Text]
    Steps = tuple[str | int, ...]

Document = TypeVar("Document", bound=Shape)

_ROUNDS = 4  # how often the unreadable is set aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Shaped(Generic[Document]):
    """What came of a file: its document, if there is one, from the rest of the source, and the faults."""

    document: Document | None
    rest: Source
    found: tuple[Found, ...]
    aside: frozenset[Steps]


def shape(
    source: Source,
    document: type[Document],
    *,
    stand_ins: Mapping[str, Any],
    aside: Callable[[Steps, str, int], Steps],
) -> Shaped[Document]:
    """Validate a source.

    `aside` chooses what to leave out for an error (its path, pydantic's type of it, the round from 0);
    `stand_ins` replace keys that were left out and cannot be missed.
    """
    found: tuple[Found, ...] = ()
    left_out: frozenset[Steps] = frozenset()
    value = source.value
    for turn in range(_ROUNDS):
        try:
            whole = document.model_validate(value)
        except ValidationError as error:
            if turn == 0:
                found = tuple(complaints(error, source, document))
            details = error.errors(include_url=False)
            paths = {aside(path_of(detail), detail["type"], turn) for detail in details}
        else:
            return Shaped(document=whole, rest=source, found=found, aside=left_out)
        left_out |= paths
        source = without(source, [path for path in paths if path])
        value = {**stand_ins, **source.value}
    return Shaped(document=None, rest=source, found=found, aside=left_out)


def file_bytes(path: Path) -> bytes:
    """Read a file; raises InputRefusedError when it cannot be."""
    try:
        return path.read_bytes()
    except OSError as error:
        reason = why(error)
        raise InputRefusedError(
            Text(
                ja=f"{path}: 開けません（{reason.ja}）。パスと権限を確認してください。",
                en=f"{path}: cannot be opened ({reason.en}); check the path and its permissions.",
            )
        ) from None
