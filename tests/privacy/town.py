"""A town whose captures and exports are full of words that nobody may see, and the configuration of its sensor."""

from __future__ import annotations

import re
from pathlib import Path

from tests.privacy import canaries, traffic

ROOT = Path(__file__).parents[2]
INTERFACES = {
    "alliedware": ("vlan1", "eth1"),
    "asa": ("inside", "outside"),
    "aws": ("inside", "outside"),
    "azure": ("inside", "outside"),
    "csv": (),
    "fortios": ("port1", "port2"),
    "ios": ("GigabitEthernet0/0", "GigabitEthernet0/1"),
    "iptables": ("eth0", "eth1"),
    "junos": ("ge-0/0/0.0", "ge-0/0/1.0"),
    "nec-ix": ("GigaEthernet1.0", "GigaEthernet0.0"),
    "nftables": ("eth0", "eth1"),
    "panos": ("ethernet1/1", "ethernet1/2"),
    "pfsense": ("lan", "wan"),
    "yamaha": ("lan1", "lan2"),
}


def found(folder: Path) -> Path:
    """Lay the town out in a folder: zones.yaml, before/ and after/ a change, the capture s2-day.pcap."""
    policy = (ROOT / "zones.yaml").read_text("utf-8")
    devices = "".join(
        f"  d-{name}: {{format: {name}, file: '{name}.*', interfaces: {{{', '.join(_facing(ends))}}}}}\n"
        for name, ends in INTERFACES.items()
    )
    (folder / "zones.yaml").write_text(
        re.sub(r"\ndevices:\n.*?\n\n", f"\ndevices:\n{devices}\n", policy, flags=re.DOTALL), "utf-8"
    )
    for name in ("before", "after"):
        (folder / name).mkdir()
        for path in canaries.SECRETS.iterdir():
            if path.suffix != ".md":
                (folder / name / path.name).write_text(_changed(canaries.planted(path), name), "utf-8")
    (folder / "before" / "s2-day.pcap").write_bytes(traffic.capture())
    (folder / "packets.csv").write_text(
        "src,dst,proto,dport,expected\n172.16.20.5,192.168.20.7,tcp,445,deny\n", "utf-8"
    )
    return folder


def sensor_yaml(folder: Path, ports: dict[str, int]) -> Path:
    """Write a sensor's configuration with every kind of output, and one that nobody answers."""
    outputs = {
        "jsonl": "{file: out/findings.jsonl}",
        "eve": "{file: out/eve.json}",
        "syslog": f"{{host: 127.0.0.1, port: {ports['syslog']}, transport: udp}}",
        "webhook": f"{{url: 'http://127.0.0.1:{ports['webhook']}/', token: {{file: token}}}}",
        "mail": f"{{host: localhost, port: {ports['mail']}, security: none, from: a@example.jp, to: [b@example.jp],"
        " every: 1s}",
    }
    lines = [f"  to-{kind}: {{{kind}: {shape}, min_severity: info}}" for kind, shape in outputs.items()]
    lines.append(f"  away: {{webhook: {{url: 'http://127.0.0.1:{ports['away']}/', token: {{file: token}}}}}}")
    path = folder / "sensor.yaml"
    (folder / "out").mkdir()
    (folder / "token").write_text(canaries.canary(900), "utf-8")
    path.write_text(
        "version: 1\nname: s2\npolicy: zones.yaml\nstate: state\nstatus: state/status.json\n"
        "watch: {folders: [{path: before, sensor: S2, glob: '*.pcap', settle: 1s}]}\n"
        f"judge: {{window: 5s}}\nmetrics: {{address: 127.0.0.1, port: {ports['metrics']}}}\ndisk: {{low_water: 1MiB}}\n"
        "outputs:\n" + "\n".join(lines) + "\n",
        "utf-8",
    )
    (folder / "state").mkdir()
    return path


def kinds_of_output(text: str) -> set[str]:
    """Name the kinds of output that a configuration uses."""
    return set(re.findall(r"^  \S+: \{(\w+):", text, re.MULTILINE))


def _facing(ends: tuple[str, ...]) -> list[str]:
    return [f"'{name}': {zone}" for name, zone in zip(ends, ("lgwan", "internet"), strict=False)]


def _changed(text: str, name: str) -> str:
    """Narrow what some exports permit, so that there is something to tell."""
    if name == "before":
        return text
    for wide, narrow in (
        ("permit ip any any", "permit tcp any any"),
        ('set service "ALL"', 'set service "RDP"'),
        ("tcp,22,許可", "tcp,23,許可"),
        ("--comment", "-p tcp -m comment --comment"),
    ):
        text = text.replace(wide, narrow)
    return text
