"""From the outbox to one sink: in order, at least once, with patience, and many at once as one digest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoneguard.sensor.messages import digest
from zoneguard.sensor.sinks.base import Outgoing, SinkUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zoneguard.sensor.sinks.base import Sink
    from zoneguard.store.records import Pending
    from zoneguard.store.store import Store

SECOND = 1_000_000_000
AT_ONCE = 100  # messages handed to a sink in one call
MOST_IN_A_DIGEST = 10_000  # commits; a sink that was down for longer gets several digests


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How patient and how talkative one sink is; times in seconds.

    Not more than `most` messages go out in any `window`, and the last of them is a digest of all that wait.
    Without `most` every message goes out as it is, as a file wants it.
    """

    first_wait: float = 5
    longest_wait: float = 900
    jitter: float = 0.25  # so much of the wait is left to chance, that a fleet does not knock in step
    most: int | None = None
    window: float = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Send each of these as it is."""

    messages: tuple[Pending, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAsOne:
    """Send these as one message, under the key of the last."""

    messages: tuple[Pending, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Nothing goes out before this time (ns since 1970); None: nothing waits."""

    until: int | None


def plan(pending: Sequence[Pending], sent: Sequence[int], pace: Pace, *, now: int) -> Send | SendAsOne | Wait:
    """Decide what to do about one sink: `pending` in order, `sent` the times of what it took lately."""
    if not pending:
        return Wait(until=None)
    head = pending[0]
    # A clock that was set back must not leave the spool waiting for a time of the old clock.
    if now < head.next_attempt <= now + int(pace.longest_wait * (1 + pace.jitter) * SECOND):
        return Wait(until=head.next_attempt)
    if pace.most is None:
        return Send(messages=tuple(pending[:AT_ONCE]))
    if (
        head.batch is not None
    ):  # it was tried before, and may have arrived: the same again, under the same key
        return SendAsOne(messages=tuple(one for one in pending if one.batch == head.batch))
    return _paced(pending, sent, pace.most, int(pace.window * SECOND), now)


def _paced(
    pending: Sequence[Pending], sent: Sequence[int], most: int, window: int, now: int
) -> SendAsOne | Wait:
    """Give each message its turn while there are places in the window; the last place takes all that wait."""
    lately = [time for time in sent if now - window < time <= now]
    left = most - len(lately)
    if left <= 0:
        return Wait(until=min(lately) + window)
    return SendAsOne(messages=tuple(pending if left == 1 else pending[:1]))


def wait_after(attempts: int, pace: Pace, chance: float) -> float:
    """Give the seconds to wait after so many failed attempts in a row; `chance` lies in [0, 1)."""
    wait = min(pace.first_wait * 2.0 ** min(attempts - 1, 60), pace.longest_wait)
    return wait * (1 + pace.jitter * (2 * chance - 1))


class Delivery:
    """Empties the outbox of one sink, step by step; `step` never raises for a sink that is down."""

    def __init__(
        self, store: Store, sink: Sink, *, sensor: str, name: str, pace: Pace, chance: Callable[[], float]
    ) -> None:
        self._store = store
        self._sink = sink
        self._sensor = sensor
        self._name = name
        self._pace = pace
        self._chance = chance
        self._taken: tuple[int, int] | None = (
            None  # taken up to this sequence at this time, and not noted yet
        )

    def step(self, now: int) -> Wait:
        """Send what is due; tells when to be called again (ns; `now`: at once; None: when something is new).

        Raises StoreUnavailableError; what was sent and could not be noted is noted at the next step, or, after a
        restart, goes out again under the same key.
        """
        if self._taken is not None:
            self._note(*self._taken)
        match self._planned(now):
            case Wait() as wait:
                return wait
            case Send(messages=messages):
                return self._send(messages, [_outgoing(one) for one in messages], now)
            case SendAsOne(messages=messages):
                if messages[0].batch is None:
                    self._store.bind(self._sensor, self._name, last=messages[-1].sequence)
                return self._send(messages, [_as_one(messages)], now)

    def close(self) -> None:
        """Close the sink."""
        self._sink.close()

    def _planned(self, now: int) -> Send | SendAsOne | Wait:
        pace, sent = self._pace, []
        # The head alone tells most of the time that nothing is due; a spool of a day is not read for that.
        head = self._store.pending(self._sensor, self._name, most=1)
        if head and pace.most is not None:
            sent = self._store.sent(self._sensor, self._name, since=now - int(pace.window * SECOND))
        planned = plan(head, sent, pace, now=now)
        if isinstance(planned, Wait) or head[0].batch is not None:
            return planned
        most = AT_ONCE if pace.most is None else MOST_IN_A_DIGEST
        return plan(self._store.pending(self._sensor, self._name, most=most), sent, pace, now=now)

    def _send(self, messages: Sequence[Pending], outgoing: Sequence[Outgoing], now: int) -> Wait:
        try:
            self._sink.deliver(outgoing)
        except SinkUnavailable as refusal:
            taken = refusal.delivered if len(outgoing) == len(messages) else 0
            if taken:
                self._note(messages[taken - 1].sequence, now)
            return self._failed(messages[taken].attempts + 1, refusal, now)
        self._note(messages[-1].sequence, now)
        return Wait(until=now)

    def _note(self, last: int, at: int) -> None:
        # Kept until it is written: a disk that stays full must not make us send the same again at each step.
        self._taken = (last, at)
        self._store.delivered(self._sensor, self._name, last=last, at=at)
        self._taken = None

    def _failed(self, attempts: int, refusal: SinkUnavailable, now: int) -> Wait:
        wait = wait_after(attempts, self._pace, self._chance())
        if refusal.retry_after is not None:
            wait = min(max(wait, refusal.retry_after), self._pace.longest_wait)
        again = now + int(wait * SECOND)
        self._store.failed(self._sensor, self._name, next_attempt=again, error=str(refusal))
        return Wait(until=again)


def _outgoing(one: Pending) -> Outgoing:
    return Outgoing(key=one.key, sequence=one.sequence, kind=one.kind, created=one.created, body=one.body)


def _as_one(messages: Sequence[Pending]) -> Outgoing:
    last = messages[-1]
    if len(messages) == 1:
        return _outgoing(last)
    return Outgoing(
        key=last.key,
        sequence=last.sequence,
        kind="digest",
        created=last.created,
        body=digest([one.body for one in messages]),
    )
