from __future__ import annotations

import base64

import pytest

from tests.dissect.building import client_hello, smtp, tcp, udp
from zoneguard.dissect.look import look
from zoneguard.dissect.numbers import count_numbers


def check_digit(eleven):
    """The formula of the ordinance, word for word: the n-th digit from the lowest, by its weight."""
    total = 0
    for n in range(1, 12):
        p = int(eleven[11 - n])
        q = n + 1 if n <= 6 else n - 5
        total += p * q
    remainder = total % 11
    return 0 if remainder <= 1 else 11 - remainder


def fitting(eleven):
    return f"{eleven}{check_digit(eleven)}".encode()


@pytest.mark.parametrize(
    "eleven", ["12345678901", "00000000000", "99999999999", "10000000000", "00000000006", "73050193846"]
)
def test_a_run_counts_only_with_its_check_digit(eleven):
    right = fitting(eleven)
    assert count_numbers(b"<" + right + b">") == 1
    wrong = right[:11] + str((right[11] - 0x30 + 1) % 10).encode()
    assert count_numbers(wrong) == 0


def test_the_example_that_vendors_publish_fits():
    assert count_numbers(b"123456789018") == 1


def test_longer_and_shorter_runs_do_not_count():
    right = fitting("12345678901")
    assert count_numbers(b"1" + right) == count_numbers(right + b"1") == count_numbers(right[1:]) == 0
    assert count_numbers(right + b"," + right + b"\n" + right) == 3


def test_a_look_counts_in_clear_payload_and_tells_no_digits():
    right = fitting("12345678901")
    found = look(tcp((True, b"POST / HTTP/1.1\r\nContent-Length: 12\r\n\r\n" + right), (False, right)), 6, 80)
    assert found.numbers == 2
    assert right.decode() not in repr(found)
    assert look(udp((True, right + b" x")), 17, 9).numbers == 1


def test_encoded_bodies_of_mail_are_counted_too():
    right = fitting("12345678901")
    mail = b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(right).replace(b"\n", b"\r\n")
    assert look(tcp(*smtp(mail)), 6, 25).numbers == 1


def test_nothing_is_counted_in_what_is_encrypted():
    right = fitting("12345678901")
    assert look(tcp((True, client_hello() + b"\x17\x03\x03\x00\x0c" + right)), 6, 443).numbers == 0


def test_what_precedes_encryption_is_counted_even_when_the_sides_were_taken_for_each_other():
    right = fitting("12345678901")
    asked = b"EHLO " + right + b"\r\nSTARTTLS\r\n"
    turns = ((True, b"220 a\r\n250 b\r\n220 go\r\n"), (False, asked + client_hello()))
    assert look(tcp(*turns, open_=False), 6, 25).numbers == 1
