"""Options that more than one command takes, worded once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoneguard.cli.bilingual import option
from zoneguard.report.forms import FORMS
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from click.shell_completion import CompletionItem


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG001 - click's signature
    """Have the shell complete files and folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


JOBS = option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    words=Text(ja="同時に読むファイルの数。", en="How many files to read at once."),
)


def format_option(forms: Iterable[str]) -> Callable[[Any], Any]:
    """Give --format for a command that writes these forms (see `targets`)."""
    names = list(forms)
    return option(
        "--format",
        "formats",
        multiple=True,
        metavar="FORMAT[=FILE]",
        shell_complete=lambda _ctx, _param, incomplete: [
            name for name in names if name.startswith(incomplete)
        ],
        words=Text(
            ja=f"{'、'.join(names)} のいずれか（既定は text）。FORMAT=FILE の形で繰り返すと、それぞれのファイルにも書きます。",
            en=f"One of {', '.join(names)} (default: text); repeated as FORMAT=FILE, writes each to its file as well.",
        ),
    )


FORMAT = format_option(FORMS)
OUTPUT = option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    words=Text(ja="標準出力の代わりに書くファイル。", en="Write here instead of to standard output."),
)
POLICY = option(
    "--policy",
    "policy_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    words=Text(
        ja="方針のファイル（既定はこのフォルダーか上の zones.yaml）。",
        en="The policy (default: zones.yaml in this folder or above).",
    ),
)
