"""Secrets that are planted, and how they are found again in whatever form an output may write them."""

from __future__ import annotations

import base64
import gzip
import re
import zlib
from pathlib import Path

SECRETS = Path(__file__).parent / "secrets"
STEM = "Kanaria"
_PLACE = re.compile("@hex@|@@")
_PLANTED = re.compile(r"Kanaria\d{3}[A-Za-z]{2}|dead[0-9a-f]{4}beefcafe")


def planted(path: Path) -> str:
    """Give the text of an export with a secret of its own in each place."""
    count = 0

    def secret(found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"dead{count:04x}beefcafe0123456789abcdef" if found[0] == "@hex@" else canary(count)

    return _PLACE.sub(secret, path.read_text(encoding="utf-8"))


def canary(number: int) -> str:
    """Give a word that stands nowhere else."""
    return f"{STEM}{number:03d}Zq"


def found_in(text: str) -> list[str]:
    """Give the planted secrets that a text shows."""
    return _PLANTED.findall(text)


def leaks(octets: bytes) -> set[str]:
    """Name the forms in which any planted word stands in octets, compressed parts of them included."""
    forms = {
        "plain": STEM.encode(),
        "hexadecimal": STEM.encode().hex().encode(),
        "UTF-16 little-endian": STEM.encode("utf-16-le"),
        "UTF-16 big-endian": STEM.encode("utf-16-be"),
        "percent-encoded": "".join(f"%{octet:02x}" for octet in STEM.encode()).encode(),
        "colon-separated": STEM.encode().hex(":").encode(),
        "hexadecimal canary": b"beefcafe",
        "octets of it": bytes.fromhex("beefcafe"),
    }
    for shift in range(3):  # whatever stands before it, less the characters it shares with its neighbours
        whole = base64.b64encode(b"\0" * shift + STEM.encode() + b"\0\0")
        forms[f"base64 {shift}"] = whole[(0, 2, 3)[shift] : (9, 10, 12)[shift]]
    folded = octets.lower()
    seen = {
        name for name, form in forms.items() if form in octets or (name[0] != "b" and form.lower() in folded)
    }
    seen |= {f"in gzip: {name}" for part in _unpacked(octets) for name in leaks(part)}
    return seen


def _unpacked(octets: bytes) -> list[bytes]:
    try:
        return [gzip.decompress(octets)] if octets.startswith(b"\x1f\x8b") else []
    except (OSError, EOFError, zlib.error):
        return []
