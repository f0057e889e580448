"""What holds for every format: samples are read whole and told apart by content."""

from __future__ import annotations

import pytest

from tests.fuzz import exports
from zoneguard.firewall.export import Export
from zoneguard.firewall.model import LineState
from zoneguard.firewall.parse import format_of, parse
from zoneguard.firewall.vendors import FORMATS

SEEDS = exports.seeds()


def test_formats_are_sorted_and_named_once():
    names = [one.name for one in FORMATS]
    assert names == sorted(set(names))


@pytest.mark.parametrize("path", SEEDS)
def test_every_line_of_a_sample_is_accounted_for(path):
    name, octets = SEEDS[path]
    result = parse(path, octets, format_name=name)
    assert len(result.states) == len(Export.of(path, octets).lines)
    assert all(isinstance(state, LineState) for state in result.states)


@pytest.mark.parametrize("path", [path for path in SEEDS if path.startswith("exports/")])
def test_a_shipped_sample_is_told_by_its_content(path):
    name, octets = SEEDS[path]
    found = format_of(octets)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("path", [path for path in SEEDS if "/clean." in path])
def test_no_line_of_a_clean_sample_is_unknown(path):
    name, octets = SEEDS[path]
    assert LineState.UNKNOWN not in parse(path, octets, format_name=name).states


@pytest.mark.parametrize(
    "octets", [b"", b"\0" * 100, b"hello\n", b"# A letter\n\nDear all,\n", b"\x89PNG\r\n"]
)
def test_what_is_no_export_is_of_no_format(octets):
    assert format_of(octets) is None
