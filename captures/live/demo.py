"""The stories of the sample captures, played onto a mirror port: the sensor must find live what they hold."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from ears import METRICS, metric
from showing import PROGRAM, NotReadyError, Showing
from stage import CORE, MIRROR, Player, enter
from stories import NOT_LIVE, failures, read_stories

from zoneguard.cli.bilingual import locale_language
from zoneguard.errors import ExitCode
from zoneguard.report.width import left
from zoneguard.text import Text

if TYPE_CHECKING:
    from stories import Story

    from zoneguard.text import Lang

# Seconds between two stories, so that the time of a finding's first packet tells which story it is of. No two stories
# share addresses and ports, so that no pause is needed to keep their flows apart.
PAUSE = 1.0
SHOWN = (
    "zoneguard_packets_total",
    "zoneguard_dropped_packets_total",
    "zoneguard_windows_total",
    "zoneguard_flows_total",
    "zoneguard_findings",
    "zoneguard_delivered_messages_total",
)


def main() -> int:
    """Show it; 0 only when everything that a sensor can find of the stories was found, and nothing else."""
    lang = locale_language(os.environ)
    sys.stdout.reconfigure(errors="replace")  # a locale may lack an arrow
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("ip") is None:
        return _refuse(_NOT_ROOT, lang)
    subprocess.run([*PROGRAM, "--lang", lang, "warmup"], check=True, stdout=subprocess.DEVNULL)
    try:
        enter()
    except OSError as error:
        return _refuse(_no_namespace(error), lang)
    with ExitStack() as held:
        folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="zoneguard-demo-")))
        showing = Showing(folder, lang, held)
        try:
            return _show(showing, read_stories(lang), held)
        except NotReadyError:
            showing.say(
                Text(ja="センサーが動き始めません。", en="The sensor does not become ready."), head="! "
            )
            return int(ExitCode.LACKING)


def _show(showing: Showing, stories: list[Story], held: ExitStack) -> int:
    showing.say(
        Text(
            ja=f"専用のネットワーク名前空間の中の線 {CORE} ― {MIRROR}、フォルダー {showing.folder}",
            en=f"A wire {CORE} — {MIRROR} in a network namespace of its own; folder {showing.folder}",
        )
    )
    player = Player()
    held.callback(player.close)
    policy = stories[0].policy
    showing.use_policy(policy)
    showing.start()
    for story in stories:
        if story.policy != policy:
            policy = story.policy
            showing.reload(policy)
        _play(showing, player, story)
    page = showing.settle(player.sent)
    showing.show_status()
    showing.write("\n")
    showing.say(Text(ja=f"GET {METRICS}（抜粋）", en=f"GET {METRICS} (excerpt)"))
    showing.write(f"{_excerpt(page)}\n")
    code = showing.stop()
    wrong = failures(showing.heard, stories)
    wrong += _lost(page, player.sent) + _undelivered(showing) + _ended(code)
    return _sum_up(showing, stories, wrong)


def _play(showing: Showing, player: Player, story: Story) -> None:
    showing.write(f"▶ {story.path.name}\n")
    showing.say(Text(ja=story.title, en=story.title), head="  ")
    story.began = time.time()
    player.play(story.path)
    time.sleep(PAUSE / 2)
    story.ended = time.time()
    time.sleep(PAUSE / 2)


def _sum_up(showing: Showing, stories: list[Story], wrong: list[Text]) -> int:
    lang = showing.lang
    none = Text(ja="なし", en="none").in_(lang)
    heads = (
        Text(ja="物語", en="story"),
        Text(ja="期待", en="expected"),
        Text(ja="生で検出", en="found live"),
    )
    rows = [tuple(head.in_(lang) for head in heads)]
    for story in sorted(stories, key=lambda one: one.path.name):
        found = ", ".join(showing.heard.primary_of(story)) or none
        rows.append((story.number, ", ".join(story.primary) or none, found))
    showing.write("\n" + "".join(f"  {left(a, 8)}{left(b, 12)}{c}\n" for a, b, c in rows) + "\n")
    for text in NOT_LIVE:
        showing.say(text)
    for text in wrong:
        showing.say(text, head="! ")
    if wrong:
        showing.say(Text(ja="期待どおりではありませんでした。", en="This is not what was expected."))
        return int(ExitCode.FINDINGS)
    showing.say(
        Text(
            ja="パケットでわかることはすべて生で見つかり、ほかには何も報告されず、すべて届きました。",
            en="Whatever packets can tell of the stories was found live, nothing else was, and all of it was delivered.",
        ),
    )
    return int(ExitCode.CLEAN)


def _lost(page: str, sent: int) -> list[Text]:
    packets = int(metric(page, "zoneguard_packets_total") or 0)
    dropped = int(metric(page, "zoneguard_dropped_packets_total") or 0)
    if (packets, dropped) == (sent, 0):
        return []
    return [
        Text(
            ja=f"送ったパケットは {sent} ですが、判定されたのは {packets}、取りこぼしは {dropped} です。",
            en=f"{sent} packets were sent, but {packets} judged and {dropped} dropped.",
        )
    ]


def _undelivered(showing: Showing) -> list[Text]:
    read, posted = (
        {(one["finding"]["fingerprint"], one["change"]) for one in heard.findings}
        for heard in (showing.heard, showing.posted)
    )
    if read == posted:
        return []
    return [
        Text(
            ja=f"ファイルと Webhook で届いた指摘が {len(read ^ posted)} 件違います。",
            en=f"File and webhook were told differently of {len(read ^ posted)} findings.",
        )
    ]


def _ended(code: int) -> list[Text]:
    if code == ExitCode.CLEAN:
        return []
    return [Text(ja=f"センサーの終了コードは {code} でした。", en=f"The sensor ended with exit code {code}.")]


def _excerpt(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if line.partition("{")[0].split(" ")[0] in SHOWN)


def _refuse(text: Text, lang: Lang) -> int:
    print(text.in_(lang), file=sys.stderr)
    return int(ExitCode.LACKING)


def _end(number: int, _frame: object) -> NoReturn:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)  # once is enough: tidying up takes its time
    sys.exit(128 + number)


_NOT_ROOT = Text(
    ja="ネットワーク名前空間とミラーポートを作るので、Linux の root と ip（iproute2）が必要です。"
    "`sudo make demo-sensor` を実行してください。",
    en="This makes a network namespace and a mirror port, which takes Linux, root and ip (iproute2):"
    " run `sudo make demo-sensor`.",
)


def _no_namespace(error: OSError) -> Text:
    return Text(
        ja=f"ネットワーク名前空間を作れません（{error.strerror}）。コンテナーの中なら CAP_SYS_ADMIN と CAP_NET_ADMIN を"
        "与えてください。",
        en=f"No network namespace can be made ({error.strerror}); inside a container, grant CAP_SYS_ADMIN and"
        " CAP_NET_ADMIN.",
    )


if __name__ == "__main__":
    sys.exit(main())
