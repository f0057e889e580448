"""Unions of stretches of numbers, in the one form that their members allow."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, TypeAlias

from zoneguard.net.address import LAST, V4_FIRST, V4_LAST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zoneguard.net.address import Span

# Invariant (canonical): the stretches ascend and neither overlap nor touch, so `==` is semantic equality.
Spans: TypeAlias = "tuple[Span, ...]"

ANYWHERE: Spans = ((0, LAST),)
ANY_V4: Spans = ((V4_FIRST, V4_LAST),)
WILDCARD_LIMIT = 65536  # stretches of one wildcard mask: 16 scattered bits


def spans_from(stretches: Iterable[Span]) -> Spans:
    """Bring stretches of any order and overlap to the canonical form; an empty stretch is refused."""
    merged: list[Span] = []
    for first, last in sorted(stretches):
        if first > last:
            raise ValueError(f"A stretch ends no earlier than it begins; {first} to {last} does.")
        if merged and first <= merged[-1][1] + 1:
            if last > merged[-1][1]:
                merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return tuple(merged)


def intersect_spans(a: Spans, b: Spans) -> Spans:
    """Give the numbers that are in both; the shorter operand is looked up in the longer one."""
    if a is b or b is ANYWHERE:
        return a
    if a is ANYWHERE:
        return b
    if len(a) == 1 == len(b):  # as most are; one that lies in the other is given as it is
        (a_first, a_last), (b_first, b_last) = a[0], b[0]
        if b_first <= a_first and a_last <= b_last:
            return a
        if a_first <= b_first and b_last <= a_last:
            return b
        first, last = max(a_first, b_first), min(a_last, b_last)
        return ((first, last),) if first <= last else ()
    if len(a) > len(b):
        a, b = b, a
    found: list[Span] = []
    for first, last in a:
        at = _first_after(b, first)
        while at < len(b) and b[at][0] <= last:
            found.append((max(first, b[at][0]), min(last, b[at][1])))
            at += 1
    return tuple(found)


def subtract_spans(a: Spans, b: Spans) -> Spans:
    """Give the numbers of a that are not in b; what b does not touch is copied in runs, not looked at."""
    if not a:
        return a
    left: list[Span] = []
    at, end, start = 0, len(a), a[0][0]
    for place in range(_first_after(b, start), len(b)):
        low, high = b[place]
        if a[at][1] < low:
            apart = _first_after(a, low)
            left.append((start, a[at][1]))
            left += a[at + 1 : apart]
            at = apart
            if at == end:
                break
            start = a[at][0]
        while start <= high:
            if start < low:
                left.append((start, low - 1))
            if a[at][1] > high:
                start = high + 1
                break
            at += 1
            if at == end:
                return tuple(left)
            start = a[at][0]
    if at < end:
        left.append((start, a[at][1]))
        left += a[at + 1 :]
    return tuple(left)


def spans_meet(a: Spans, b: Spans) -> bool:
    """Tell whether any number is in both."""
    if len(a) == 1 and len(b) == 1:
        return a[0][0] <= b[0][1] and b[0][0] <= a[0][1]
    if len(a) > len(b):
        a, b = b, a
    for first, last in a:
        at = _first_after(b, first)
        if at < len(b) and b[at][0] <= last:
            return True
    return False


def spans_within(a: Spans, b: Spans) -> bool:
    """Tell whether every number of a is in b."""
    if len(a) == 1 == len(b):  # as most are
        return b[0][0] <= a[0][0] and a[0][1] <= b[0][1]
    for first, last in a:
        at = _first_after(b, first)
        if at == len(b) or not (b[at][0] <= first and last <= b[at][1]):
            return False
    return True


def spans_hold(spans: Spans, number: int) -> bool:
    """Tell whether a number is in spans."""
    if len(spans) == 1:  # as most are
        return spans[0][0] <= number <= spans[0][1]
    at = _first_after(spans, number)
    return at < len(spans) and spans[at][0] <= number


def spans_size(spans: Spans) -> int:
    """Count the numbers."""
    if len(spans) == 1:  # as most are
        return spans[0][1] - spans[0][0] + 1
    return sum(last - first + 1 for first, last in spans)


def wildcard_spans(base: int, wildcard: int, *, bits: int, limit: int = WILDCARD_LIMIT) -> Spans:
    """Expand a wildcard mask, scattered bits included, to stretches of a field of so many bits.

    A bit set in `wildcard` may be anything, as in Cisco's 0.0.255.0; the others are as in `base`. IPv4
    (32 bits) is given its place on the common number line. Raises ValueError beyond `limit` stretches.
    """
    tail = (wildcard ^ (wildcard + 1)) >> 1  # the free bits at the low end make each stretch long
    free = [at for at in range(tail.bit_length(), bits) if wildcard >> at & 1]
    if 1 << len(free) > limit:
        raise ValueError(
            f"The wildcard mask {wildcard:#x} stands for {1 << len(free)} ranges; at most {limit} are expanded."
        )
    starts = [base & ~wildcard & ((1 << bits) - 1)]
    for at in free:
        starts += [start | 1 << at for start in starts]
    shift = V4_FIRST if bits == 32 else 0
    return spans_from((shift + start, shift + (start | tail)) for start in starts)


def prefixes_of(spans: Spans) -> Iterator[Span]:
    """Yield the aligned blocks of a power of two, the fewest that make up the stretches, ascending.

    An IPv4 block never joins with what lies beside the mapped range.
    """
    for span in spans:
        for first, last in _by_family(span):
            start = first
            while start <= last:
                size = (start & -start) or 1 << 128
                while size > last - start + 1:
                    size >>= 1
                yield start, start + size - 1
                start += size


def _by_family(span: Span) -> Iterator[Span]:
    for first, last in ((0, V4_FIRST - 1), (V4_FIRST, V4_LAST), (V4_LAST + 1, LAST)):
        if span[0] <= last and first <= span[1]:
            yield max(first, span[0]), min(last, span[1])


def _first_after(spans: Spans, number: int) -> int:
    """Find the first stretch that ends at or after a number."""
    at = bisect_right(spans, (number, LAST + 1)) - 1
    return at if at >= 0 and spans[at][1] >= number else at + 1
