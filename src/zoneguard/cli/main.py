"""The `zoneguard` command: finds the sub-command, speaks the user's language, ends with a telling exit code.

Beside the codes of `errors.ExitCode`: 130 when interrupted, 141 when the reader of the output went away,
70 (EX_SOFTWARE) for a defect of ZoneGuard itself, which must never pass for a judgement.
"""

from __future__ import annotations

import difflib
import gc
import importlib
import os
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any

import click

from zoneguard import __version__
from zoneguard.cli.bilingual import Group, Option, Options, locale_language
from zoneguard.errors import ExitCode, UsageError, ZoneGuardError
from zoneguard.report.harmless import harmless
from zoneguard.text import Lang, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130
READER_GONE = 141
DEFECT = 70
# Rulesets and findings are many small objects without cycles. At Python's own thresholds (700, 10, 10) the
# collector walks them again and again and frees nothing: a fifth of the time of 10,000 lines, at 100,000 still
# 0.3 s of 4, and the peak of memory is the same without.
_COLLECTED = (1_000_000, 50, 50)

_OUT_OF_MEMORY = Text(
    ja="メモリーが足りません。--max-memory を下げるか、入力を分けてください。",
    en="Out of memory; lower --max-memory or give fewer inputs at a time.",
)

COMMANDS: dict[str, Text] = {
    "check": Text(
        ja="証拠（キャプチャ、機器の設定）を方針に照らして判定します。",
        en="Judge evidence (captures, exports of devices) by the policy.",
    ),
    "completion": Text(
        ja="シェルの補完スクリプトを出力します（bash、fish、zsh）。",
        en="Print the completion script of a shell (bash, fish, zsh).",
    ),
    "diff": Text(
        ja="機器の設定の変更前と変更後を比べます。",
        en="Compare exports of a device before and after a change.",
    ),
    "explain": Text(
        ja="通信が方針で許可されているか、機器を通るか、指摘がなぜそう判定されたかを説明します。",
        en="Explain whether the policy allows a packet, and devices let it pass; or why a finding was judged so.",
    ),
    "flows": Text(ja="フロー表そのものを出力します。", en="Print the flow table itself."),
    "policy": Text(
        ja="方針（zones.yaml）を検査・表示・作成します。",
        en="Lint, show or make a policy (zones.yaml).",
    ),
    "report": Text(
        ja="保存した報告を別の形や言語で出力し直し、証跡一式を確かめます。",
        en="Render a stored run again, in another form or language; check an evidence bundle.",
    ),
    "rules": Text(ja="検査規則の一覧と説明です。", en="List and explain the rules."),
    "sensor": Text(
        ja="ミラーポートで常時監視するセンサーです。",
        en="The daemon on a mirror port.",
    ),
    "warmup": Text(
        ja="解析エンジンを先にコンパイルしておきます。", en="Compile the capture engine ahead of time."
    ),
}


class _Root(Group):
    """The root: imports a sub-command only when it is called, takes --lang anywhere on the line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def captions(self, ctx: click.Context) -> list[tuple[str, Text]]:  # noqa: ARG002 - see list_commands
        return list(COMMANDS.items())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        found = getattr(importlib.import_module(f"zoneguard.cli.{cmd_name}"), cmd_name)
        return found if isinstance(found, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not ctx.resilient_parsing:
            raise UsageError(_no_command(args[0]))
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given, rest = _take_language(args)
        ctx.obj = Options(lang=locale_language(os.environ))
        if given is not None:
            if given not in ("ja", "en"):
                if ctx.resilient_parsing:  # a shell completes what is not whole yet
                    return super().parse_args(ctx, args)
                raise UsageError(_no_language(given))
            ctx.obj = Options(lang="ja" if given == "ja" else "en")
        return super().parse_args(ctx, rest)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _ReaderGoneError from error  # else click would end with 1, which means findings


def _no_command(given: str) -> Text:
    near = difflib.get_close_matches(given, COMMANDS, 1)
    ja = f"{near[0]} のことですか。" if near else ""
    en = f" Did you mean {near[0]!r}?" if near else ""
    return Text(
        ja=f"コマンド「{given}」はありません。{ja}「zoneguard --help」をご覧ください。",
        en=f"No such command {given!r}.{en} See `zoneguard --help`.",
    )


def _no_language(given: str) -> Text:
    return Text(
        ja=f"--lang「{given}」はありません。ja または en を指定してください。",
        en=f"--lang {given!r}: there is no such language; give ja or en.",
    )


class _ReaderGoneError(Exception):
    """Whoever read our output has closed it."""


@click.group(
    "zoneguard",
    cls=_Root,
    words=Text(
        ja="自治体ネットワークの三層の対策（分離・分割）が守られているかを、証拠をもって検証します。\n\n"
        "終了コード: 0 指摘なし、1 指摘あり、2 使い方の誤り、3 入力を拒否、4 判断できず、5 機器の不足。",
        en="Proves with evidence whether a municipality's network keeps its three-tier separation.\n\n"
        "Exit codes: 0 clean, 1 findings, 2 usage, 3 an input was refused, 4 inconclusive,"
        " 5 this machine lacks something.",
    ),
)
@click.option(
    "--lang",
    cls=Option,
    type=click.Choice(["ja", "en"]),
    expose_value=False,
    words=Text(
        ja="出力の言語（既定はロケール）。コマンドの後ろにも書けます。",
        en="Language of the output (default: the locale); may also follow the command.",
    ),
)
@click.version_option(
    __version__,
    "--version",
    cls=Option,
    message="zoneguard %(version)s",
    words=Text(ja="版を表示して終わります。", en="Show the version and exit."),
)
def root() -> None:
    """See the sub-commands."""


def main() -> None:
    """Run the command line of this process."""
    gc.set_threshold(*_COLLECTED)
    # NumPy's linear algebra, which nothing here uses, would start a thread for every core as it is imported,
    # and they look for work for a tenth of a second.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Pydantic would look for plugins in what every installed package declares, and let them read the policy.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    code = run(sys.argv[1:])
    if code == READER_GONE:  # nothing more can be said there, and the interpreter must not try at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    # The interpreter looks for cycles in all that is left before it ends: a seventh of the time of 10,000 lines.
    gc.freeze()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and give its exit code; whatever went wrong was told on standard error."""
    try:
        code = root.main(list(arguments), prog_name="zoneguard", standalone_mode=False)
        sys.stdout.flush()
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last resort: a defect is told in one line, never a traceback
        return _told(error, _spoken(arguments))
    return code if isinstance(code, int) else int(ExitCode.CLEAN)


def _told(error: Exception, lang: Lang) -> int:
    """Say what went wrong, as far as anybody still listens, and give the exit code for it."""
    match error:
        case _ReaderGoneError() | BrokenPipeError():
            return READER_GONE
        case ZoneGuardError():
            for fault in error.faults:
                _tell(fault.in_(lang))
            return int(error.exit_code)
        case click.ClickException():
            _tell_usage(error, lang)
            return int(ExitCode.USAGE)
        case MemoryError():
            _tell(_OUT_OF_MEMORY.in_(lang))
            return int(ExitCode.LACKING)
        case _:
            _tell_defect(error)
            return DEFECT


def _take_language(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """Take --lang out of a command line, wherever it stands before `--`; the last one counts."""
    given: str | None = None
    rest: list[str] = []
    pending = iter(arguments)
    for argument in pending:
        if argument == "--":
            return given, [*rest, argument, *pending]
        if argument == "--lang":
            given = next(pending, "")
        elif argument.startswith("--lang="):
            given = argument.removeprefix("--lang=")
        else:
            rest.append(argument)
    return given, rest


def _spoken(arguments: Sequence[str]) -> Lang:
    given, _ = _take_language(arguments)
    if given in ("ja", "en"):
        return "ja" if given == "ja" else "en"
    return locale_language(os.environ)


def _tell(sentence: str) -> None:
    click.echo(harmless(sentence), err=True)


def _tell_usage(error: click.ClickException, lang: Lang) -> None:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    command = ctx.command_path if ctx else "zoneguard"
    what = _misused(error)
    _tell(
        Text(
            ja=f"{what.ja}「{command} --help」をご覧ください。", en=f"{what.en} See `{command} --help`."
        ).in_(lang)
    )


def _misused(error: click.ClickException) -> Text:
    """Say in both languages what click says in English, as whole sentences."""
    told = " ".join(error.format_message().split())
    told = told if told.endswith(("?", ".")) else f"{told}."
    match error:
        case click.NoSuchOption():
            near = "、".join(sorted(error.possibilities or ()))
            meant = f"{near} のことですか。" if near else ""
            return Text(ja=f"オプション {error.option_name} はありません。{meant}", en=told)
        case click.BadOptionUsage():
            if "requires" in error.message:
                return Text(ja=f"{error.option_name} には値を指定してください。", en=told)
            return Text(ja=f"{error.option_name} に値は指定できません。", en=told)
        case click.MissingParameter():
            return Text(ja=f"{_named(error)} を指定してください。{_choices(error)}", en=told)
        case click.BadParameter():
            return _misvalued(error, told)
        case _:
            return _misnamed(told)


def _misvalued(error: click.BadParameter, told: str) -> Text:
    name, wrong = _named(error), f"{_named(error)} の値が正しくありません。"
    match error.param.type if error.param else None:
        case click.Choice():
            return Text(ja=f"{wrong}{_choices(error)}", en=told)
        case click.IntRange() as kind if kind.max is None:
            return Text(
                ja=f"{wrong}{kind.min} 以上の整数を指定してください。",
                en=f"Invalid value for {name}; give an integer of {kind.min} or more.",
            )
        case click.IntRange() as kind:
            return Text(
                ja=f"{wrong}{kind.min} から {kind.max} までの整数を指定してください。",
                en=f"Invalid value for {name}; give an integer from {kind.min} to {kind.max}.",
            )
        case click.Path():
            return Text(
                ja=f"{wrong}フォルダーではなくファイルを指定してください。",
                en=f"Invalid value for {name}: it is a folder; name a file.",
            )
        case _:
            return Text(ja=f"{wrong}（{error.message}）", en=told)


def _misnamed(told: str) -> Text:
    """Translate the sentences for which click has no class of its own."""
    if found := re.match(r"No such command '([^']*)'", told):
        near = "、".join(re.findall(r"'([^']*)'", told)[1:])
        meant = f"{near} のことですか。" if near else ""
        return Text(ja=f"コマンド「{found[1]}」はありません。{meant}", en=told)
    if found := re.match(r"Got unexpected extra arguments? \((.*)\)", told):
        return Text(ja=f"余分な引数があります: {found[1]}。", en=told)
    return Text(ja=f"使い方が正しくありません（{told}）。", en=told)


def _choices(error: click.BadParameter) -> str:
    """Name what may be chosen from."""
    kind = error.param.type if error.param else None
    return f"{'、'.join(kind.choices)} のいずれかです。" if isinstance(kind, click.Choice) else ""


def _named(error: click.BadParameter) -> str:
    match error.param:
        case click.Option() as option:
            return option.opts[-1]
        case click.Parameter() as argument:
            return argument.human_readable_name
        case _:
            return str(error.param_hint)


def _tell_defect(error: Exception) -> None:
    if os.environ.get("ZONEGUARD_DEBUG") == "1":
        traceback.print_exception(error)
    told = f"{type(error).__name__}: {error}"
    _tell(f"ZoneGuard の不具合です。ZONEGUARD_DEBUG=1 を付けて再実行すると詳細が出ます。({told})")
    _tell(f"This is a defect of ZoneGuard; run again with ZONEGUARD_DEBUG=1 for details. ({told})")
