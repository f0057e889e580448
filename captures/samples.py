"""One small capture for each story and each rule: what the example town must not do, and its lawful twins."""

from __future__ import annotations

from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import UDP
from scapy.layers.inet6 import (
    ICMPv6ND_RA,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
)
from wire import (
    BROADCAST,
    SECOND,
    Host,
    Tape,
    arp,
    gre,
    host,
    inner_frames,
    packet,
    syn,
    tcp_session,
    udp_exchange,
    vxlan,
)
from words import (
    CGP,
    NETBIOS_NAME,
    NTP,
    RDP,
    SMB,
    SSH,
    TDS,
    WIREGUARD,
    WIREGUARD_DATA,
    Talk,
    dns,
    smtp,
    tls,
)

STRANGER = "02:de:ad:00:00:01"


def screen_alpha() -> Tape:
    """Story 1: an LGWAN terminal opens the screen of an Internet-zone VDI."""
    tape = Tape()
    for number in range(3):
        talk = [*RDP, *tls("vdi.reiji.example", 8)]
        tcp_session(tape, host(f"172.16.20.{31 + number}"), host("192.168.10.11"), 3389, talk)
        tape.wait(60)
    return tape


def screen_reversed() -> Tape:
    """Story 2: an Internet-zone machine opens the screen of an LGWAN terminal."""
    return _session("192.168.10.21", "172.16.20.31", 3389, [*RDP, *tls("pc31.reiji.example", 8)])


def screen_beta() -> Tape:
    """Story 3: an Internet-zone terminal opens the screen of an LGWAN server, as model β wants it."""
    tape = _session("192.168.20.21", "172.16.12.11", 3389, [*RDP, *tls("sbc.reiji.example", 8)])
    tape.wait(10)
    tcp_session(tape, host("192.168.20.22"), host("172.16.12.12"), 2598, CGP)
    return tape


def smb_crossing() -> Tape:
    """Story 4: an Internet-zone file server copies to an LGWAN server."""
    return _session("192.168.20.200", "172.16.10.30", 445, SMB)


def tokutei_registered() -> Tape:
    """Story 5a: the eLTAX server speaks from its registered MAC."""
    return _session("10.10.10.51", "10.200.83.10", 443, tls("eltax.example"))


def tokutei_other_mac() -> Tape:
    """Story 5b: another machine speaks from the eLTAX server's address."""
    tape = Tape()
    tape.port()  # another than in story 5a, as whose mirror copies these packets would count otherwise
    other = host("10.10.10.51", mac="02:10:10:00:09:99")
    arp(tape, other, "10.10.10.1", other.next_hop)
    tcp_session(tape, other, host("10.200.83.10"), 443, tls("eltax.example"))
    return tape


def attempts() -> Tape:
    """Story 6: a My Number terminal keeps knocking at an Internet address that never answers."""
    tape = Tape()
    for _ in range(400):
        syn(tape, host("10.10.20.33"), host("203.0.113.9"), 443)
        tape.wait(9)
    return tape


def mail_html() -> Tape:
    """Story 7: the sanitiser hands an HTML mail to LGWAN, though text is all that was approved."""
    talk = smtp("text/html; charset=utf-8", "<p>sample</p>")
    return _session("172.16.251.2", "172.16.10.25", 25, talk)


def vxlan_smb() -> Tape:
    """Story 8: a VXLAN tunnel between My Number and the Internet zone carries file sharing."""
    inside = Tape()
    tcp_session(inside, host("10.10.20.44"), host("192.168.20.44"), 445, SMB)
    tape = Tape()
    vxlan(tape, host("10.10.20.44"), host("192.168.20.44"), 5001, inner_frames(inside))
    return tape


def ssh_on_screen_port() -> Tape:
    """Story 9: SSH on the port of the screen transfer."""
    return _session("172.16.20.35", "192.168.10.12", 3389, SSH)


def dual_homed() -> Tape:
    """Story 10: one machine claims an LGWAN address and an Internet-zone address in the same minute."""
    tape = Tape()
    machine = host("172.16.20.77")
    arp(tape, machine, "172.16.20.1", machine.next_hop)
    tape.wait(20)
    twin = host("192.168.20.77", mac=machine.mac)
    arp(tape, twin, "192.168.20.1", twin.next_hop)
    return tape


def denied_by_config() -> Tape:
    """Story 11, its traffic: an LGWAN terminal speaks to an Internet-zone database."""
    return _session("172.16.20.36", "192.168.20.50", 1433, TDS)


def mynumber_crossing() -> Tape:
    """Let a My Number terminal use the LGWAN groupware."""
    return _session("10.10.20.35", "172.16.10.30", 443, tls("gw.reiji.example"))


def attempt_refused() -> Tape:
    """Let an Internet-zone terminal knock at LGWAN servers and be refused."""
    tape = Tape()
    for number in range(12):
        syn(tape, host("192.168.20.66"), host(f"172.16.10.{20 + number}"), 8443, refused=True)
        tape.wait(1)
    return tape


def direct_flow() -> Tape:
    """Let an LGWAN terminal use an application in the Internet zone."""
    return _session("172.16.20.37", "192.168.20.60", 9443, tls("app.reiji.example"))


def public_address() -> Tape:
    """Let an LGWAN terminal reach an Internet server."""
    return _session("172.16.20.41", "203.0.113.80", 5223, tls("push.example"))


def other_service() -> Tape:
    """Let an LGWAN terminal use a service of a VDI that was not approved."""
    return _session("172.16.20.31", "192.168.10.11", 9443, tls("vdi.reiji.example"))


def one_way() -> Tape:
    """Show only the client's half of approved sessions."""
    tape = Tape()
    for number in range(3):
        talk = tls("asp.lgwan.example", 6)
        tcp_session(tape, host(f"172.16.20.{50 + number}"), host("10.200.64.20"), 443, talk, sides="c")
        tape.wait(2)
    return tape


def out_of_scope() -> Tape:
    """Let a school machine use the LGWAN groupware."""
    return _session("10.30.5.20", "172.16.10.30", 443, tls("gw.reiji.example"))


def mail_bypass() -> Tape:
    """Let Internet mail reach LGWAN without passing the sanitiser."""
    return _session("192.168.250.25", "172.16.10.25", 25, smtp())


def foreign_leg() -> Tape:
    """Let an LGWAN terminal meet the sanitiser's Internet-side leg."""
    return _session("172.16.20.42", "192.168.251.3", 443, tls("files.reiji.example"))


def expired_approval() -> Tape:
    """Let a registered flow go on after its approval ran out."""
    return _session("10.10.10.71", "10.203.0.10", 443, tls("print.example"))


def required_missing() -> Tape:
    """Play two days of LGWAN in which the daily update was fetched on the first only."""
    tape = Tape()
    start = tape.now
    for hour in range(0, 49, 6):
        tape.now = start + hour * 3600 * SECOND
        udp_exchange(
            tape,
            host("172.16.10.53"),
            host("10.200.1.1"),
            53,
            dns("service.asp.lgwan.example", "10.200.64.20", hour + 1),
        )
        udp_exchange(tape, host("172.16.10.54"), host("10.200.1.2"), 123, NTP, sport=123)
        if hour == 0:
            tcp_session(tape, host("172.16.10.61"), host("10.200.84.10"), 8531, tls("wu.example"))
    return tape


def second_exit() -> Tape:
    """Let an Internet-zone terminal leave by a router that is not the security cloud's."""
    tape = Tape()
    terminal = host("192.168.20.15", next_hop=STRANGER)
    arp(tape, terminal, "192.168.20.254", STRANGER)
    web = host("198.51.100.77", mac=STRANGER, vlan=320)
    tcp_session(tape, terminal, web, 443, tls("www.example"))
    return tape


def unmanaged_address() -> Tape:
    """Let an address of no declared segment work in the LGWAN terminals' VLAN."""
    tape = Tape()
    guest = Host(address="172.31.5.5", vlan=220, mac="02:de:ad:00:00:02", next_hop="02:00:00:fe:02:10")
    arp(tape, guest, "172.16.20.1", guest.next_hop)
    tape.wait(1)
    tcp_session(tape, guest, host("172.16.10.30"), 443, tls("gw.reiji.example"))
    return tape


def wrong_vlan() -> Tape:
    """Let an LGWAN terminal's address send from the Internet-zone VLAN."""
    tape = Tape()
    moved = host("172.16.20.60", vlan=320, next_hop="02:00:00:fe:03:10")
    tcp_session(tape, moved, host("10.200.64.20"), 443, tls("asp.lgwan.example"))
    return tape


def rogue_dhcp() -> Tape:
    """Let a device nobody registered serve DHCP to Internet-zone terminals."""
    tape = Tape()
    server = host("192.168.20.250", mac=STRANGER)
    for number in range(3):
        hardware = bytes([2, 0x68, 0x20, 0, 1, number])
        client = Host(address="0.0.0.0", vlan=320, mac=hardware.hex(":"), next_hop=BROADCAST)  # noqa: S104
        everyone = Host(address="255.255.255.255", vlan=320, mac=BROADCAST, next_hop=BROADCAST)
        lease = f"192.168.20.{120 + number}"
        for sender, kind, operation in (
            (client, "discover", 1),
            (server, "offer", 2),
            (client, "request", 1),
            (server, "ack", 2),
        ):
            message = BOOTP(
                op=operation,
                xid=0x1000 + number,
                chaddr=hardware,
                yiaddr=lease if operation == 2 else "0.0.0.0",  # noqa: S104
            )
            options: list[object] = [("message-type", kind)]
            if operation == 2:
                options += [("server_id", server.address), ("router", server.address)]
            elif kind == "request":
                options += [("requested_addr", lease), ("server_id", server.address)]
            ports = UDP(sport=68, dport=67) if operation == 1 else UDP(sport=67, dport=68)
            packet(tape, sender, everyone, ports / message / DHCP(options=[*options, "end"]))
        tape.wait(30)
    return tape


def rogue_router() -> Tape:
    """Let a device nobody registered call itself the IPv6 router of the LGWAN terminals."""
    tape = Tape()
    rogue = Host(address="fe80::de:ad01", vlan=220, mac=STRANGER, next_hop=STRANGER)
    everyone = Host(address="ff02::1", vlan=220, mac="33:33:00:00:00:01", next_hop=STRANGER)
    for _ in range(4):
        advertisement = (
            ICMPv6ND_RA(routerlifetime=1800)
            / ICMPv6NDOptPrefixInfo(prefix="2001:db8:220::", prefixlen=64)
            / ICMPv6NDOptSrcLLAddr(lladdr=STRANGER)
        )
        packet(tape, rogue, everyone, advertisement)
        tape.wait(200)
    return tape


def leaking_broadcasts() -> Tape:
    """Let broadcasts of an LGWAN terminal be heard in the Internet-zone VLAN."""
    tape = Tape()
    leaked = host("172.16.20.88", vlan=320)
    for _ in range(5):
        arp(tape, leaked, "172.16.20.1")
        everyone = Host(address="172.16.23.255", vlan=320, mac=BROADCAST, next_hop=BROADCAST)
        packet(tape, leaked, everyone, UDP(sport=137, dport=137) / NETBIOS_NAME)
        tape.wait(60)
    return tape


def gre_tunnel() -> Tape:
    """Let a GRE tunnel cross from LGWAN to the Internet zone; what is inside stays within LGWAN."""
    inside = Tape()
    tcp_session(inside, host("172.16.20.90"), host("172.16.21.90"), 8443, tls("app.reiji.example"))
    tape = Tape()
    contents = [(near, frame.payload) for near, frame in inner_frames(inside)]
    gre(tape, host("172.16.20.90"), host("192.168.20.90"), contents)
    return tape


def wireguard_tunnel() -> Tape:
    """Let what looks like WireGuard leave LGWAN for the Internet."""
    tape = Tape()
    near, far = host("172.16.20.91"), host("203.0.113.51")
    udp_exchange(tape, near, far, 51820, WIREGUARD, sport=51820)
    for _ in range(6):
        udp_exchange(tape, near, far, 51820, WIREGUARD_DATA, sport=51820)
        tape.wait(10)
    return tape


def ipv6_leak() -> Tape:
    """Let two LGWAN terminals speak IPv6, which the zone has not."""
    tape = Tape()
    near, far = (
        Host(
            address=f"2001:db8:220::{number}",
            vlan=220,
            mac=f"02:16:20:00:00:{number}",
            next_hop="02:00:00:fe:02:10",
        )
        for number in (31, 32)
    )
    tcp_session(tape, near, far, 8443, tls("pc32.reiji.example"))
    return tape


def dns_leak() -> Tape:
    """Let a machine of the management zone ask LGWAN's resolver."""
    tape = Tape()
    for number in range(5):
        talk = dns(f"host{number}.reiji.example", "172.16.10.30", number + 1)
        udp_exchange(tape, host("10.255.0.30"), host("172.16.10.53"), 53, talk)
        tape.wait(5)
    return tape


def ntp_leak() -> Tape:
    """Let a machine of the management zone set its clock by LGWAN's time server."""
    tape = Tape()
    for _ in range(5):
        udp_exchange(tape, host("10.255.0.30"), host("172.16.10.54"), 123, NTP)
        tape.wait(64)
    return tape


def management_crossing() -> Tape:
    """Let an LGWAN terminal log in to a machine of the management zone."""
    return _session("172.16.20.34", "10.255.0.10", 22, SSH)


def known_noise() -> Tape:
    """Let an LGWAN terminal's operating system knock at its maker's door, in vain, as is known."""
    tape = Tape()
    for _ in range(30):
        syn(tape, host("172.16.20.45"), host("203.0.113.9"), 80)
        tape.wait(60)
    return tape


def _session(client: str, server: str, port: int, talk: Talk) -> Tape:
    tape = Tape()
    tcp_session(tape, host(client), host(server), port, talk)
    return tape
