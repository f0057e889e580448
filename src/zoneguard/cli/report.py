"""`zoneguard report`: what can be done with a stored run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from zoneguard.cli.bilingual import Options, group, option
from zoneguard.cli.check import report_targets, write_report
from zoneguard.cli.options import FORMAT, OUTPUT
from zoneguard.cli.output import refuse_unwritable
from zoneguard.errors import ExitCode
from zoneguard.report.forms import FORMS
from zoneguard.report.harmless import harmless
from zoneguard.text import Text


@group(
    "report",
    Text(
        ja="保存した報告（check --format json）を扱います。",
        en="Work with a stored run (check --format json).",
    ),
)
def report() -> None:
    """See the sub-commands."""


@report.command(
    "render",
    words=Text(
        ja="保存した報告を、別の形や言語で出力し直します。判定はやり直しません。",
        en="Render a stored run again, in another form or language; nothing is judged anew.",
    ),
)
@click.argument("run", type=click.Path(path_type=Path, dir_okay=False), metavar="RUN.json")
@FORMAT
@OUTPUT
@click.pass_context
def render(ctx: click.Context, *, run: Path, formats: tuple[str, ...], output: Path | None) -> None:
    """Read the run and write every form asked for; the exit code is about this, not about the findings."""
    from zoneguard.report.stored import read_report

    targets = report_targets(formats, output)
    for form, path in targets:
        if path is not None:
            refuse_unwritable(path)
        FORMS[form].ready()
    stored, _ = read_report(run)
    told = replace(stored, lang=ctx.ensure_object(Options).lang)
    for form, path in targets:
        write_report(told, form, path)


@report.command(
    "verify",
    words=Text(
        ja="証跡一式（check --bundle）を確かめます。終了コード: 0 相違なし、1 相違あり、3 読み取れない。",
        en="Check a bundle (check --bundle) again; exit 0 when it is sound, 1 when it is not, 3 when it is unreadable.",
    ),
)
@click.argument("bundle", type=click.Path(path_type=Path), metavar="BUNDLE")
@option(
    "--original",
    "originals",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    words=Text(
        ja="元のキャプチャや設定。証跡のフレームがその中のヘッダーと同じことも確かめます（繰り返し可）。",
        en="A capture or export it was made from: hold the evidence frames against it as well (may be repeated).",
    ),
)
@click.pass_context
def verify_bundle(ctx: click.Context, *, bundle: Path, originals: tuple[Path, ...]) -> None:
    """Name every difference, then say whether the bundle is sound."""
    from zoneguard.bundle.verifying import verify

    lang = ctx.ensure_object(Options).lang
    found = verify(bundle, originals)
    for fault in found.faults:
        click.echo(harmless(fault.in_(lang)))
    for sentence in found.told:
        click.echo(harmless(sentence.in_(lang)))
    click.echo(
        (
            Text(ja="証跡一式に相違があります。", en="The bundle is not sound.")
            if found.faults
            else Text(ja="証跡一式に相違はありません。", en="The bundle is sound.")
        ).in_(lang)
    )
    if found.faults:
        ctx.exit(int(ExitCode.FINDINGS))
