from __future__ import annotations

import shutil

import pytest

from tests.oracle.run import Sum, run
from tests.oracle.world import may_build, world

PROGRAMS = ("ip", "ipset", "iptables-restore", "nft")
MISSING = [name for name in PROGRAMS if shutil.which(name) is None]

pytestmark = [
    pytest.mark.skipif(
        bool(MISSING), reason=f"needs {', '.join(MISSING)}: make oracle installs them as root"
    ),
    pytest.mark.skipif(not MISSING and not may_build(), reason="needs root and network namespaces"),
]


@pytest.mark.parametrize("kind", ["iptables", "nftables"])
def test_linux_kernel_decides_as_the_model_does(kind):
    total = Sum()
    with world() as made:
        for seed in range(5):
            run(made, kind, seed=seed, packets=1000, total=total)
    assert not total.disagreements
    assert total.compared > 4000
    assert total.permitted > 500
    assert total.traced > 60


def test_namespaces_are_removed_whatever_happens():
    names = []

    def fails():
        with world() as made:
            names.extend([made.firewall, made.list_namespaces()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert names[0] in names[1]
    with world() as again:
        pass
    assert names[0] not in again.list_namespaces()
