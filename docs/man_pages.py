"""The manual pages, one a command and in each language, made from the commands themselves."""  # noqa: INP001  (a script)

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard import __version__
from zoneguard.cli.bilingual import Command, Group, Options
from zoneguard.cli.main import COMMANDS, root
from zoneguard.errors import ExitCode
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    import click

    from zoneguard.text import Lang

MAN = Path(__file__).resolve().parent / "man"
FOLDERS: dict[Lang, Path] = {"en": MAN / "man1", "ja": MAN / "ja" / "man1"}  # as `man -M` looks for them
NOTICE = '.\\" Generated from the commands: run `make docs` instead of editing.'

HEADS = {
    "book": Text(ja="ZoneGuard の手引き", en="ZoneGuard manual"),
    "name": Text(ja="名前", en="NAME"),
    "synopsis": Text(ja="書式", en="SYNOPSIS"),
    "description": Text(ja="説明", en="DESCRIPTION"),
    "options": Text(ja="オプション", en="OPTIONS"),
    "commands": Text(ja="コマンド", en="COMMANDS"),
    "exit": Text(ja="終了ステータス", en="EXIT STATUS"),
    "environment": Text(ja="環境変数", en="ENVIRONMENT"),
    "files": Text(ja="ファイル", en="FILES"),
    "see": Text(ja="関連項目", en="SEE ALSO"),
}
WHAT = Text(
    ja="三層の対策（分離・分割）が守られているかを証拠で確かめる",
    en="verify a municipality's network separation with evidence",
)
CODES = {
    ExitCode.CLEAN: Text(
        ja="関係するものをすべて読み、理解でき、しきい値以上の指摘がない。",
        en="Everything relevant was read and understood, and no finding reaches the threshold.",
    ),
    ExitCode.FINDINGS: Text(
        ja="しきい値以上の指摘がある。", en="There are findings at the threshold or above."
    ),
    ExitCode.USAGE: Text(ja="使い方の誤り。", en="The command was not understood."),
    ExitCode.REFUSED: Text(ja="入力を受け付けられない。", en="An input was refused."),
    ExitCode.INCONCLUSIVE: Text(
        ja="判定不能。関係するものに、解釈できない、または見えていない部分がある。",
        en="Inconclusive: something relevant was not understood or not seen.",
    ),
    ExitCode.LACKING: Text(
        ja="プログラム、権限、ディスク容量が足りない。",
        en="This machine lacks a program, a right or room on disk.",
    ),
}
PRECEDENCE = Text(
    ja="複数に当てはまるときは 3、5、1、4、0 の順で先のものになります。"
    "このほか、中断は 130、出力の読み手がいなくなったときは 141、ZoneGuard 自体の不具合は 70 です。",
    en="When several hold, the first of 3, 5, 1, 4, 0 wins. Beside these: 130 when interrupted, 141 when whatever"
    " read the output went away, 70 for a defect of ZoneGuard itself.",
)
VARIABLES = {
    "LC_ALL, LC_MESSAGES, LANG": Text(
        ja="出力の言語。ja で始まれば日本語、それ以外は英語。--lang が優先します。",
        en="Language of the output: Japanese where it begins with ja, else English; --lang outranks it.",
    ),
    "SOURCE_DATE_EPOCH": Text(
        ja="今の時刻の代わりに用いる時刻（1970年からの秒数）。同じ入力から同じ出力を得られます。",
        en="Seconds since 1970, taken for the present time: the same input gives the same output.",
    ),
    "ZONEGUARD_CACHE": Text(
        ja="コンパイルした解析エンジンを置くフォルダー（既定は利用者のキャッシュ）。",
        en="Folder of the compiled capture engine (default: the user's cache).",
    ),
    "ZONEGUARD_DEBUG": Text(
        ja="1 なら、ZoneGuard の不具合の詳細を表示します。",
        en="When 1, a defect of ZoneGuard is told in detail.",
    ),
}
PLACES = {
    "zones.yaml": Text(
        ja="方針。このフォルダーか、その上のフォルダーのもの。", en="The policy, in this folder or above."
    ),
    "/etc/zoneguard/sensor.yaml": Text(ja="センサーの設定。", en="The sensor's configuration."),
}


def main() -> None:
    """Write the pages anew."""
    for lang, folder in FOLDERS.items():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, page in pages(lang).items():
            (folder / name).write_text(page, "utf-8")
        sys.stdout.write(f"{folder.relative_to(MAN.parent.parent)}\n")


def pages(lang: Lang) -> dict[str, str]:
    """Give every page in one language by the name of its file."""
    ctx = root.context_class(root, info_name="zoneguard", obj=Options(lang=lang))
    made = {"zoneguard.1": _page(_whole(ctx, lang))}
    for name in COMMANDS:
        command = root.get_command(ctx, name)
        if isinstance(command, Command):
            below = command.context_class(command, info_name=name, parent=ctx)
            made[f"zoneguard-{name}.1"] = _page(_one(command, below, lang))
    return made


def _page(lines: Iterator[str]) -> str:
    return "\n".join(lines) + "\n"


def _whole(ctx: click.Context, lang: Lang) -> Iterator[str]:
    yield from _top("zoneguard", WHAT, lang)
    yield from _section("synopsis", lang)
    yield f".B zoneguard\n{_plain(' '.join(root.collect_usage_pieces(ctx)))}"
    yield from _section("description", lang)
    yield _prose(root.words.in_(lang))
    yield from _section("commands", lang)
    for name, words in COMMANDS.items():
        yield f".TP\n.BR zoneguard\\-{name} (1)\n{_plain(words.in_(lang))}"
    yield from _options(root, ctx, lang)
    yield from _section("exit", lang)
    for code, meaning in CODES.items():
        yield from _term(str(int(code)), meaning.in_(lang))
    yield f".PP\n{_plain(PRECEDENCE.in_(lang))}"
    for head, rows in (("environment", VARIABLES), ("files", PLACES)):
        yield from _section(head, lang)
        for term, meaning in rows.items():
            yield from _term(term, meaning.in_(lang))
    yield from _section("see", lang)
    *first, last = COMMANDS
    for name in first:
        yield f".BR zoneguard\\-{name} (1),"
    yield f".BR zoneguard\\-{last} (1)"


def _one(command: Command, ctx: click.Context, lang: Lang) -> Iterator[str]:
    name = ctx.info_name or ""
    yield from _top(f"zoneguard-{name}", COMMANDS[name], lang)
    yield from _section("synopsis", lang)
    leaves = list(_leaves(command, ctx))
    yield "\n.br\n".join(
        f".B {_plain(one.command_path)}\n{_plain(' '.join(leaf.collect_usage_pieces(one)))}"
        for leaf, one in leaves
    )
    yield from _section("description", lang)
    yield _prose(command.words.in_(lang))
    if isinstance(command, Group):
        yield from _section("commands", lang)
        for leaf, one in leaves:
            yield f".SS {_plain(one.command_path)}"
            yield _prose(leaf.words.in_(lang))
            yield from _rows(leaf, one)
    else:
        yield from _options(command, ctx, lang)
    yield from _section("see", lang)
    yield ".BR zoneguard (1)"


def _leaves(command: click.Command, ctx: click.Context) -> Iterator[tuple[Command, click.Context]]:
    if isinstance(command, Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            if isinstance(below, Command):
                yield from _leaves(below, below.context_class(below, info_name=name, parent=ctx))
    elif isinstance(command, Command):
        yield command, ctx


def _top(name: str, words: Text, lang: Lang) -> Iterator[str]:
    yield NOTICE
    yield f'.TH {_plain(name.upper())} 1 "" "ZoneGuard {__version__}" "{HEADS["book"].in_(lang)}"'
    yield ".ad l\n.nh"  # Japanese has no spaces to stretch, and names of options are not to be broken
    yield from _section("name", lang)
    yield f"{_plain(name)} \\- {_plain(words.in_(lang).rstrip('.。'))}"


def _options(command: Command, ctx: click.Context, lang: Lang) -> Iterator[str]:
    yield from _section("options", lang)
    yield from _rows(command, ctx)


def _rows(command: Command, ctx: click.Context) -> Iterator[str]:
    for term, meaning in command.option_rows(ctx):
        yield from _term(term, meaning)


def _section(head: str, lang: Lang) -> Iterator[str]:
    yield f'.SH "{HEADS[head].in_(lang)}"'


def _term(term: str, meaning: str) -> Iterator[str]:
    yield f".TP\n.B {_plain(term)}\n{_plain(meaning)}"


def _prose(words: str) -> str:
    return "\n.PP\n".join(_plain(" ".join(paragraph.split())) for paragraph in words.split("\n\n"))


def _plain(words: str) -> str:
    """Write words so that roff takes none for a request or an escape."""
    safe = words.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    safe = safe.replace("、", "、\\:")  # a line may break here, between Latin words too
    return re.sub(r"^(?=[.'])", "\\\\&", safe)


if __name__ == "__main__":
    main()
