"""`zoneguard diff`: what a change of a firewall newly permits and newly denies, and what of it breaks the policy."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import click

from zoneguard.cli.bilingual import Options, command, option
from zoneguard.cli.check import report_targets, write_report
from zoneguard.cli.clock import time_of_run
from zoneguard.cli.options import OUTPUT, POLICY, files, format_option
from zoneguard.cli.output import refuse_unwritable, text_output
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from zoneguard.api.comparing import Compared
    from zoneguard.firewall.model import Line
    from zoneguard.report.difference import Entry
    from zoneguard.rules.changing import Changed, Kept
    from zoneguard.text import Lang

_OWN = ("text", "json")  # a comparison has its own words and its own JSON (zoneguard.diff/1)
FORMATS = (*_OWN, "csv", "github", "gitlab", "junit", "sarif")


@command(
    "diff",
    Text(
        ja="機器の設定の変更前と変更後を比べ、ゾーン間で新たに許可・拒否される通信と、方針に反するものを示します。",
        en="Compare exports before and after a change: what is newly permitted and denied between zones, and what of "
        "it breaks the policy.",
    ),
)
@click.argument("before", shell_complete=files)
@click.argument("after", shell_complete=files)
@option(
    "--all",
    "every",
    is_flag=True,
    words=Text(
        ja="変更前からある違反でも終了コード1とする。",
        en="Exit with 1 also for violations that were there before.",
    ),
)
@format_option(FORMATS)
@OUTPUT
@POLICY
@click.pass_context
def diff(
    ctx: click.Context,
    *,
    before: str,
    after: str,
    every: bool,
    formats: tuple[str, ...],
    output: Path | None,
    policy_path: Path | None,
) -> None:
    """Compare, tell, and end with 1 for what the change makes worse."""
    from zoneguard.api.comparing import diff as compare

    targets = report_targets(formats, output, forms=FORMATS)
    for _, path in targets:
        if path is not None:
            refuse_unwritable(path)
    lang = ctx.ensure_object(Options).lang
    compared = compare([before], [after], policy_path, every=every)
    entries, notes = list(_entries(compared)), list(_notes(compared))
    for form, path in targets:
        if form not in _OWN:
            from zoneguard.api.change_report import change_report

            words = [one.message for one in entries]
            report = change_report(compared, words, notes, lang=lang, generated=time_of_run(), every=every)
            write_report(report, form, path)
            continue
        with text_output(path) as file:
            file.write(_own(form, entries, notes, compared, lang))
    ctx.exit(int(compared.exit_code))


def _own(form: str, entries: list[Entry], notes: list[Text], compared: Compared, lang: Lang) -> str:
    from zoneguard.report.difference import as_json, lines

    if form == "json":
        return as_json(entries, notes, exit_code=int(compared.exit_code))
    width = shutil.get_terminal_size((80, 24)).columns
    return "".join(line + "\n" for line in lines(entries, notes, lang=lang, width=width))


def _entries(compared: Compared) -> Iterator[Entry]:
    from zoneguard.report.difference import Entry

    for one in compared.difference.changes:
        sides = ("after", "before") if one.permitted else ("before", "after")
        yield Entry(
            kind=_kind(one),
            device=one.device,
            zones=(one.orig_zone, one.resp_zone),
            tell=partial(_message, one),
            places=[*_places(one.lines, sides[0]), *_places(one.others, sides[1])],
        )
    for kept in compared.difference.kept:
        yield Entry(
            kind="kept",
            device=kept.device,
            zones=(kept.orig_zone, kept.resp_zone),
            tell=partial(_kept_message, kept),
            places=_places(kept.lines, "after"),
        )


def _kind(one: Changed) -> str:
    if one.permitted:
        return "permitted" if not one.beyond else "introduced" if one.sure else "possible"
    return "removed" if one.beyond else "denied"


def _places(lines: tuple[Line, ...], side: str) -> list[tuple[str, int, str, str]]:
    return [(side, place.line, place.file, place.text) for line in lines for place in line.places[:1]]


def _message(one: Changed) -> Text:
    from zoneguard.rules.permitted import line_words, probe_words, services_words, spans_words

    shown = one.widest
    source, target = spans_words(shown.source), spans_words(shown.destination)
    service = services_words(shown.services)
    by = ", ".join(line_words(line) for line in one.lines)
    other = ", ".join(line_words(line) for line in one.others)
    rest = one.products - 1
    more = Text(
        ja=f"ほかに {rest:,} 個の部分集合があります。" if rest else "例のとおりです。",
        en=f"There are {rest:,} further parts of the set." if rest else "That is all of it.",
    )
    did = Text(ja="許可され", en="permitted") if one.permitted else Text(ja="拒否され", en="denied")
    return Text(
        ja=f"{source.ja} → {target.ja}、{service.ja} が新たに{did.ja}ます。許可する行: {by or '既定動作'}。"
        f"拒否する行: {other or '既定動作'}。例: {probe_words(one.example)}。{more.ja if rest else ''}",
        en=f"{source.en} → {target.en}, {service.en} is newly {did.en}. Permitted by: {by or 'the default'}; denied "
        f"by: {other or 'the default'}. For example {probe_words(one.example)}.{' ' + more.en if rest else ''}",
    )


def _kept_message(kept: Kept) -> Text:
    from zoneguard.rules.permitted import line_words, probe_words

    by = ", ".join(line_words(line) for line in kept.lines)
    return Text(
        ja=f"{by or '既定動作'} が、zones.yaml の認めていない通信を前後とも許可しています。例: {probe_words(kept.example)}。",
        en=f"{by or 'The default'} permits before and after what zones.yaml does not allow. For example "
        f"{probe_words(kept.example)}.",
    )


def _notes(compared: Compared) -> Iterator[Text]:
    for device in compared.difference.unplaced:
        yield Text(
            ja=f"{device} では、異なる領域につながる2つのインターフェイスが分からず、比べられません。zones.yaml の devices に"
            "書いてください。",
            en=f"{device} cannot be compared, since no two of its interfaces are known to lead to different zones; say so"
            " under devices in zones.yaml.",
        )
    for device in compared.difference.only_before:
        yield Text(
            ja=f"{device} は変更前にだけあり、比べていません。",
            en=f"{device} is there before the change only, and was not compared.",
        )
    for device in compared.difference.only_after:
        yield Text(
            ja=f"{device} は変更後にだけあり、比べていません。check で確かめてください。",
            en=f"{device} is there after the change only, and was not compared; see to it with `check`.",
        )
    for one in (*compared.before, *compared.after):
        yield from one.doubts()
