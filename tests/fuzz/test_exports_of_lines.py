"""Hostile exports of formats that are lines of words. A file for each shape, so that test runners can share them out."""

from __future__ import annotations

import pytest

from tests.fuzz import exports


@pytest.mark.parametrize("name", exports.NAMES["lines"])
def test_any_octets_give_a_result_or_a_clear_error_and_every_line_is_accounted_for(name: str) -> None:
    exports.check(name)
