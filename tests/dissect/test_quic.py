from __future__ import annotations

import pytest

from tests.dissect.building import crypto, handshake, hello_body, initial, server_hello, udp
from zoneguard.dissect.look import look
from zoneguard.dissect.quic import initial_keys
from zoneguard.dissect.record import Spoken

V1, V2 = 1, 0x6B3343CF
JA4 = "q13d1516h2_8daaf6152771_e5627efa2ab1"
ID = bytes.fromhex("8394c8f03e515708")


def seen(*turns):
    return look(udp(*turns), 17, 443)


# RFC 9001 appendix A.1, RFC 9369 appendix A.1.
@pytest.mark.parametrize(
    ("version", "label", "key", "iv", "mask_key"),
    [
        (V1, b"client in", "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2"),
        (V1, b"server in", "cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e", "c206b8d9b9f0f37644430b490eeaa314"),
        (V2, b"client in", "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9"),
    ],
)  # fmt: skip
def test_the_published_keys_are_derived(version, label, key, iv, mask_key):
    assert [one.hex() for one in initial_keys(version, ID, label)] == [key, iv, mask_key]


@pytest.mark.parametrize("version", [V1, V2, 0xFF00001D, 0xFF00001B])
def test_a_hello_in_an_initial_packet_is_read(version):
    found = seen((True, initial(crypto(0, handshake(1, hello_body())), version=version)))
    assert found.spoken is Spoken.QUIC
    assert (found.tls.server_name, found.tls.ja4) == ("www.reiji.example", JA4)
    assert found.troubles == ()


def test_a_hello_in_frames_out_of_order_over_several_packets_is_put_together():
    message = handshake(1, hello_body(padding=1400))
    parts = [(at, message[at : at + 300]) for at in range(0, len(message), 300)]
    first, second = parts[1::2], parts[::2]
    packets = [
        b"".join(b"\0\0\x01" + crypto(at, part) for at, part in reversed(some)) for some in (first, second)
    ]
    found = seen(*((True, initial(frames, number=number)) for number, frames in enumerate(packets)))
    assert (found.tls.server_name, found.tls.ja4) == ("www.reiji.example", JA4)


def test_a_hello_whose_second_packet_is_missing_gives_no_fingerprint():
    found = seen((True, initial(crypto(0, handshake(1, hello_body(padding=1400))[:1100]))))
    assert found.tls.server_name == "www.reiji.example"
    assert found.tls.ja4 is None
    assert "hello-cut" in found.troubles


def test_the_answer_is_opened_with_the_clients_connection_id():
    answer = b"\x02\0\0\0\0" + crypto(0, server_hello()[5:])
    found = seen(
        (True, initial(crypto(0, handshake(1, hello_body())))),
        (False, initial(answer, ident=b"", keyed_by=ID, label=b"server in")),
    )
    assert found.tls.chosen == 0x0304


def test_packets_that_cannot_be_opened_are_quic_all_the_same():
    packet = bytearray(initial(crypto(0, handshake(1, hello_body()))))
    packet[-1] ^= 1
    found = seen((True, bytes(packet)))
    assert (found.spoken, found.tls) == (Spoken.QUIC, None)
    assert found.troubles == ("quic-sealed",)


@pytest.mark.parametrize("version", [0x0A0A0A0A, 0xFACEB002, int.from_bytes(b"Q050", "big")])
def test_other_versions_are_told_but_not_opened(version):
    head = b"\xc3" + version.to_bytes(4, "big") + b"\x08" + ID + b"\0"
    assert seen((True, head.ljust(1200, b"\x55"))).spoken is Spoken.QUIC
