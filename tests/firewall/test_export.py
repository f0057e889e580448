from __future__ import annotations

import pytest

from zoneguard.firewall.export import REDACTED, Export

# One of each word behind which a secret stands.
SECRETS = """\
set password hush9
set passwd hush9
set psksecret hush9
set secret hush9
set key hush9
set private-key hush9
set auth-pwd hush9
set priv-pwd hush9
set ppk-secret hush9
set passphrase hush9
set radius-secret hush9
set tacacs+-secret hush9
set community hush9
set wpa-psk hush9
set token hush9
set enc-key hush9
set auth-key hush9
set login-passwd hush9
enable secret 5 hush9
password encrypted hush9
pre-shared-key ascii-text hush9
key-string hush9
snmp-server community hush9
phash hush9
encrypted-password hush9
ikev1 pre-shared-key hush9
pp auth username someone hush9
ipsec ike pre-shared-key 1 text hush9
login password hush9
administrator password encrypted hush9
ppp chap password hush9
wpa-psk ascii 0 hush9
SET PA\N{LATIN SMALL LETTER LONG S}SWORD hush9
set to\N{KELVIN SIGN}en hush9
"""


@pytest.mark.parametrize("line", SECRETS.splitlines())
def test_a_file_with_one_secret_alone_has_it_put_away(line):
    export = Export.of("x", f"hostname fw\n{line}\n".encode())
    assert "hush9" not in export.lines[1]
    assert REDACTED in export.lines[1]
    assert export.redacted == 1


def test_a_secret_goes_and_the_word_before_it_stays():
    (line,) = Export.of("x", b"pre-shared-key key invented").lines
    assert line == "pre-shared-key <redacted> invented"


def test_the_tags_of_xml_are_no_part_of_a_secret():
    lines = Export.of("x", b"<a>ask for the password here</a>\n<entry name='secret b'/>\n").lines
    assert lines == ["<a>ask for the password <redacted></a>", "<entry name='secret <redacted>'/>"]
