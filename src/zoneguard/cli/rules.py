"""`zoneguard rules`: the catalogue, one rule in full, and the clauses that rules refer to."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoneguard.cli.bilingual import Options, group, option
from zoneguard.errors import UsageError
from zoneguard.report.harmless import harmless
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from zoneguard.findings.finding import Clause
    from zoneguard.rules.base import Rule

_UNVERIFIED = Text(ja="（番号・文言は未確認）", en=" (number or wording not verified)")
_CLAUSES = option(
    "--clauses",
    "clauses_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    words=Text(
        ja="自団体の条項の表（TOML）。書かれていない項目は同梱の表を使います。",
        en="Your own clause table (TOML); what it leaves out is taken from the shipped one.",
    ),
)


def _known(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:  # noqa: ARG001 - click's signature
    from zoneguard.rules.catalogue import CATALOGUE

    return [
        word for rule in CATALOGUE for word in (rule.id, rule.name) if word.startswith(incomplete or "ZG-")
    ]


@group(
    "rules",
    Text(ja="検査規則の一覧と説明です。", en="List and explain the rules."),
    invoke_without_command=True,
)
@click.pass_context
def rules(ctx: click.Context) -> None:
    """List the rules, unless a sub-command says otherwise."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(listed)


@rules.command("list", words=Text(ja="すべての規則を一覧にします。", en="List all rules."))
@click.pass_context
def listed(ctx: click.Context) -> None:
    """List ids, names, severities and titles; tab-separated when nobody watches."""
    from zoneguard.report.words import SEVERITIES
    from zoneguard.rules.catalogue import CATALOGUE

    lang = ctx.ensure_object(Options).lang
    heads = (
        Text(ja="規則", en="Rule"),
        Text(ja="名前", en="Name"),
        Text(ja="重大度", en="Severity"),
        Text(ja="内容", en="What it tells"),
    )
    rows = [
        (rule.id, rule.name, SEVERITIES[rule.severity].in_(lang), rule.title.in_(lang)) for rule in CATALOGUE
    ]
    _table([head.in_(lang) for head in heads], rows)


@rules.command("explain", words=Text(ja="1つの規則を詳しく説明します。", en="Explain one rule in full."))
@click.argument("rule_id", metavar="ID", shell_complete=_known)
@_CLAUSES
@click.pass_context
def explain(ctx: click.Context, rule_id: str, clauses_path: Path | None) -> None:
    """Tell why a rule is there, what to do, an example, when it errs, and the clauses it touches."""
    from zoneguard.report.words import SEVERITIES

    lang = ctx.ensure_object(Options).lang
    rule, table = _found(rule_id), _clauses(clauses_path)
    click.echo(f"{rule.id} {rule.name} ({SEVERITIES[rule.severity].in_(lang)})")
    click.echo(rule.title.in_(lang))
    for heading, words in (
        (Text(ja="理由", en="Why"), rule.why),
        (Text(ja="対処", en="What to do"), rule.remedy),
        (Text(ja="例", en="Example"), rule.example),
        (Text(ja="誤検知になりうる場合", en="May be mistaken about"), rule.false_positives),
    ):
        click.echo(f"\n{heading.in_(lang)}\n  {words.in_(lang)}")
    click.echo(f"\n{Text(ja='条項', en='Clauses').in_(lang)}")
    for key in rule.clauses:
        one = table[key]
        doubt = "" if one.verified else _UNVERIFIED.in_(lang)
        click.echo(harmless(f"  {one.document} {one.edition} {one.section}{doubt}"))
        click.echo(harmless(f"    {one.text}"))


@rules.command(
    "clauses",
    words=Text(
        ja="条項と、それに関わる規則の表です。", en="The table of clauses and the rules that touch them."
    ),
)
@_CLAUSES
@click.pass_context
def clauses(ctx: click.Context, clauses_path: Path | None) -> None:
    """List clauses with the rules that refer to them; tab-separated when nobody watches."""
    from zoneguard.rules.catalogue import CATALOGUE

    lang = ctx.ensure_object(Options).lang
    heads = (
        Text(ja="文書", en="Document"),
        Text(ja="版", en="Edition"),
        Text(ja="条項", en="Section"),
        Text(ja="文言", en="Wording"),
        Text(ja="確認", en="Verified"),
        Text(ja="規則", en="Rules"),
    )
    yes, no = Text(ja="済", en="yes").in_(lang), Text(ja="未", en="no").in_(lang)
    rows = [
        (
            one.document,
            one.edition,
            one.section,
            one.text,
            yes if one.verified else no,
            " ".join(rule.id for rule in CATALOGUE if key in rule.clauses),
        )
        for key, one in _clauses(clauses_path).items()
    ]
    _table([head.in_(lang) for head in heads], rows)


def _found(rule_id: str) -> Rule:
    from zoneguard.rules.catalogue import CATALOGUE

    wanted = rule_id.strip().casefold()
    for rule in CATALOGUE:
        if wanted in {rule.id.casefold(), rule.id.casefold().removeprefix("zg-"), rule.name}:
            return rule
    known = [word for rule in CATALOGUE for word in (rule.id, rule.name)]
    near = difflib.get_close_matches(rule_id.upper(), known, 1) or difflib.get_close_matches(wanted, known, 1)
    ja = f"「{near[0]}」のことですか。" if near else "zoneguard rules list で一覧を確認してください。"
    en = f"did you mean {near[0]}?" if near else "see `zoneguard rules list`."
    raise UsageError(
        Text(ja=f"規則「{rule_id}」はありません。{ja}", en=f"There is no rule {rule_id!r}; {en}")
    )


def _clauses(path: Path | None) -> Mapping[str, Clause]:
    from zoneguard.rules.clauses import load_clauses, shipped_clauses

    return shipped_clauses() if path is None else load_clauses(path)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    if not sys.stdout.isatty():
        for row in rows:
            click.echo("\t".join(map(harmless, row)))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text as Cell

    table = Table()
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in rows:
        table.add_row(*(Cell(harmless(word)) for word in row))
    Console().print(table)
