"""What the datagrams of a UDP flow speak, told by the first of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.dissect import dns, files, opening, quic, rdp, tls
from zoneguard.dissect.found import Found
from zoneguard.dissect.record import ScreenSeen, Spoken

if TYPE_CHECKING:
    from collections.abc import Sequence

_NETBIOS_PORT = 137  # its names are of another form (RFC 1002), and tell machines
_FIRST = 6  # datagrams by which a protocol is told

_FIRST_AFTER_OTHERS = 48
_HANDSHAKE = 512  # datagrams in which hellos are looked for


def read(sent: Sequence[tuple[bool, bytes]], port: int) -> Found | None:
    """Read a flow of datagrams, (was it sent by orig?, payload) each; None where nothing is told beyond doubt."""
    for _, datagram in sent[:_FIRST]:
        found = _read(sent, datagram, port)
        if found is not None:
            return found
    first = [datagram for _, datagram in sent[:_FIRST_AFTER_OTHERS]]
    if any(tls.is_dtls(datagram) for datagram in first):  # behind STUN (RFC 7983)
        return Found(spoken=Spoken.DTLS, tls=tls.read_dtls(sent[:_HANDSHAKE]))
    return Found(spoken=Spoken.WIREGUARD) if opening.is_wireguard_data(first) else None


def _read(sent: Sequence[tuple[bool, bytes]], first: bytes, port: int) -> Found | None:
    if quic.is_quic(first):
        seen, trouble = quic.read_quic(sent[:_HANDSHAKE])
        return Found(spoken=Spoken.QUIC, tls=seen, troubles=(trouble,) if trouble else ())
    if tls.is_dtls(first):
        return Found(spoken=Spoken.DTLS, tls=tls.read_dtls(sent[:_HANDSHAKE]))
    if rdp.is_rdp_udp(first):
        return Found(spoken=Spoken.RDP, screen=ScreenSeen(protocol=Spoken.RDP))
    if opening.is_wireguard(first):
        return Found(spoken=Spoken.WIREGUARD)
    if port != _NETBIOS_PORT and dns.is_dns(first):
        return Found(spoken=Spoken.DNS, names=dns.read_names(sent))
    return _others(sent, first, port)


def _others(sent: Sequence[tuple[bool, bytes]], first: bytes, port: int) -> Found | None:
    if opening.is_ike(first):
        return Found(spoken=Spoken.IKE)
    if opening.is_kerberos(first):
        return Found(spoken=Spoken.KERBEROS)
    if opening.is_snmp(first):
        return Found(spoken=Spoken.SNMP)
    if opening.is_ntp(first, port):
        return Found(spoken=Spoken.NTP)
    if files.is_tftp(first):
        return Found(spoken=None, files=files.read_tftp(sent))
    return Found(spoken=Spoken.OPENVPN) if opening.is_openvpn(first) else None
