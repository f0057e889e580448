"""Individual numbers (個人番号) that stand in clear payload: how many, never which."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_RUN = re.compile(rb"(?<![0-9])[0-9]{12}(?![0-9])")
_WEIGHTS = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)  # Q of the eleventh to the first digit, counted from the right


def count_numbers(octets: bytes) -> int:
    """Count the runs of exactly twelve digits whose last is the check digit of an individual number.

    The formula is that of article 5 of 行政手続における特定の個人を識別するための番号の利用等に関する法律の規定による
    通知カード及び個人番号カード並びに情報提供ネットワークシステムによる特定個人情報の提供等に関する省令 (平成26年総務省令第85号):
    11 - (sum of P(n) * Q(n) for n = 1 … 11, modulo 11), or 0 where the remainder is 0 or 1; P(n) is the n-th of
    the eleven other digits counted from the lowest, Q(n) is n + 1 up to 6 and n - 5 from 7. About one in eleven
    random runs fits, so a single hit proves nothing.
    """
    return sum(map(_fits, _runs(octets)))


def _runs(octets: bytes) -> Iterable[bytes]:
    return (found.group() for found in _RUN.finditer(octets))


def _fits(run: bytes) -> bool:
    digits = [octet - 0x30 for octet in run]
    rest = sum(digit * weight for digit, weight in zip(digits[:11], _WEIGHTS, strict=True)) % 11
    return digits[11] == (0 if rest <= 1 else 11 - rest)
