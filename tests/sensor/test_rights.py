"""Before root is given up, it is certain that the program goes on to work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from zoneguard.errors import MachineLacksError
from zoneguard.sensor.rights import drop_to

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def test_a_user_who_could_not_read_the_program_is_refused_before_anything_changes(tmp_path):
    closed, state = tmp_path / "root" / "python", tmp_path / "state"
    closed.mkdir(parents=True)
    closed.parent.chmod(0o700)
    state.mkdir()
    groups = os.getgroups()
    with pytest.raises(MachineLacksError) as refused:
        drop_to("nobody", state, program=(Path("/usr"), closed))
    assert str(refused.value.faults[0].en).startswith(f"{closed}: user nobody cannot read this")
    assert (os.geteuid(), os.getegid(), os.getgroups(), state.stat().st_uid) == (0, 0, groups, 0)
