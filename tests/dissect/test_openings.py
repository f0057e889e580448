from __future__ import annotations

import struct

import pytest

from tests.dissect.building import (
    JA4,
    client_hello,
    rdp_channels,
    rdp_confirm,
    rdp_request,
    server_hello,
    smb2,
    tcp,
    udp,
    vector,
)
from zoneguard.dissect.look import look
from zoneguard.dissect.record import Spoken


def seen(*turns, port=0, **kwargs):
    return look(tcp(*turns, **kwargs), 6, port)


def test_socks_5_by_name_is_followed_into_tls():
    found = seen(
        (True, b"\x05\x02\x00\x02"),
        (False, b"\x05\x02"),
        (True, b"\x01\x06canary\x06canary"),
        (False, b"\x01\x00"),
        (True, b"\x05\x01\x00\x03" + vector(b"Far.Example", 1) + b"\x01\xbb"),
        (False, b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"),
        (True, client_hello()),
    )
    assert found.spoken is Spoken.SOCKS
    assert (found.proxy.how, found.proxy.host, found.proxy.port) == ("socks5", "far.example", 443)
    assert found.proxy.accepted is True
    assert found.tls.ja4 == JA4
    assert "canary" not in repr(found)


def test_socks_5_refused_is_told():
    found = seen(
        (True, b"\x05\x01\x00"),
        (False, b"\x05\x00"),
        (True, b"\x05\x01\x00\x01\xcb\x00\x71\x09\x00\x16"),
        (False, b"\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"),
    )
    assert (found.proxy.host, found.proxy.port, found.proxy.accepted) == ("203.0.113.9", 22, False)


@pytest.mark.parametrize(("address", "more", "host"), [(b"\xcb\0\x71\x09", b"", "203.0.113.9"), (b"\0\0\0\1", b"Far.example\0", "far.example")])  # fmt: skip
def test_socks_4_and_4a_are_told(address, more, host):
    found = seen(
        (True, b"\x04\x01\x01\xbb" + address + b"user\0" + more),
        (False, b"\0\x5a" + b"\0" * 6),
        (True, client_hello()),
    )
    assert (found.proxy.how, found.proxy.host, found.proxy.port, found.proxy.accepted) == (
        "socks4",
        host,
        443,
        True,
    )
    assert found.tls is not None


def test_an_ssh_banner_is_told_of_the_server_before_the_client():
    found = seen(
        (False, b"Welcome\r\nSSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), (True, b"SSH-2.0-PuTTY_Release_0.80\r\n")
    )
    assert (found.spoken, found.banner) == (Spoken.SSH, "OpenSSH_9.2p1")
    assert seen((True, b"SSH-2.0-" + b"A" * 200 + b"\r\n")).banner == "A" * 64


@pytest.mark.parametrize(
    ("selected", "security"), [(0, "rdp"), (1, "tls"), (2, "credssp"), (4, "rdstls"), (8, "credssp-ex")]
)
def test_the_security_of_rdp_is_told(selected, security):
    found = seen((True, rdp_request()), (False, rdp_confirm(selected)), port=3389)
    assert found.spoken is Spoken.RDP
    assert (found.screen.security, found.screen.channels) == (security, ())


def test_rdp_refused_and_old_rdp_are_told():
    assert seen((True, rdp_request()), (False, rdp_confirm(2, kind=3))).screen.security == "refused"
    assert seen((True, rdp_request(cookie=b"")), (False, rdp_confirm())).screen.security == "rdp"


def test_tls_that_rdp_agreed_upon_is_read():
    found = seen(
        (True, rdp_request()),
        (False, rdp_confirm(2)),
        (True, client_hello(b"vdi1.reiji.example")),
        (False, server_hello(0x0303)),
    )
    assert (found.spoken, found.inside) == (Spoken.RDP, Spoken.TLS)
    assert (found.tls.server_name, found.tls.chosen) == ("vdi1.reiji.example", 0x0303)


def test_the_channels_of_rdps_own_security_are_told():
    found = seen(
        (True, rdp_request(0)),
        (False, rdp_confirm(0)),
        (True, rdp_channels(b"rdpdr", b"rdpsnd", b"drdynvc", b"cliprdr")),
    )
    assert found.screen.channels == ("rdpdr", "rdpsnd", "drdynvc", "cliprdr")


def test_x224_of_other_protocols_is_not_rdp():
    tsap = b"\xc0\x01\x0a\xc1\x02\x01\x00\xc2\x02\x01\x02"  # S7comm
    request = b"\x03\0\0\x16\x11\xe0\0\0\0\1\0" + tsap
    assert seen((True, request)).spoken is None


def rfb(security, *more, minor=8):
    version = b"RFB 003.%03d\n" % minor
    return ((False, version), (True, version), (False, b"\x02\x01\x02"), (True, bytes((security,))), *more)


SCREEN = b"\x04\x00\x03\x00" + b"\x20\x18\0\1" + b"\0" * 12 + vector(b"canary desktop", 4)
CUT_TEXT = b"\0\0\0" + vector(b"canary text", 4)


def test_clipboard_messages_of_rfb_in_clear_are_counted():
    rectangle = b"\0\0\0\1" + struct.pack(">HHHHi", 0, 0, 2, 2, 0) + b"p" * 16
    found = seen(
        *rfb(2),
        (False, b"C" * 16),
        (True, b"R" * 16),
        (False, b"\0\0\0\0"),
        (True, b"\x01"),
        (False, SCREEN),
        (True, b"\0" * 20 + b"\x02\0\0\1\0\0\0\0" + b"\x06" + CUT_TEXT + b"\x04" + b"\0" * 7),
        (False, rectangle + b"\x03" + CUT_TEXT + b"\x02" + b"\x03" + CUT_TEXT),
    )
    assert (found.spoken, found.screen.security, found.screen.clipboard) == (Spoken.RFB, "vnc", 3)
    assert found.troubles == ()
    assert "canary" not in repr(found)


def test_rfb_that_cannot_be_followed_says_so():
    tight = b"\0\0\0\1" + struct.pack(">HHHHi", 0, 0, 2, 2, 7) + b"???"
    found = seen(*rfb(1), (False, b"\0\0\0\0"), (True, b"\x01"), (False, SCREEN + tight))
    assert "screen-cut" in found.troubles


def test_rfb_under_encryption_tells_its_kind_alone():
    found = seen(*rfb(19))
    assert (found.screen.security, found.screen.clipboard) == ("vencrypt", 0)


@pytest.mark.parametrize("first", [b"\x7f\x7fICA\0", b"\x1aCGP/01"])
def test_ica_and_cgp_are_told_by_their_first_octets(first):
    found = seen((False, first + b"\0\0"))
    assert (found.spoken, found.screen.protocol) == (Spoken.ICA, Spoken.ICA)


def test_smb_requests_are_counted_and_answers_are_not():
    found = seen(
        (True, smb2(0) + smb2(8) + smb2(9, more=(9, 8))),
        (False, smb2(0, answer=True) + smb2(8, answer=True) + smb2(9, answer=True)),
    )
    assert found.spoken is Spoken.SMB
    assert (found.files.protocol, found.files.reads, found.files.writes) == ("smb2", 2, 2)
    assert not found.files.encrypted


def test_encrypted_smb_is_told():
    sealed = b"\0" + vector(b"\xfdSMB" + b"\0" * 80, 3)
    assert seen((True, smb2(0) + sealed)).files.encrypted


def test_smb_1_is_counted():
    head = b"\xffSMB%c" + b"\0" * 27
    asked = b"".join(b"\0" + vector(head % command, 3) for command in (0x72, 0x2E, 0x2F, 0x2F))
    found = seen((True, asked))
    assert (found.files.protocol, found.files.reads, found.files.writes) == ("smb1", 1, 2)


def test_ftp_commands_are_counted_and_auth_tls_is_followed():
    found = seen(
        (False, b"220 ready\r\n"),
        (True, b"USER canary\r\nPASS canary\r\nRETR canary.txt\r\nSTOR canary.bin\r\nSTOR b\r\n"),
        (False, b"331 ok\r\n230 ok\r\n150 go\r\n226 done\r\n150 go\r\n226 done\r\n226 done\r\n"),
        (True, b"AUTH TLS\r\n"),
        (False, b"234 proceed\r\n"),
        (True, client_hello()),
        port=21,
    )
    assert (found.spoken, found.inside) == (Spoken.FTP, Spoken.TLS)
    assert (found.files.reads, found.files.writes, found.files.encrypted) == (1, 2, True)
    assert found.tls.ja4 == JA4
    assert "canary" not in repr(found)


def test_tftp_requests_are_counted():
    found = look(udp((True, b"\0\x02canary.cfg\0octet\0")), 17, 69)
    assert (found.files.protocol, found.files.reads, found.files.writes) == ("tftp", 0, 1)
    assert "canary" not in repr(found)


def test_pop3_and_imap_are_followed_into_tls():
    pop3 = seen((False, b"+OK hi\r\n"), (True, b"CAPA\r\n"), (False, b"+OK\r\nSTLS\r\n.\r\n"), (True, b"STLS\r\n"), (False, b"+OK go\r\n"), (True, client_hello()), (False, server_hello()))  # fmt: skip
    assert (pop3.spoken, pop3.inside, pop3.tls.chosen) == (Spoken.POP3, Spoken.TLS, 0x0304)
    imap = seen((False, b"* OK hi\r\n"), (True, b"a1 STARTTLS\r\n"), (False, b"a1 OK go\r\n"), (True, client_hello()), (False, server_hello()))  # fmt: skip
    assert (imap.spoken, imap.inside, imap.tls.chosen) == (Spoken.IMAP, Spoken.TLS, 0x0304)


def test_pop3_and_imap_in_clear_have_nothing_inside():
    found = seen((False, b"+OK hi\r\n"), (True, b"USER a\r\nPASS b\r\n"))
    assert (found.spoken, found.inside, found.tls) == (Spoken.POP3, None, None)
    assert seen((False, b"* OK hi\r\n"), (True, b"a1 LOGIN a b\r\n")).spoken is Spoken.IMAP


@pytest.mark.parametrize(
    ("protocol", "port", "first", "spoken"),
    [
        (6, 389, b"\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x00", Spoken.LDAP),
        (6, 88, b"\0\0\0\x20\x6a\x82\x01\0\x30\x82\0\xfc\xa1\x03\x02\x01\x05\xa2", Spoken.KERBEROS),
        (17, 88, b"\x6a\x81\xa0\x30\x81\x9d\xa1\x03\x02\x01\x05\xa2", Spoken.KERBEROS),
        (6, 23, b"\xff\xfd\x18\xff\xfd\x20", Spoken.TELNET),
        (17, 51820, b"\x01\0\0\0" + b"w" * 144, Spoken.WIREGUARD),
        (17, 1194, b"\x38" + b"session1" + b"\0" * 5, Spoken.OPENVPN),
        (6, 443, b"\0\x0e\x38" + b"session1" + b"\0" * 5, Spoken.OPENVPN),
        (17, 500, b"I" * 8 + b"\0" * 8 + b"\x21\x20\x22\x08" + b"\0" * 4 + b"\0\0\0\x1c", Spoken.IKE),
        (
            17,
            4500,
            b"\0" * 4 + b"I" * 8 + b"\0" * 8 + b"\x21\x20\x22\x08" + b"\0" * 4 + b"\0\0\0\x1c",
            Spoken.IKE,
        ),
        (17, 161, b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19", Spoken.SNMP),
        (17, 123, b"\x23" + b"\0" * 47, Spoken.NTP),
        (17, 3389, b"\xff\xff\xff\xff\0\x40\x10\x01" + b"\0" * 1200, Spoken.RDP),
    ],
)
def test_other_protocols_are_told_by_their_first_octets(protocol, port, first, spoken):
    cut = tcp((True, first)) if protocol == 6 else udp((True, first))
    assert look(cut, protocol, port).spoken is spoken


def test_a_responder_that_was_taken_for_the_opener_changes_nothing():
    found = seen((True, b"SSH-2.0-x\r\n"), open_=False)
    assert found.spoken is Spoken.SSH
    swapped = seen((False, client_hello()), (True, server_hello()), open_=False)
    assert (swapped.tls.ja4, swapped.tls.chosen) == (JA4, 0x0304)


def test_octets_that_are_nothing_known_are_not_understood():
    found = seen((True, b"\x99\x88\x77 something"))
    assert found.spoken is None
    assert found.troubles == ("not-understood",)
