"""`zoneguard report`: what can be done with a stored run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from zoneguard.cli.bilingual import Options, group
from zoneguard.cli.check import report_targets, write_report
from zoneguard.cli.options import FORMAT, OUTPUT
from zoneguard.cli.output import refuse_unwritable
from zoneguard.report.forms import FORMS
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
