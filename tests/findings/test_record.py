from __future__ import annotations

import json
from dataclasses import fields

import pytest

from tests.store.made import WAIVER, finding
from zoneguard.findings.finding import Finding
from zoneguard.findings.record import finding_of, finding_record


def test_a_finding_comes_back_from_its_record_as_it_was():
    full = finding("a", waiver=WAIVER, device="fw1", line="policy 12", allowed_by="lg-web", baseline="new")
    assert all(getattr(full, field.name) not in (None, (), "") for field in fields(Finding))
    for one in (full, finding("b", orig=None, resp=None, locators=(), flows=0, first_seen=None)):
        assert finding_of(json.loads(json.dumps(finding_record(one)))) == one


@pytest.mark.parametrize("record", [{}, {"rule": "x"}, {"severity": "worst"}, {"orig": 3}, {"surprise": 1}])
def test_what_is_no_record_is_refused_as_a_value(record):
    with pytest.raises(ValueError):  # noqa: PT011 - the message is for a developer
        finding_of(record)
