"""Store and flow history kept in step: at the start, and from time to time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from zoneguard.store.history import History
    from zoneguard.store.records import Part
    from zoneguard.store.store import Store
    from zoneguard.text import Text


def take_up(store: Store, history: History, sensor: str) -> tuple[Text, ...]:
    """Bring the folder of the history and the store together; call it once, before the sensor's first run begins.

    A store that has never seen this sensor (begun anew, or another one by configuration) takes in the parts that
    lie there, instead of having them removed as parts that nobody vouches for.
    """
    if sensor not in store.sensors():
        adopted = history.adopt()
        store.replace_parts(sensor, old=[], new=adopted)
        return history.settle(adopted).notices
    settled = history.settle(store.parts(sensor))
    if settled.missing:
        store.replace_parts(sensor, old=settled.missing, new=[])
    return settled.notices


def tidy(
    store: Store, history: History, sensor: str, *, now: int, days: int, needed: Collection[int] = ()
) -> tuple[Text, ...]:
    """Let go of days beyond retention, and make one part of the many of each day that is over.

    `now` is ns since 1970. Every part of such a day is read once in the course; one that is damaged is set aside and said.
    Parts whose numbers are `needed` stay as they are: a judgement that goes on is taken up from them.
    """
    parts = [part for part in store.parts(sensor) if part.number not in needed]
    expired = history.expired(parts, now=now, days=days)
    if expired:
        store.replace_parts(sensor, old=expired, new=[])
        history.remove(expired)
    today = history.day(now)
    kept = [part for part in parts if part not in expired and part.day < today]
    notices: list[Text] = []
    for day in sorted({part.day for part in kept}):
        of_day = [part for part in kept if part.day == day]
        if len(of_day) > 1:
            notices += _merge(store, history, sensor, of_day)
    return tuple(notices)


def _merge(store: Store, history: History, sensor: str, parts: list[Part]) -> list[Text]:
    damaged = history.damaged(parts)
    notices = history.set_aside(damaged)
    if damaged:
        store.replace_parts(sensor, old=damaged, new=[])
    parts = [part for part in parts if part not in damaged]
    while True:
        old, new = history.compact(parts)
        if not new:
            return notices
        store.replace_parts(sensor, old=old, new=new)
        history.remove(old)
        parts = [*(part for part in parts if part not in old), *new]
