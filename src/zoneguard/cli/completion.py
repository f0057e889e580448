"""`zoneguard completion`: the script that makes a shell complete commands, options and files."""

from __future__ import annotations

import click

from zoneguard.cli.bilingual import command
from zoneguard.text import Text

SHELLS = ("bash", "fish", "zsh")
VARIABLE = "_ZONEGUARD_COMPLETE"  # the name that click derives from that of the program


@command(
    "completion",
    Text(
        ja="シェルの補完スクリプトを出力します。何も書き込みません。\n\n"
        'bash は eval "$(zoneguard completion bash)" を ~/.bashrc に、zsh は eval "$(zoneguard completion zsh)" を'
        " ~/.zshrc の compinit の後に書きます。fish では"
        " zoneguard completion fish > ~/.config/fish/completions/zoneguard.fish を実行します。",
        en="Print the script with which a shell completes; nothing is written.\n\n"
        'For bash put eval "$(zoneguard completion bash)" into ~/.bashrc, for zsh eval "$(zoneguard completion zsh)"'
        " into ~/.zshrc after compinit; for fish run"
        " zoneguard completion fish > ~/.config/fish/completions/zoneguard.fish.",
    ),
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print click's script for one shell; at each Tab it asks this program what may follow."""
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    kinds = {"bash": BashComplete, "fish": FishComplete, "zsh": ZshComplete}
    kind = kinds[shell](ctx.find_root().command, {}, "zoneguard", VARIABLE)
    click.echo(kind.source_template % kind.source_vars(), nl=False)
