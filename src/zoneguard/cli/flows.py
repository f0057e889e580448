"""`zoneguard flows`: the flow table itself, with zones when a policy is given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoneguard.cli.bilingual import Options, command, option
from zoneguard.cli.clock import total_size
from zoneguard.cli.options import JOBS, OUTPUT, files
from zoneguard.cli.output import text_output, whole_file
from zoneguard.cli.progress import ProgressBar
from zoneguard.errors import UsageError
from zoneguard.text import Text

if TYPE_CHECKING:
    from datetime import tzinfo


@command(
    "flows", Text(ja="キャプチャのフロー表そのものを出力します。", en="Print the flow table of captures.")
)
@click.argument("captures", nargs=-1, required=True, shell_complete=files)
@option(
    "--policy",
    "policy_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    words=Text(
        ja="方針のファイル。指定すると両端のゾーンも示します。",
        en="A policy; when given, the zones of both ends are told.",
    ),
)
@option(
    "--format",
    "form",
    type=click.Choice(["text", "csv", "jsonl", "parquet"]),
    default="text",
    show_default=True,
    words=Text(ja="出力の形式。", en="The form of the output."),
)
@OUTPUT
@JOBS
@click.pass_context
def flows(
    ctx: click.Context,
    *,
    captures: tuple[str, ...],
    policy_path: Path | None,
    form: str,
    output: Path | None,
    jobs: int,
) -> None:
    """Meter captures and write their flows."""
    if form == "parquet" and output is None:
        raise UsageError(
            Text(
                ja="Parquet は標準出力に書けません。--output でファイルを指定してください。",
                en="Parquet cannot go to standard output; name a file with --output.",
            )
        )
    from zoneguard import api
    from zoneguard.report import flows as table

    zone = _zone(policy_path)
    lang = ctx.ensure_object(Options).lang
    with ProgressBar(total_size(captures), lang=lang) as progress:
        blocks = api.flows(captures, policy_path, jobs=jobs, progress=progress.update)
        if form == "parquet" and output is not None:
            with whole_file(output) as draft:
                table.write_parquet(blocks, draft, zone)
            return
        write = {"text": table.write_text, "csv": table.write_csv, "jsonl": table.write_jsonl}[form]
        with text_output(output) as file:
            write(blocks, file, zone)


def _zone(policy_path: Path | None) -> tzinfo:
    from zoneguard.report.when import time_zone

    if policy_path is None:
        return time_zone("Asia/Tokyo")
    from zoneguard.policy.load import load_policy

    return time_zone(load_policy(policy_path).timezone)
