"""How a sensor is: a status file that programs read, and a page of it that people read."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoneguard import __version__
from zoneguard.errors import InputRefusedError, MachineLacksError, why
from zoneguard.report.when import iso
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from zoneguard.sensor.counts import Counts
    from zoneguard.sensor.state import State

SCHEMA = "zoneguard.sensor-status/1"

_MOST_BYTES = 10_000_000


def status_of(state: State, counts: Counts, *, pid: int, zone: tzinfo) -> dict[str, Any]:
    """Make the status as plain values; what does not apply is absent."""
    config, now = state.config, state.now
    told: dict[str, Any] = {
        "schema": SCHEMA,
        "version": __version__,
        "written": iso(now.wall if now else 0, zone),
        "pid": pid,
        "started": iso(counts.started, zone),
        "phase": state.phase.value,
        "windows": counts.windows,
        "flows": counts.flows,
        "table": {"rows": counts.table_rows, "room": counts.table_room},
        "interfaces": _interfaces(state, counts),
        "outputs": {name: _spool(counts, name, zone) for name in counts.spools},
        "findings": _findings(counts),
        "disk_low": state.disk_low,
    }
    if config is not None:
        told |= {"name": config.name, "config": {"path": config.path, "sha256": config.sha256}}
        if config.folders:
            told["files"] = {
                "read": counts.files,
                "refused": counts.files_refused,
                "waiting": len(state.queue),
            }
    if config is not None and state.policy is not None:
        told["policy"] = {"path": str(config.policy), "sha256": state.policy.sha256, "period": state.period}
    if state.refused:
        told["refused"] = [{"ja": fault.ja, "en": fault.en} for fault in state.refused]
    if state.outstanding.numbers:
        told["uncommitted"] = _outstanding(state)
    if counts.last_success is not None:
        told["last_success"] = iso(counts.last_success, zone)
    return told


def write_status(path: Path, status: Mapping[str, Any]) -> None:
    """Write the file whole or not at all, readable by others. Raises MachineLacksError."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        draft = Path(name)
        try:
            with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - it is open already
                json.dump(status, file, ensure_ascii=False, indent=2)
                file.write("\n")
                os.fchmod(file.fileno(), 0o644)
            draft.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
    except OSError as error:
        reason = why(error)
        raise MachineLacksError(
            Text(
                ja=f"{path}: 状態を書き込めません（{reason.ja}）。空き容量と権限を確かめてください。",
                en=f"{path}: the status cannot be written ({reason.en}); check space and rights.",
            )
        ) from error


def read_status(path: Path) -> dict[str, Any]:
    """Read a status file. Raises InputRefusedError when there is none, or when it is none."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except FileNotFoundError:
        raise InputRefusedError(
            Text(
                ja=f"{path}: 状態ファイルがありません。センサーが動いているか、`systemctl status zoneguard-sensor` で確かめてください。",
                en=f"{path}: there is no status file; see with `systemctl status zoneguard-sensor` "
                "whether the sensor runs.",
            )
        ) from None
    except OSError as error:
        reason = why(error)
        raise InputRefusedError(
            Text(
                ja=f"{path}: 開けません（{reason.ja}）。パスと権限を確認してください。",
                en=f"{path}: cannot be opened ({reason.en}); check the path and its permissions.",
            )
        ) from None
    try:
        status = json.loads(data)
    except (ValueError, RecursionError):
        status = None
    if not isinstance(status, dict) or status.get("schema") != SCHEMA:
        raise InputRefusedError(
            Text(
                ja=f"{path}: センサーの状態ファイル（{SCHEMA}）ではありません。パスを確かめてください。",
                en=f"{path}: this is no status file of a sensor ({SCHEMA}); check the path.",
            )
        )
    return status


def _interfaces(state: State, counts: Counts) -> list[dict[str, Any]]:
    told = []
    for ear in state.ears:
        name = ear.interface.name
        one: dict[str, Any] = {
            "name": name,
            "sensor": ear.interface.sensor,
            "ring": ear.ring.value,
            "link": ear.link.value,
        }
        if ear.blindness is not None:
            one["blind"] = ear.blindness.value
        if (seen := counts.interfaces.get(name)) is not None:
            one |= {
                "packets": seen.packets,
                "bytes": seen.bytes,
                "dropped": seen.dropped,
                "blind_seconds": round(seen.blind, 3),
            }
        told.append(one)
    return told


def _spool(counts: Counts, name: str, zone: tzinfo) -> dict[str, Any]:
    spool = counts.spools[name]
    told: dict[str, Any] = {"waiting": spool.waiting, "delivered": spool.delivered}
    if spool.oldest is not None:
        told["oldest"] = iso(spool.oldest, zone)
    if spool.last_success is not None:
        told["last_success"] = iso(spool.last_success, zone)
    if spool.failing is not None:
        told["failing"] = spool.failing
    return told


def _findings(counts: Counts) -> dict[str, int]:
    told: dict[str, int] = {}
    for one in counts.findings:
        told[one.severity.value] = told.get(one.severity.value, 0) + one.number
    return told


def _outstanding(state: State) -> dict[str, Any]:
    waiting = state.outstanding
    told: dict[str, Any] = {"windows": len(waiting.numbers), "failed_attempts": waiting.attempts}
    if waiting.reason is not None:
        told["reason"] = {"ja": waiting.reason.ja, "en": waiting.reason.en}
    return told
