"""The twelve stories: what of each must be found live, and whether it was."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from zoneguard.text import Lang

CAPTURES = Path(__file__).resolve().parents[1]
_NAME = re.compile(r"story-(\d+[a-z]?)-")
_README = {"ja": CAPTURES / "README.ja.md", "en": CAPTURES / "README.md"}

# What no packet can tell, and so no sensor.
NOT_LIVE = (
    Text(
        ja="物語7: センサーはパケットを残さないので、メールの本文は後から開けません。検証不能（ZG-B04）と報告されるのが正解です。"
        "`zoneguard check captures/story-07-mail-html.pcap` は本文の種類まで確かめます。",
        en="Story 7: a sensor keeps no packets, so mails cannot be opened afterwards. That it is told as unverifiable"
        " (ZG-B04) is what must come; `zoneguard check captures/story-07-mail-html.pcap` looks at the types of its parts.",
    ),
    Text(
        ja="物語11: 通信そのものは直接通信（ZG-A03）として見つかります。設定では拒否されているという矛盾（ZG-H05）は、"
        "ファイアウォールの設定を `zoneguard check` に一緒に渡すとわかります。",
        en="Story 11: the traffic itself is found as a direct flow (ZG-A03). That the firewall's configuration denies it"
        " (ZG-H05) needs the export beside it, in `zoneguard check`.",
    ),
    Text(
        ja="物語12: 期限の切れた暫定ポリシーはファイアウォールの設定の中にあり、線の上には現れません。"
        "`zoneguard check exports/fortios/mistakes.conf` で見つかります。",
        en="Story 12: a temporary policy beyond its end stands in a firewall's export and is not on any wire;"
        " `zoneguard check exports/fortios/mistakes.conf` finds it.",
    ),
)


@dataclass(slots=True, kw_only=True)
class Story:
    """One capture, what it must come to, and when it was played (s since 1970)."""

    path: Path
    number: str
    title: str
    policy: Path
    primary: list[str]
    unverifiable: list[str]
    began: float = 0.0
    ended: float = 0.0


@dataclass(slots=True)
class Heard:
    """What a sensor told so far."""

    findings: list[dict[str, Any]] = field(default_factory=list)  # each a line of zoneguard.notice/1

    def primary_of(self, story: Story) -> list[str]:
        """Give the rules that were told of a story, sorted."""
        return sorted(_rule(one) for one in self.findings if is_primary(one) and _is_of(one, story))

    def strays(self, stories: Iterable[Story]) -> list[dict[str, Any]]:
        """Give the primary findings that no story explains."""
        played = list(stories)
        return [
            one
            for one in self.findings
            if is_primary(one) and not any(_is_of(one, story) for story in played)
        ]

    def is_unverifiable(self, rule: str) -> bool:
        """Tell whether the sensor said that a rule cannot be verified."""
        return any(_rule(one) == rule and not is_primary(one) for one in self.findings)


def read_stories(lang: Lang) -> list[Story]:
    """Read the stories from expected.yaml and the README, those of another policy than zones.yaml first."""
    expected = yaml.safe_load((CAPTURES / "expected.yaml").read_text("utf-8"))
    words = _README[lang].read_text("utf-8")
    titles = dict(re.findall(r"^\| `([^`]+)` \| (.+?) \|", words, re.MULTILINE))
    stories = [
        Story(
            path=CAPTURES / name,
            number=found[1].lstrip("0"),
            title=titles[name],
            policy=CAPTURES.parent / one["policy"],
            primary=live["primary"],
            unverifiable=live["unverifiable"],
        )
        for name, one in expected.items()
        if (found := _NAME.match(name)) and (live := one.get("live", one))
    ]
    return sorted(stories, key=lambda story: (story.policy.name == "zones.yaml", story.path.name))


def is_primary(line: dict[str, Any]) -> bool:
    """Tell whether a line is among what expected.yaml calls primary: coverage and what is unverifiable are not."""
    finding = line.get("finding")
    return bool(finding) and finding["verdict"] != "unverifiable" and finding["rule"] != "ZG-I01"


def failures(heard: Heard, stories: Sequence[Story]) -> list[Text]:
    """Say where what was found live is not what expected.yaml lists."""
    found = []
    for story in stories:
        told, due = heard.primary_of(story), story.primary
        if told != due:
            found.append(
                Text(
                    ja=f"物語{story.number}: {_named(due, 'なし')} のはずが {_named(told, 'なし')} でした。",
                    en=f"Story {story.number}: {_named(due, 'nothing')} was due, {_named(told, 'nothing')} was found.",
                )
            )
    found += [
        Text(ja=f"どの物語にもない指摘です: {_rule(one)}", en=f"No story explains this finding: {_rule(one)}")
        for one in heard.strays(stories)
    ]
    needed = {rule for story in stories for rule in story.unverifiable}
    found += [
        Text(ja=f"検証不能と報告されませんでした: {rule}", en=f"This was not told as unverifiable: {rule}")
        for rule in sorted(needed)
        if not heard.is_unverifiable(rule)
    ]
    return found


def _is_of(line: dict[str, Any], story: Story) -> bool:
    first = datetime.fromisoformat(_microseconds(line["first_seen"])).timestamp()
    return story.began <= first <= story.ended


def _microseconds(moment: str) -> str:
    return re.sub(r"(\.\d{6})\d*", r"\1", moment)


def _rule(line: dict[str, Any]) -> str:
    return str(line["finding"]["rule"])


def _named(rules: Sequence[str], nothing: str) -> str:
    return ", ".join(rules) or nothing
