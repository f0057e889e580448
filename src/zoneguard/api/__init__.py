"""The use cases: judge evidence, show flows, compare exports, explain packets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneguard.api.exports import discover_policy, read_exports
    from zoneguard.api.judging import check, flows

__all__ = ["check", "discover_policy", "flows", "read_exports"]


def __getattr__(name: str) -> object:
    """Import what is asked for when it is: what compares exports alone needs no NumPy, a tenth of a second."""
    if name in ("check", "flows"):
        from zoneguard.api import judging

        return getattr(judging, name)
    if name in ("discover_policy", "read_exports"):
        from zoneguard.api import exports

        return getattr(exports, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
