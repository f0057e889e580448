"""A sensor in small, made to be killed: judges, writes history, commits, delivers to a file, until it is through.

Arguments: URL of the store, file to deliver to; the history lies beside it. For each line of input, a number of findings to reach, a child is
forked, which goes on where the store says that the one before it was killed; its number is printed, and how it ended.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.store.made import NOW, SECOND, begin, finding, judged
from tests.store.test_history import JST, MIDNIGHT, flows
from zoneguard.sensor.delivery import Delivery, Pace
from zoneguard.store.history import History
from zoneguard.store.opening import open_store
from zoneguard.store.upkeep import take_up

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zoneguard.sensor.sinks.base import Outgoing

AT_ONCE = 3


class Lines:
    """Appends what it is given; a line that was torn by a kill is cut when the file is opened again."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        whole = path.read_bytes()
        os.ftruncate(self._file, whole.rfind(b"\n") + 1)

    def deliver(self, messages: Sequence[Outgoing]) -> None:
        for one in messages:
            told = [
                {"change": told["change"], "name": told["finding"]["fingerprint"]}
                for told in one.body["told"]
            ]
            os.write(self._file, json.dumps({"key": one.key, "told": told}).encode() + b"\n")

    def close(self) -> None:
        os.close(self._file)


def main() -> None:
    import alembic.command  # noqa: F401 - once for all children
    import pyarrow.parquet  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if not child:
            work(sys.argv[1], Path(sys.argv[2]), int(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        say(f"ended {os.waitstatus_to_exitcode(status)}")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def work(url: str, delivered: Path, count: int) -> None:
    store, _ = open_store(url, now=NOW)
    delivery = Delivery(store, Lines(delivered), sensor="s1", name="log", pace=Pace(), chance=lambda: 0.5)
    history = History(delivered.with_name("flows"), JST)
    say(str(os.getpid()))
    take_up(store, history, "s1")
    run = begin(store)
    done = len(store.known("s1"))
    serial = 0
    mine: list[int] = []
    while done < count:
        fresh = range(done, min(done + AT_ONCE, count))
        mine += fresh
        serial += 1
        at = NOW + done * SECOND
        found = [finding(f"f{n}", first_seen=NOW, last_seen=NOW + n) for n in mine]
        parts = history.write(flows(len(fresh), start=MIDNIGHT))
        store.commit(
            judged(store, run=run, serial=serial, findings=found, at=at, gone_after=10**6, parts=parts)
        )
        done = len(store.known("s1"))
        delivery.step(at)
    while delivery.step(NOW).until is not None:
        pass
    store.close()


if __name__ == "__main__":
    main()
