"""What is told on standard error while the work lasts: a bar for people, and a word before a long wait."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Self

from zoneguard.text import Text

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import TextIO

    from rich.progress import Progress, TaskID

    from zoneguard.text import Lang

SHOWN_AFTER = 1.0  # seconds
_EVERY = 0.1

_COMPILING = Text(
    ja="解析エンジンをコンパイルしています。最初の一度だけで、30秒から1分ほどかかります。"
    "「zoneguard warmup」で前もって済ませることもできます。",
    en="Compiling the capture engine; this happens once and takes half a minute to a minute."
    " `zoneguard warmup` does it beforehand.",
)
_COMPILING_EVERY_TIME = Text(
    ja="解析エンジンをコンパイルしています。30秒から1分ほどかかります。書き込めるキャッシュがないため、実行のたびに"
    "必要です。ZONEGUARD_CACHE で書き込めるフォルダーを指定してください。",
    en="Compiling the capture engine, which takes half a minute to a minute; no cache can be written, so every run has"
    " to. Name a writable folder in ZONEGUARD_CACHE.",
)


def tell_compilation(lang: Lang, stream: TextIO) -> AbstractContextManager[None]:
    """Have a line written before the kernels are compiled in this block, and only then."""
    from zoneguard.capture import kernels

    def tell(kept: bool) -> None:  # noqa: FBT001 - the hook's signature
        stream.write((_COMPILING if kept else _COMPILING_EVERY_TIME).in_(lang) + "\n")
        stream.flush()

    return kernels.announcing(tell)


class ProgressBar:
    """Tells bytes done of the total, packets per second and the time left; silent when not on a terminal."""

    def __init__(self, total: int | None, *, lang: Lang, stream: TextIO | None = None) -> None:
        self._total = total
        self._lang = lang
        self._stream = stream or sys.stderr
        self._compilation = tell_compilation(lang, self._stream)
        self._people_watch = self._stream.isatty()
        self._begin = self._last = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._compilation.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._compilation.__exit__(kind, error, trace)
        if self._bar is not None:
            self._bar.stop()

    def update(self, done_bytes: int, packets: int) -> None:
        """Tell how far the work has come, in all."""
        now = time.monotonic()
        if not self._people_watch or now - self._begin < SHOWN_AFTER or now - self._last < _EVERY:
            return
        self._last = now
        if self._bar is None or self._task is None:
            self._bar, self._task = self._show()
        rate = packets / (now - self._begin)
        self._bar.update(self._task, completed=done_bytes, rate=f"{rate:,.0f} packets/s")

    def _show(self) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(file=self._stream),
            transient=True,
        )
        bar.start()
        reading = "読み取り中" if self._lang == "ja" else "reading"
        return bar, bar.add_task(reading, total=self._total, rate="")
