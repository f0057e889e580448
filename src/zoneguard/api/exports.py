"""What the use cases begin with: the policy that is found, and exports that are read."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from zoneguard.errors import InputRefusedError, why
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.firewall.model import ParseResult
    from zoneguard.policy.model import Policy


MOST_FAULTS = 20  # told of one export; the number of lines tells the rest


class ExportRead(NamedTuple):
    """One export: what it said, its size in octets and its SHA-256."""

    result: ParseResult
    size: int
    sha256: str

    @property
    def is_inconclusive(self) -> bool:
        """Tell whether something that could bear on a packet was not understood."""
        from zoneguard.firewall.model import LineState

        return bool(self.result.faults) or LineState.UNKNOWN in self.result.states

    def doubts(self) -> Iterator[Text]:
        """Yield what was not understood: the first faults with their places, then how many lines there are."""
        from zoneguard.firewall.model import LineState

        for fault in self.result.faults[:MOST_FAULTS]:
            place = fault.place
            yield Text(
                ja=f"{place.file}:{place.line} {fault.message.ja}",
                en=f"{place.file}:{place.line} {fault.message.en}",
            )
        faulted = {fault.place.line for fault in self.result.faults}
        unknown = {at for at, state in enumerate(self.result.states, 1) if state is LineState.UNKNOWN}
        lines = sorted(faulted | unknown)
        if not lines:
            return
        first = ", ".join(map(str, lines[:10])) + (", …" if len(lines) > 10 else "")
        yield Text(
            ja=f"{self.result.file}: 読み取れなかった行が {len(lines):,} 行あります（{first}）。"
            "これらの行しだいで通る通信が変わり得るため、結論は確定しません。",
            en=f"{self.result.file}: lines not understood: {len(lines):,} ({first}). They may change what passes, so "
            "this is not conclusive.",
        )


def discover_policy() -> Path:
    """Find zones.yaml in this folder or above; raises InputRefusedError when there is none."""
    from zoneguard.policy.load import find_policy

    found = find_policy(Path.cwd())
    if found is None:
        raise InputRefusedError(
            Text(
                ja="zones.yamlがこのフォルダーにも上のフォルダーにもありません。--policyで指定するか、"
                "「zoneguard policy init --model alpha」で作ってください。",
                en="There is no zones.yaml in this folder or above; give one with --policy, or make one with "
                "`zoneguard policy init --model alpha`.",
            )
        )
    return found


def export_format(path: Path, policy: Policy) -> str | None:
    """Name the format of an export: as the policy declares it for this file, else by content; None for neither."""
    from zoneguard.firewall.parse import HEAD, format_of

    for device in policy.devices:
        if device.file is not None and device.format is not None and path.match(device.file):
            return device.format
    try:
        with path.open("rb") as file:
            found = format_of(file.read(HEAD))
    except OSError:
        return None
    return found.name if found else None


def read_export(path: Path, policy: Policy) -> ExportRead:
    """Read one export. Raises InputRefusedError when it cannot be opened or is of no known format."""
    from zoneguard.firewall.parse import parse

    try:
        octets = path.read_bytes()
    except OSError as error:
        raise InputRefusedError(
            Text(
                ja=f"{path}: 開けません（{why(error).ja}）。パスと読み取りの権限を確かめてください。",
                en=f"{path}: cannot be opened ({why(error).en}); check the path and the permission to read it.",
            )
        ) from error
    result = parse(str(path), octets, format_name=export_format(path, policy))
    return ExportRead(result, len(octets), hashlib.sha256(octets).hexdigest())


def read_exports(paths: Sequence[str], policy: Policy) -> tuple[ExportRead, ...]:
    """Read exports, and every export in the folders named. Raises InputRefusedError with every fault at once."""
    faults: list[Text] = []
    read: list[ExportRead] = []
    for path in map(Path, paths):
        inner = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
        for one in inner:
            if path.is_dir() and export_format(one, policy) is None:
                continue
            try:
                read.append(read_export(one, policy))
            except InputRefusedError as error:
                faults += error.faults
    if not read and not faults:
        listed = ", ".join(paths)
        faults.append(
            Text(
                ja=f"{listed}: ファイアウォールやルータの設定が見つかりません。設定のファイルを指定してください。",
                en=f"{listed}: no export of a firewall or router was found; give the file of one.",
            )
        )
    if faults:
        raise InputRefusedError(*faults)
    return tuple(read)
