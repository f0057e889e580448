"""Reading sensor.yaml: text → shape → references → Config, with every mistake told at once."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from zoneguard.errors import InputRefusedError
from zoneguard.policy.shaping import file_bytes, shape
from zoneguard.policy.values import suggest
from zoneguard.policy.yamltext import located, read_yaml
from zoneguard.sensor.check import check
from zoneguard.sensor.document import Document
from zoneguard.sensor.resolve import resolve
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from zoneguard.policy.model import Policy
    from zoneguard.sensor.config import Config, Folder, Interface

FILE_NAME = "sensor.yaml"

_START = Text(
    ja="`zoneguard sensor config example` でひな形を表示できます",
    en="`zoneguard sensor config example` shows one to start from",
)
_STAND_INS = {"version": 1, "name": "-", "policy": "-", "watch": {}}


def load_config(path: Path) -> Config:
    """Read a sensor's configuration.

    Raises InputRefusedError with all mistakes, in the order of the file.
    """
    return parse_config(file_bytes(path), str(path))


def parse_config(data: bytes, file: str) -> Config:
    """Read a configuration from bytes; `file` is the name that faults carry and paths are relative to."""
    source = read_yaml(data, file, start=_START)
    if not isinstance(source.value, dict):
        raise InputRefusedError(
            located(
                source.place(()),
                ja=f"センサーの設定は「キー: 値」の組で始まります。{_START.ja}",
                en=f"a sensor's configuration is a mapping of keys to values; {_START.en}",
            )
        )
    shaped = shape(source, Document, stand_ins=_STAND_INS, aside=_aside)
    found = list(shaped.found)
    if shaped.document is not None:
        unread = frozenset(path[0] for path in shaped.aside if path)
        found += check(shaped.document, shaped.rest, unread)
    if found or shaped.document is None:
        ordered = sorted(found, key=lambda entry: entry[0])
        raise InputRefusedError(*dict.fromkeys(text for _, text in ordered))
    return resolve(shaped.document, source, hashlib.sha256(data).hexdigest())


def observation_faults(config: Config, policy: Policy) -> tuple[Text, ...]:
    """Tell which observation points of a configuration the policy does not declare."""
    return tuple(_unknown_points(config, policy))


def _unknown_points(config: Config, policy: Policy) -> Iterator[Text]:
    known = [sensor.id for sensor in policy.sensors]
    watched: list[Interface | Folder] = [*config.interfaces, *config.folders]
    for one in watched:
        if one.sensor in known or one.place is None:
            continue
        near, listed = suggest(one.sensor, known), ", ".join(known)
        if near:
            yield located(
                one.place,
                ja=f"{policy.path} の sensors に「{one.sensor}」はありません。{near} のことですか",
                en=f"sensors: in {policy.path} has no '{one.sensor}'; did you mean '{near}'?",
            )
        elif known:
            yield located(
                one.place,
                ja=f"{policy.path} の sensors に「{one.sensor}」はありません。あるのは {listed} です",
                en=f"sensors: in {policy.path} has no '{one.sensor}'; it has {listed}",
            )
        else:
            yield located(
                one.place,
                ja=f"{policy.path} に sensors がありません。「{one.sensor}」を書き足してください",
                en=f"{policy.path} declares no sensors; add '{one.sensor}' there",
            )


def _aside(path: tuple[str | int, ...], kind: str, turn: int) -> tuple[str | int, ...]:
    """Choose what to set aside for an error: the unknown key alone, else the output or entry it stands in."""
    if turn == 0 and kind == "extra_forbidden":
        return path
    match path:
        case ("outputs", str(name), *_):
            return ("outputs", name)
        case ("watch", str(part), int(index), *_):
            return ("watch", part, index)
        case _:
            return path[:1]
