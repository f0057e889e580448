"""`zoneguard warmup`: compile the capture engine ahead of the first capture."""

from __future__ import annotations

import sys

import click

from zoneguard.cli.bilingual import Options, command
from zoneguard.cli.progress import tell_compilation
from zoneguard.report.harmless import harmless
from zoneguard.text import Text


@command(
    "warmup",
    Text(ja="解析エンジンを先にコンパイルしておきます。", en="Compile the capture engine ahead of time."),
)
@click.pass_context
def warmup(ctx: click.Context) -> None:
    """Compile, then say where the cache lies and how long it took."""
    from zoneguard.capture import kernels

    lang = ctx.ensure_object(Options).lang
    with tell_compilation(lang, sys.stderr):
        folder, seconds = kernels.warmup()
    if folder is None:
        told = Text(
            ja=f"コンパイルに {seconds:.1f} 秒かかりました。書き込めるキャッシュがないため、毎回かかります。"
            "ZONEGUARD_CACHE で書き込めるフォルダーを指定してください。",
            en=f"Compiled in {seconds:.1f} s, but no cache can be written, so every run will take as long;"
            " name a writable folder in ZONEGUARD_CACHE.",
        )
    else:
        told = Text(
            ja=f"解析エンジンの準備ができました（{seconds:.1f} 秒）。キャッシュ: {folder}",
            en=f"The capture engine is ready ({seconds:.1f} s). Cache: {folder}",
        )
    click.echo(harmless(told.in_(lang)))
