"""The pages that are made from the code: the rules and the list of export formats, in each language."""  # noqa: INP001  (a script)

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.firewall.vendors import FORMATS
from zoneguard.rules.catalogue import CATALOGUE
from zoneguard.rules.clauses import shipped_clauses
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.finding import Clause
    from zoneguard.rules.base import Rule
    from zoneguard.text import Lang

DOCS = Path(__file__).resolve().parent
PAGES: dict[Lang, Path] = {"en": DOCS / "rules.md", "ja": DOCS / "ja" / "rules.md"}

FORMAT_PAGES: dict[Lang, Path] = {
    "en": DOCS / "firewall-formats" / "README.md",
    "ja": DOCS / "ja" / "firewall-formats" / "README.md",
}
FORMATS_INTRODUCTION = Text(
    ja="""# 読める設定の形式

[English](../../firewall-formats/README.md)

<!-- 自動生成: 編集せず `make docs` を実行してください -->

形式は内容で見分けます。`zones.yaml` の `devices:` に `format` を書けば、その形式として読みます。""",
    en="""# Formats of exports that are read

[日本語](../ja/firewall-formats/README.md)

<!-- Generated: run `make docs` instead of editing. -->

The format is told by content; `format` under `devices:` in `zones.yaml` names one.""",
)
INTRODUCTION = Text(
    ja="""# 規則

[English](../rules.md)

<!-- 自動生成: 編集せず `make docs` を実行してください -->

端末では `zoneguard rules` で一覧、`zoneguard rules explain ZG-A05` で一件の解説を表示します。
一つの通信に複数の規則が当てはまるときは、最も具体的なものが主たる指摘になります（[判定のしくみ](how-it-decides.md)）。
†の付いた条項番号は、公表資料と照合できていません。""",
    en="""# Rules

[日本語](ja/rules.md)

<!-- Generated: run `make docs` instead of editing. -->

On the terminal, `zoneguard rules` lists them and `zoneguard rules explain ZG-A05` explains one. Where several rules
apply to one conversation, the most specific gives the primary finding ([how it decides](how-it-decides.md)). Clause
numbers marked † were not checked against the published document. Clauses are quoted in Japanese, as they are written.""",
)
FAMILIES = {
    "A": Text(ja="領域どうしの通信", en="Zones that met"),
    "B": Text(ja="無害化", en="Sanitisation"),
    "C": Text(ja="承認した通信", en="Approved flows"),
    "D": Text(ja="外部への出口", en="Ways out"),
    "E": Text(ja="端末・アドレス・レイヤー2", en="Hosts, addresses, layer 2"),
    "F": Text(ja="トンネル・IPv6", en="Tunnels and IPv6"),
    "G": Text(ja="共通サービス", en="Common services"),
    "H": Text(ja="ファイアウォール・ルーターの設定", en="Configuration of firewalls and routers"),
    "I": Text(ja="観測品質", en="Quality of the observation"),
}
SEVERITY = Text(ja="重大度", en="Severity")
NAME = Text(ja="名称", en="Name")
TITLE = Text(ja="表題", en="Title")
HEADS = {
    "why": Text(ja="なぜ問題か", en="Why it matters"),
    "example": Text(ja="例", en="Example"),
    "remedy": Text(ja="対処", en="What to do"),
    "false_positives": Text(ja="誤検知になりうる場合", en="When it may be wrong"),
}
CLAUSE_HEAD = Text(ja="関係する規定", en="Clauses")


def main() -> None:
    """Write the pages."""
    for lang, path in PAGES.items():
        path.write_text(rules_page(lang), "utf-8")
        sys.stdout.write(f"{path.relative_to(DOCS.parent)}\n")
    for lang, path in FORMAT_PAGES.items():
        path.write_text(formats_page(lang), "utf-8")
        sys.stdout.write(f"{path.relative_to(DOCS.parent)}\n")


def formats_page(lang: Lang) -> str:
    """Give the list of formats in one language; each has a page of its own beside it."""
    head = Text(ja="| 名前 | 形式 |", en="| name | format |").in_(lang)
    rows = [f"| [`{one.name}`]({one.name}.md) | {_cell(one.title.in_(lang))} |" for one in FORMATS]
    return "\n\n".join([FORMATS_INTRODUCTION.in_(lang), "\n".join([head, "|---|---|", *rows])]) + "\n"


def rules_page(lang: Lang) -> str:
    """Give the page of all rules in one language."""
    return "\n\n".join([INTRODUCTION.in_(lang), _contents(lang), *_families(lang)]) + "\n"


def _contents(lang: Lang) -> str:
    head = f"| ID | {NAME.in_(lang)} | {TITLE.in_(lang)} | {SEVERITY.in_(lang)} |"
    rows = [
        f"| [{rule.id}](#{rule.id.lower()}) | `{rule.name}` | {_cell(rule.title.in_(lang))} | {rule.severity} |"
        for rule in CATALOGUE
    ]
    return "\n".join([head, "|---|---|---|---|", *rows])


def _families(lang: Lang) -> Iterator[str]:
    for letter, rules in groupby(CATALOGUE, key=lambda rule: rule.id[3]):
        yield f"## {letter}. {FAMILIES[letter].in_(lang)}"
        for rule in rules:
            yield from _rule(rule, lang)


def _rule(rule: Rule, lang: Lang) -> Iterator[str]:
    yield f"### {rule.id}"
    yield f"**{rule.title.in_(lang)}** (`{rule.name}`, {rule.severity})"
    for field, head in HEADS.items():
        words: Text = getattr(rule, field)
        yield f"**{head.in_(lang)}**: {words.in_(lang)}"
    if rule.clauses:
        yield f"**{CLAUSE_HEAD.in_(lang)}**"
        yield "\n".join(f"- {_clause(shipped_clauses()[key])}" for key in rule.clauses)


def _clause(clause: Clause) -> str:
    mark = "" if clause.verified else "†"
    return f"{clause.document}（{clause.edition}）{clause.section}{mark} 「{clause.text}」"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
