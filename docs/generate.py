"""The pages that are made from the code: the rules, one page each, and the list of export formats, in each language."""  # noqa: INP001  (a script)

from __future__ import annotations

import shutil
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.firewall.vendors import FORMATS
from zoneguard.report.words import SEVERITIES
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
RULE_FOLDERS: dict[Lang, Path] = {"en": DOCS / "rules", "ja": DOCS / "ja" / "rules"}

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

規則ごとに1ページあります。端末では `zoneguard rules` で一覧、`zoneguard rules explain ZG-A05` で一件の解説を表示します。
一つの通信に複数の規則が当てはまるときは、最も具体的なものが主たる指摘になります（[判定のしくみ](how-it-decides.md)）。""",
    en="""# Rules

[日本語](ja/rules.md)

<!-- Generated: run `make docs` instead of editing. -->

Each rule has a page. On the terminal, `zoneguard rules` lists them and `zoneguard rules explain ZG-A05` explains one.
Where several rules apply to one conversation, the most specific gives the primary finding
([how it decides](how-it-decides.md)).""",
)
RULE_LINKS = Text(
    ja="""[English](../../rules/{id}.md) · [規則の一覧](../rules.md)

<!-- 自動生成: 編集せず `make docs` を実行してください -->""",
    en="""[日本語](../ja/rules/{id}.md) · [All rules](../rules.md)

<!-- Generated: run `make docs` instead of editing. -->""",
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
TITLE = Text(ja="表題", en="What it reports")
FAMILY = Text(ja="分類", en="Family")
EVIDENCE = Text(ja="判定に使うもの", en="Judges from")
FROM_EXPORTS = Text(ja="機器の設定", en="exports of devices")
FROM_TRAFFIC = Text(ja="通信（キャプチャ、センサー）", en="traffic (captures, a sensor)")
FROM_COMPARING = Text(
    ja="通信（キャプチャ、センサー）と機器の設定。両方を比べます",
    en="traffic (captures, a sensor) and exports of devices, held against each other",
)
FROM_BOTH = Text(
    ja="通信（キャプチャ、センサー）と機器の設定。どちらか一方でも判定します",
    en="traffic (captures, a sensor) and exports of devices; one of them is enough",
)
BLIND = Text(
    ja="次の種別のゾーンのいずれの通信も観測されていないときは「検証不能」になります: {roles}。",
    en="Unverifiable where no traffic of any zone of these roles was observed: {roles}.",
)
HEADS = {
    "why": Text(ja="なぜ問題か", en="Why it matters"),
    "example": Text(ja="例", en="Example"),
    "remedy": Text(ja="対処", en="What to do"),
    "false_positives": Text(ja="誤検知になりうる場合", en="When it may be wrong"),
}
CLAUSE_HEAD = Text(ja="関係する規定", en="Clauses")
DOUBT = Text(
    ja="†の付いた条項番号は、公表資料と照合できていません。",
    en="Numbers marked † were not checked against the published document. Clauses are quoted in Japanese, as they are"
    " written.",
)


def main() -> None:
    """Write the pages."""
    for lang, path in PAGES.items():
        path.write_text(rules_page(lang), "utf-8")
        sys.stdout.write(f"{path.relative_to(DOCS.parent)}\n")
    for lang, folder in RULE_FOLDERS.items():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, page in rule_pages(lang).items():
            (folder / name).write_text(page, "utf-8")
        sys.stdout.write(f"{folder.relative_to(DOCS.parent)}\n")
    for lang, path in FORMAT_PAGES.items():
        path.write_text(formats_page(lang), "utf-8")
        sys.stdout.write(f"{path.relative_to(DOCS.parent)}\n")


def formats_page(lang: Lang) -> str:
    """Give the list of formats in one language; each has a page of its own beside it."""
    head = Text(ja="| 名前 | 形式 |", en="| name | format |").in_(lang)
    rows = [f"| [`{one.name}`]({one.name}.md) | {_cell(one.title.in_(lang))} |" for one in FORMATS]
    return "\n\n".join([FORMATS_INTRODUCTION.in_(lang), "\n".join([head, "|---|---|", *rows])]) + "\n"


def rules_page(lang: Lang) -> str:
    """Give the index of all rules in one language."""
    return "\n\n".join([INTRODUCTION.in_(lang), *_families(lang)]) + "\n"


def rule_pages(lang: Lang) -> dict[str, str]:
    """Give the page of each rule in one language, by the name of its file."""
    return {f"{rule.id}.md": "\n\n".join(_rule(rule, lang)) + "\n" for rule in CATALOGUE}


def _families(lang: Lang) -> Iterator[str]:
    head = f"| ID | {TITLE.in_(lang)} | {NAME.in_(lang)} | {SEVERITY.in_(lang)} |"
    for letter, rules in groupby(CATALOGUE, key=lambda rule: rule.id[3]):
        yield f"## {letter}. {FAMILIES[letter].in_(lang)}"
        rows = [
            f"| [{rule.id}](rules/{rule.id}.md) | {_cell(rule.title.in_(lang))} | `{rule.name}`"
            f" | {SEVERITIES[rule.severity].in_(lang)} |"
            for rule in rules
        ]
        yield "\n".join([head, "|---|---|---|---|", *rows])


def _rule(rule: Rule, lang: Lang) -> Iterator[str]:
    yield f"# {rule.id} {rule.title.in_(lang)}"
    yield RULE_LINKS.in_(lang).format(id=rule.id)
    rows = (
        (NAME, f"`{rule.name}`"),
        (SEVERITY, f"{SEVERITIES[rule.severity].in_(lang)} (`{rule.severity}`)"),
        (FAMILY, f"{rule.id[3]}. {FAMILIES[rule.id[3]].in_(lang)}"),
        (EVIDENCE, _evidence(rule).in_(lang)),
    )
    yield "\n".join(["| | |", "|---|---|", *(f"| {head.in_(lang)} | {cell} |" for head, cell in rows)])
    if rule.roles:
        yield BLIND.in_(lang).format(roles=", ".join(f"`{role}`" for role in rule.roles))
    for field, head in HEADS.items():
        words: Text = getattr(rule, field)
        yield f"## {head.in_(lang)}"
        yield words.in_(lang)
    if rule.clauses:
        table = shipped_clauses()
        yield f"## {CLAUSE_HEAD.in_(lang)}"
        yield "\n".join(f"- {_clause(table[key])}" for key in rule.clauses)
        if lang == "en" or not all(table[key].verified for key in rule.clauses):
            yield DOUBT.in_(lang)


def _evidence(rule: Rule) -> Text:
    if rule.needs_exports:
        return FROM_COMPARING if rule.needs_traffic else FROM_EXPORTS
    return FROM_TRAFFIC if rule.needs_traffic else FROM_BOTH


def _clause(clause: Clause) -> str:
    mark = "" if clause.verified else "†"
    return f"{clause.document}（{clause.edition}）{clause.section}{mark} 「{clause.text}」"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
