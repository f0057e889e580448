"""A few hosts of the example city, each in a network namespace of its own, on one wire that is recorded."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX = "zgreal"
WIRE = f"{PREFIX}-wire"


@dataclass(frozen=True)
class Host:
    """A host: its name, address and MAC."""

    name: str
    address: str
    mac: str


@dataclass
class City:
    """Hosts that are up, the programs started on them, and a folder for what they need."""

    hosts: tuple[Host, ...]
    folder: Path
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, host: str, *command: str, settle: float = 1.0) -> subprocess.Popen[bytes]:
        """Start a server and give it time to listen."""
        program = subprocess.Popen(
            ["ip", "netns", "exec", f"{PREFIX}-{host}", *command],
            stdin=subprocess.DEVNULL,
            stdout=(self.folder / f"{host}.log").open("ab"),
            stderr=subprocess.STDOUT,
            cwd=self.folder,
        )
        self.running.append(program)
        time.sleep(settle)
        return program

    def run(self, host: str, *command: str, timeout: float = 30, text: str = "") -> None:
        """Run a client to its end, or for as long as it may take; how it ended is its own matter."""
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(
                ["ip", "netns", "exec", f"{PREFIX}-{host}", *command],
                input=text.encode(),
                stdout=(self.folder / f"{host}.log").open("ab"),
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                timeout=timeout,
                check=False,
            )

    def write(self, name: str, text: str) -> Path:
        """Put a file, a configuration perhaps, into the folder."""
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path


@contextmanager
def city(*hosts: Host) -> Iterator[City]:
    """Bring hosts up on one wire. Nobody asks for addresses: all know the others, so that no ARP is sent."""
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    folder.chmod(0o755)
    made = City(hosts=hosts, folder=folder)
    try:
        _ip("netns", "add", WIRE)
        _ip("-n", WIRE, "link", "add", "br0", "type", "bridge")
        _ip("-n", WIRE, "link", "set", "br0", "up")
        for number, host in enumerate(hosts):
            _raise(host, number, hosts)
        time.sleep(1)
        yield made
    finally:
        for program in made.running:
            program.terminate()
        for program in made.running:
            try:
                program.wait(5)
            except subprocess.TimeoutExpired:
                program.kill()
        for name in (WIRE, *(f"{PREFIX}-{host.name}" for host in hosts)):
            subprocess.run(["ip", "netns", "delete", name], check=False, stderr=subprocess.DEVNULL)
            shutil.rmtree(Path("/etc/netns", name), ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _raise(host: Host, number: int, hosts: tuple[Host, ...]) -> None:
    space, inside, outside = f"{PREFIX}-{host.name}", f"zgr{number}i", f"zgr{number}o"
    # Servers look up who connects; a resolver that refuses at once keeps them from waiting for one.
    own = Path("/etc/netns", space)
    own.mkdir(parents=True, exist_ok=True)
    (own / "resolv.conf").write_text("nameserver 127.0.0.1\n", "utf-8")
    _ip("netns", "add", space)
    _ip("link", "add", inside, "address", host.mac, "type", "veth", "peer", "name", outside)
    _ip("link", "set", inside, "netns", space)
    _ip("link", "set", outside, "netns", WIRE)
    _ip("-n", WIRE, "link", "set", outside, "master", "br0", "up")
    _ip("-n", space, "link", "set", "lo", "up")
    _ip("-n", space, "link", "set", inside, "name", "eth0")
    subprocess.run(
        ["ip", "netns", "exec", space, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1"], check=False
    )
    _ip("-n", space, "address", "add", f"{host.address}/32", "dev", "eth0")
    _ip("-n", space, "link", "set", "eth0", "up")
    _ip("-n", space, "route", "add", "default", "dev", "eth0")
    for other in hosts:
        if other is not host:
            _ip(
                "-n",
                space,
                "neighbour",
                "add",
                other.address,
                "lladdr",
                other.mac,
                "dev",
                "eth0",
                "nud",
                "permanent",
            )
    # Segments as they go over a wire, not as one kernel hands them to itself.
    subprocess.run(
        ["ip", "netns", "exec", space, "ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off"],
        check=False,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@contextmanager
def recorded(path: Path, *, beyond: Host | None = None) -> Iterator[None]:
    """Record everything on the wire but ARP, IPv6 and what one host beyond a proxy sends and is sent."""
    kept = "ip" if beyond is None else f"ip and not host {beyond.address}"
    recorder = subprocess.Popen(
        ["ip", "netns", "exec", WIRE, "tcpdump", "-i", "br0", "-U", "-c", "400", "-w", str(path), kept],
        stderr=subprocess.DEVNULL,
    )
    time.sleep(1.5)
    try:
        yield
    finally:
        time.sleep(1.5)
        recorder.terminate()
        recorder.wait()


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a self-signed certificate; give it and its key."""
    crt, key = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "30",
            "-subj",
            f"/CN={name}",
            "-keyout",
            str(key),
            "-out",
            str(crt),
        ],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return crt, key


def fingerprint(crt: Path) -> str:
    """Give the SHA-256 of a certificate, as OpenVPN writes it."""
    told = subprocess.run(
        ["openssl", "x509", "-in", str(crt), "-noout", "-fingerprint", "-sha256"],
        check=True,
        capture_output=True,
        text=True,
    )
    return told.stdout.strip().partition("=")[2]


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)
