"""The captures that real programs make: mail, screens, breakouts, names, tools. As root, on Debian 12.

    apt-get install opensmtpd swaks xrdp freerdp2-x11 xvfb tigervnc-standalone-server tigervnc-viewer \
        openssh-server openssl tinyproxy curl dnsmasq-base bind9-dnsutils iodine samba smbclient vsftpd openvpn ethtool \
        iputils-ping nginx-light

Programs are not alike from run to run, so neither are the bytes; what ZoneGuard says of them is (expected.yaml).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import scenes
from city import city, recorded

if TYPE_CHECKING:
    from collections.abc import Iterable


def main(names: Iterable[str], folder: Path) -> None:
    """Play each scene and record it."""
    for name in names:
        scene = scenes.SCENES[name]
        path = folder / f"{name}.pcap"
        with city(*scene.hosts) as made:
            scene.before(made)
            with recorded(path, beyond=scene.beyond):
                scene.play(made)
            if "-v" in sys.argv:
                for log in sorted(made.folder.glob("*.log")):
                    print(f"--- {log.name}\n{log.read_text('utf-8', 'replace')}")
        print(f"{path} {path.stat().st_size:,} octets")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(scenes.SCENES), metavar="SCENE")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    parser.add_argument("-v", action="store_true", help="print what the programs said")
    given = parser.parse_args()
    if os.geteuid():
        sys.exit("This needs root: it makes network namespaces and records in them.")
    main(given.names, given.output)
