"""Normal days in the example town: every flow that a model declares, seen a few times, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wire import SECOND, SECURITY_CLOUD, Host, Tape, arp, host, tcp_session, udp_exchange
from words import (
    CGP,
    IKE,
    MEDIA,
    NAT_KEEPALIVE,
    NTP,
    RDP,
    SCREEN_DATAGRAMS,
    SNMP,
    SSH,
    connect,
    dns,
    http,
    smtp,
    tls,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 4  # at 09:00, 11:00, 13:00 and 15:00
ROUND = 2 * 3600


def alpha() -> Tape:
    """Model α: LGWAN terminals open the screens of the Internet zone."""
    return _day(_shared, _alpha_terminals)


def alpha_prime() -> Tape:
    """Model α′: α, and a breakout from LGWAN to listed clouds."""
    return _day(_shared, _alpha_terminals, _breakout)


def beta() -> Tape:
    """Model β: terminals of the Internet zone open the screens of the LGWAN zone."""
    return _day(_shared, _beta_terminals)


def beta_prime() -> Tape:
    """Model β′: β, and business systems in the Internet zone."""
    return _day(_shared, _beta_terminals, _business)


def _day(*parts: Callable[[Tape, int], None]) -> Tape:
    tape = Tape()
    start = tape.now
    for turn in range(ROUNDS):
        tape.now = start + turn * ROUND * SECOND
        for part in parts:
            part(tape, turn)
    return tape


def _shared(tape: Tape, turn: int) -> None:
    """Play what all models share: registers, LGWAN services, mail, the way out, monitoring, layer 2."""
    _neighbours(tape)
    _registered(tape)
    resolver = host("172.16.10.53")
    for number in range(4):
        udp_exchange(
            tape,
            resolver,
            host("10.200.1.1"),
            53,
            dns(f"service{number}.asp.lgwan.example", "10.200.64.20", turn * 16 + number + 1),
        )
        tape.wait(3)
    udp_exchange(tape, host("172.16.10.54"), host("10.200.1.2"), 123, NTP, sport=123)
    _tcp(tape, "172.16.10.26", "10.200.1.3", 25, smtp())
    _tcp(tape, "10.200.1.3", "172.16.10.26", 25, smtp())
    for port in (8530, 8531, 443):
        _tcp(
            tape, "172.16.10.61", "10.200.84.10", port, http("/update") if port == 8530 else tls("wu.example")
        )
    for number in range(2):
        _tcp(tape, f"172.16.20.{61 + 2 * turn + number}", "10.200.64.20", 443, tls("asp.lgwan.example"))
    _tcp(tape, f"172.16.21.{61 + turn}", "10.200.64.21", 80, http())
    _mail(tape)
    _way_out(tape, turn)
    _monitoring(tape)


def _neighbours(tape: Tape) -> None:
    """Let hosts ask for their gateway and be told."""
    for address in (
        "10.10.10.21",
        "10.10.20.15",
        "172.16.10.25",
        "172.16.20.31",
        "172.16.251.2",
        "192.168.251.2",
        "172.16.251.3",
        "192.168.251.3",
        "192.168.20.15",
        "192.168.250.10",
        "10.255.0.20",
    ):
        one = host(address)
        gateway = {"10.10.20": "10.10.20.1"}.get(address[:8], address.rsplit(".", 1)[0] + ".1")
        arp(tape, one, gateway, one.next_hop)
        tape.wait(1)


def _registered(tape: Tape) -> None:
    """Play the registered communication of the My Number zone that is in force."""
    for client, server, port in (
        ("10.10.10.31", "10.202.0.1", 443),
        ("10.10.10.21", "10.200.80.10", 443),
        ("10.200.81.10", "10.10.10.36", 443),
        ("10.10.10.41", "10.200.82.10", 443),
        ("10.10.10.51", "10.200.83.10", 443),
        ("10.10.10.61", "10.200.84.10", 8531),
    ):
        _tcp(tape, client, server, port, tls("partner.example"))


def _mail(tape: Tape) -> None:
    """Pass one mail in and one out, each over both legs of the sanitiser."""
    for client, server in (
        ("192.168.254.1", "192.168.250.25"),
        ("192.168.250.25", "192.168.251.2"),
        ("172.16.251.2", "172.16.10.25"),
        ("172.16.10.25", "172.16.251.2"),
        ("192.168.251.2", "192.168.250.25"),
        ("192.168.250.25", "192.168.254.1"),
    ):
        _tcp(tape, client, server, 25, smtp())


def _way_out(tape: Tape, turn: int) -> None:
    """Browse from the Internet zone through its proxy and the security cloud."""
    proxy = outward("192.168.250.10")
    for number in range(2):
        inner = host(f"192.168.20.{15 + number}")
        tcp_session(tape, inner, host("192.168.250.10"), 8080, connect("www.example"))
        tape.wait(2)
        tcp_session(tape, proxy, host(f"198.51.100.{230 + number}"), 443, tls("www.example"))
        tape.wait(5)
    cloud = host("192.168.254.1")
    tcp_session(tape, proxy, cloud, 8080, connect("www.example"))
    udp_exchange(tape, proxy, cloud, 53, dns("www.example", "198.51.100.230", turn + 1))
    udp_exchange(tape, proxy, cloud, 123, NTP)
    tape.wait(5)


def _monitoring(tape: Tape) -> None:
    """Poll the network gear, and log in to some of it."""
    poller = host("10.255.0.20")
    for gear in ("10.10.10.1", "172.16.10.1", "192.168.20.1", "172.16.251.1", "192.168.251.1"):
        udp_exchange(tape, poller, host(gear), 161, SNMP)
        tape.wait(1)
    tcp_session(tape, poller, host("172.16.10.1"), 22, SSH)
    tape.wait(5)


def _alpha_terminals(tape: Tape, turn: int) -> None:
    """Work at LGWAN terminals, and look at the Internet on a screen."""
    for number in range(3):
        terminal, screen = f"172.16.20.{31 + number}", f"192.168.10.{11 + (turn + number) % 20}"
        _tcp(tape, terminal, screen, 3389, [*RDP, *tls("vdi.reiji.example", 4)])
        udp_exchange(tape, host(terminal), host(screen), 3389, SCREEN_DATAGRAMS)
    _tcp(tape, f"192.168.10.{11 + turn}", "192.168.251.3", 443, tls("files.reiji.example"))
    _tcp(tape, f"172.16.20.{31 + turn}", "172.16.251.3", 443, tls("files.reiji.example"))


def _breakout(tape: Tape, turn: int) -> None:
    """Leave from LGWAN for the listed clouds: through the proxy, or beside it for media."""
    terminal, proxy = host(f"172.16.20.{31 + turn}"), host("172.16.252.2")
    tcp_session(tape, terminal, proxy, 8080, connect("tokyo.teams.example"))
    tape.wait(2)
    tcp_session(tape, proxy, host("203.0.113.10"), 443, tls("tokyo.teams.example"))
    tcp_session(tape, proxy, host("198.51.100.5"), 443, tls("login.example"))
    tape.wait(2)
    udp_exchange(tape, terminal, host("203.0.113.130"), 3478, MEDIA)
    _tcp(tape, "172.16.10.62", "198.51.100.66", 443, tls("update.av.example"))
    _tcp(tape, "172.16.251.3", "203.0.113.194", 443, tls("storage.example"))


def _beta_terminals(tape: Tape, turn: int) -> None:
    """Work at Internet terminals, and open LGWAN systems on a screen."""
    for number, (port, talk) in enumerate(((2598, CGP), (443, tls("sbc.reiji.example")), (3389, RDP))):
        _tcp(tape, f"192.168.20.{31 + number + turn}", f"172.16.12.{11 + number}", port, talk)
    _tcp(tape, f"192.168.20.{31 + turn}", "192.168.251.3", 443, tls("files.reiji.example"))
    _tcp(tape, f"172.16.12.{11 + turn}", "172.16.251.3", 443, tls("files.reiji.example"))
    proxy = outward("192.168.250.10")
    tcp_session(tape, host("192.168.20.31"), host("192.168.250.10"), 8080, connect("edr.example"))
    tcp_session(tape, proxy, host("198.51.100.130"), 443, tls("edr.example"))
    tape.wait(5)
    remote, concentrator = host("203.0.113.77"), outward("192.168.253.2")
    udp_exchange(tape, remote, concentrator, 500, IKE, sport=500)
    udp_exchange(tape, remote, concentrator, 4500, NAT_KEEPALIVE, sport=4500)
    tcp_session(tape, remote, concentrator, 443, tls("vpn.reiji.example"))
    tape.wait(5)


def _business(tape: Tape, turn: int) -> None:
    """Use the business systems of the Internet zone; collect their logs; exchange documents."""
    for server in ("192.168.11.10", "192.168.11.20", "192.168.11.30"):
        _tcp(tape, f"192.168.20.{41 + turn}", server, 443, tls("biz.reiji.example"))
        _tcp(tape, server, "192.168.11.240", 6514, tls("siem.reiji.example"))
    _tcp(tape, "192.168.11.30", "172.16.251.4", 443, tls("relay.reiji.example"))
    _tcp(tape, "172.16.251.4", "10.200.70.10", 443, tls("docs.lgwan.example"))
    _tcp(tape, "192.168.20.41", "192.168.250.10", 8080, connect("office.example"))
    tcp_session(tape, outward("192.168.250.10"), host("198.51.100.194"), 443, tls("office.example"))
    tape.wait(5)


def outward(address: str) -> Host:
    """Place a host whose way out is the router of the security cloud itself."""
    return host(address, next_hop=SECURITY_CLOUD)


def _tcp(tape: Tape, client: str, server: str, port: int, talk: list[tuple[str, bytes]]) -> None:
    tcp_session(tape, host(client), host(server), port, talk)
    tape.wait(5)
