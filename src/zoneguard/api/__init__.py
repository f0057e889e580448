"""The use cases: judge evidence, show flows, compare exports, explain packets."""

from __future__ import annotations

from zoneguard.api.exports import discover_policy, read_exports
from zoneguard.api.judging import check, flows

__all__ = ["check", "discover_policy", "flows", "read_exports"]
