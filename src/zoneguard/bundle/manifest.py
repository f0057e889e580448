"""The list of a bundle: every file with its size and SHA-256, the inputs, and where each evidence frame came from."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from zoneguard.report.harmless import harmless_json_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA: Final = "zoneguard.bundle/1"
MANIFEST: Final = "manifest.json"
SUMS: Final = "SHA256SUMS"
EVIDENCE: Final = "evidence.pcapng"
REPORT: Final = "report.json"
POLICY: Final = "policy.yaml"

_SUM: Final = re.compile(r"([0-9a-f]{64})  ([^\n/]+)")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file of the bundle, or an input that the run was made from; `sha256` None where none was taken."""

    path: str
    size: int
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameListed:
    """A frame of the evidence capture, and the frame of an input that it is the header of (numbers from 1)."""

    frame: int
    file: str
    original: int
    time: str  # ISO 8601, in the time zone of the policy


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameMissing:
    """A packet behind a finding that is not in the evidence capture; `reason` is one of `evidence.REASONS`."""

    file: str
    original: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the bundle says of itself."""

    version: str  # of ZoneGuard
    created: str
    pseudonymised: bool
    files: tuple[Listed, ...]
    inputs: tuple[Listed, ...]
    frames: tuple[FrameListed, ...]
    missing: tuple[FrameMissing, ...]


def render_manifest(manifest: Manifest) -> bytes:
    """Write a manifest as JSON; the same manifest gives the same octets."""
    document: Json = {
        "schema": SCHEMA,
        "tool": {"name": "zoneguard", "version": manifest.version},
        "created": manifest.created,
        "pseudonymised": manifest.pseudonymised,
        "files": [_listed(one) for one in manifest.files],
        "inputs": [_listed(one) for one in manifest.inputs],
        "evidence": {
            "file": EVIDENCE,
            "frames": [
                {"frame": one.frame, "file": one.file, "original": one.original, "time": one.time}
                for one in manifest.frames
            ],
            "missing": [
                {"file": one.file, "original": one.original, "reason": one.reason} for one in manifest.missing
            ],
        },
    }
    return (harmless_json_lines(json.dumps(document, ensure_ascii=False, indent=1)) + "\n").encode()


def parse_manifest(octets: bytes) -> Manifest:
    """Read a manifest. Raises ValueError when it is none."""
    try:
        document = json.loads(octets)
        if document["schema"] != SCHEMA or document["evidence"]["file"] != EVIDENCE:
            raise ValueError(SCHEMA)
        evidence = document["evidence"]
        return Manifest(
            version=_typed(document["tool"]["version"], str),
            created=_typed(document["created"], str),
            pseudonymised=_typed(document["pseudonymised"], bool),
            files=tuple(_read_listed(one) for one in document["files"]),
            inputs=tuple(_read_listed(one) for one in document["inputs"]),
            frames=tuple(
                FrameListed(
                    frame=_typed(one["frame"], int),
                    file=_typed(one["file"], str),
                    original=_typed(one["original"], int),
                    time=_typed(one["time"], str),
                )
                for one in evidence["frames"]
            ),
            missing=tuple(
                FrameMissing(
                    file=_typed(one["file"], str),
                    original=_typed(one["original"], int),
                    reason=_typed(one["reason"], str),
                )
                for one in evidence["missing"]
            ),
        )
    except (KeyError, TypeError, AttributeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(SCHEMA) from error


def render_sums(files: Mapping[str, bytes]) -> bytes:
    """Write the list that `sha256sum -c` reads (GNU coreutils)."""
    return "".join(f"{digest(octets)}  {name}\n" for name, octets in sorted(files.items())).encode()


def parse_sums(octets: bytes) -> dict[str, str]:
    """Give the SHA-256 of each name. Raises ValueError when a line is no such line, or a name comes twice."""
    sums: dict[str, str] = {}
    for line in octets.decode("utf-8").removesuffix("\n").split("\n"):
        found = _SUM.fullmatch(line)
        if found is None or found[2] in sums:
            raise ValueError(SUMS)
        sums[found[2]] = found[1]
    return sums


def digest(octets: bytes) -> str:
    """Give the SHA-256 in hexadecimal digits."""
    return hashlib.sha256(octets).hexdigest()


def _listed(one: Listed) -> Json:
    return {
        "path": one.path,
        "size": one.size,
        **({"sha256": one.sha256} if one.sha256 is not None else {}),
    }


def _read_listed(value: Json) -> Listed:
    sha256 = value.get("sha256")
    return Listed(
        path=_typed(value["path"], str),
        size=_typed(value["size"], int),
        sha256=_typed(sha256, str) if sha256 is not None else None,
    )


def _typed(value: Any, kind: type) -> Any:  # noqa: ANN401 - what JSON gives
    if type(value) is not kind:
        raise ValueError(SCHEMA)
    return value
