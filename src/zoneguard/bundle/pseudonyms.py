"""Pseudonyms by a key that stays with the city: addresses keep their prefixes, every name becomes another.

Addresses follow Crypto-PAn (J. Xu, J. Fan, M. Ammar, S. Moon: Prefix-Preserving IP Address Anonymization, 2002):
two addresses that share their first n bits share them afterwards too. Here ranges with a meaning of their own
stay what they are: a private address stays private, and a public one public.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING, Final

from zoneguard.errors import InputRefusedError, why
from zoneguard.net.address import mac_text
from zoneguard.policy.model import PUBLIC, UNKNOWN
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from zoneguard.net.address import Address, Network

KEY_OCTETS: Final = 32
_HEAD: Final = "zoneguard-pseudonym-key/1 "
_NAME_DIGITS: Final = 8
_MAPPED: Final = 0xFFFF << 32

# Ranges that are what they are by their first bits (RFC 1918, 6598, 3927, 5771, 4193, 4291): these bits stay.
_KEPT: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "fc00::/7",
        "fe80::/10",
        "fe80::/64",
        "ff00::/8",
        # The scope of multicast and, below, the whole address: everybody has these.
        *(f"ff0{scope:x}::/112" for scope in range(16)),
        "::/96",
        "::ffff:0:0/96",
    )
)
_WHOLE: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",
        "127.0.0.0/8",
        "224.0.0.0/23",
        "255.255.255.255/32",
        "::/127",
        *(f"ff0{scope:x}::/112" for scope in range(16)),
    )
)


def read_or_make_key(path: Path, *, fresh: Callable[[int], bytes]) -> bytes:
    """Read the key file, or make one that only its owner may read. Raises InputRefusedError.

    `fresh` gives so many octets that nobody can guess.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except FileExistsError:
        return _read_key(path)
    except OSError as error:
        raise _no_key(path, why(error)) from error
    key = fresh(KEY_OCTETS)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{_HEAD}{key.hex()}\n")
    return key


def _read_key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(200).decode("ascii", "replace").strip()
    except OSError as error:
        raise _no_key(path, why(error)) from error
    if mode & 0o077:
        raise _no_key(
            path,
            Text(
                ja="ほかの利用者も読めます。chmod 600 を実行してください",
                en="others may read it; run chmod 600 on it",
            ),
        )
    digits = text.removeprefix(_HEAD)
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        key = b""
    if digits == text or len(key) != KEY_OCTETS:
        raise _no_key(
            path,
            Text(
                ja="仮名化の鍵ではありません。まだない名前を指定すると作成します",
                en="it is no key for pseudonyms; a name that does not exist yet makes one",
            ),
        )
    return key


def _no_key(path: Path, reason: Text) -> InputRefusedError:
    return InputRefusedError(
        Text(
            ja=f"{path}: 鍵のファイルとして使えません（{reason.ja}）。",
            en=f"{path}: cannot be used as a key file ({reason.en}).",
        )
    )


class PrefixCipher:
    """Crypto-PAn for addresses of one width, with a key of 32 octets: 16 of AES, 16 of padding."""

    def __init__(self, key: bytes, *, width: int, kept: Iterable[Network], whole: Iterable[Network]) -> None:
        # Here and not above: nothing but pseudonyms needs it, and it takes 30 ms to load.
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        # ECB over single blocks is the pseudo-random function of Crypto-PAn, not a way to hide a text.
        self._encrypt = Cipher(algorithms.AES(key[:16]), modes.ECB()).encryptor().update  # noqa: S305
        self._width = width
        self._pad = int.from_bytes(self._encrypt(key[16:32]), "big")
        self._kept = [_prefix(network) for network in kept if network.max_prefixlen == width]
        self._whole = [_prefix(network) for network in whole if network.max_prefixlen == width]

    def flips(self, number: int) -> int:
        """Give the bits that are turned over, from the first to the last; bit i depends on the i before it."""
        blocks = bytearray()
        for length in range(self._width):
            kept = 128 - length
            head = number >> (self._width - length) << kept
            blocks += (head | self._pad & ((1 << kept) - 1)).to_bytes(16, "big")
        turned = self._encrypt(bytes(blocks))
        flips = 0
        for length in range(self._width):
            flips = flips << 1 | turned[16 * length] >> 7
        return flips

    def map(self, number: int) -> int:
        """Give the pseudonym of an address; one to one, and prefixes that are shared stay shared."""
        if any(number >> (self._width - length) == bits for bits, length in self._whole):
            return number
        still = 0  # first bits that are never turned over
        for bits, length in (*self._kept, *self._whole):
            common = length - (number >> (self._width - length) ^ bits).bit_length()
            still = max(still, length if common == length else common + 1)
        return number ^ self.flips(number) & ((1 << (self._width - still)) - 1)


class Pseudonyms:
    """Gives everything its pseudonym: the same for the same key, and none that can be told from the name."""

    def __init__(self, key: bytes, *, roles: Mapping[str, str]) -> None:
        """Take the key, and the role of each declared zone: it is the readable half of a zone's pseudonym."""
        self._key = key
        self._roles = roles
        self._ciphers = {
            version: PrefixCipher(self._derived(f"ipv{version}"), width=width, kept=_KEPT, whole=_WHOLE)
            for version, width in ((4, 32), (6, 128))
        }
        self._known: dict[Address, Address] = {}

    def address(self, address: Address) -> Address:
        """Give the pseudonym of an address; the zone of a scoped address is dropped."""
        found = self._known.get(address)
        if found is None:
            found = self._known[address] = self._mapped(address)
        return found

    def _mapped(self, address: Address) -> Address:
        if isinstance(address, IPv4Address):
            return IPv4Address(self._ciphers[4].map(int(address)))
        if address.ipv4_mapped is not None:  # an IPv4 address in other clothes (RFC 4291, 2.5.5.2)
            return IPv6Address(_MAPPED | self._ciphers[4].map(int(address.ipv4_mapped)))
        return IPv6Address(self._ciphers[6].map(int(address)))

    def network(self, network: Network) -> Network:
        """Give the pseudonym of a network: the network of all pseudonyms of its addresses."""
        first = int(self.address(network.network_address))
        if network.version == 4:
            return IPv4Network((first, network.prefixlen), strict=False)
        return IPv6Network((first, network.prefixlen), strict=False)

    def mac(self, mac: int) -> int:
        """Give the pseudonym of a MAC address: locally administered; groups stay groups, broadcast stays."""
        if mac in (0, (1 << 48) - 1):
            return mac
        group = mac >> 40 & 1
        rest = int.from_bytes(self._derived(f"mac {mac_text(mac)}")[:6], "big")
        return rest & ~(3 << 40) | (2 | group) << 40

    def name(self, kind: str, original: str) -> str:
        """Give the pseudonym of a name: what kind of thing it is, and eight digits."""
        return f"{kind}-{self._derived(f'{kind} {original}')[: _NAME_DIGITS // 2].hex()}"

    def zone(self, zone: str) -> str:
        """Give the pseudonym of a zone; the implicit ones and the wildcard stay."""
        if zone in (PUBLIC, UNKNOWN, "*"):
            return zone
        return self.name(self._roles.get(zone, "zone"), zone)

    def fingerprint(self, original: str) -> str:
        """Give another fingerprint: without the key nobody can try addresses until one fits."""
        return self._derived(f"fingerprint {original}")[:8].hex() if original else ""

    def _derived(self, purpose: str) -> bytes:
        return hmac.new(self._key, purpose.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()


def _prefix(network: Network) -> tuple[int, int]:
    return int(network.network_address) >> (network.max_prefixlen - network.prefixlen), network.prefixlen
