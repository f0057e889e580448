"""Commands and options whose help is told in the language of the run."""

from __future__ import annotations

import copy
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from zoneguard.report.width import cells, wrap
from zoneguard.text import Lang, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from click.shell_completion import CompletionItem

_HEADINGS = {
    "usage": Text(ja="使い方: ", en="Usage: "),
    "options": Text(ja="オプション", en="Options"),
    "commands": Text(ja="コマンド", en="Commands"),
}
_HELP = Text(ja="この説明を表示して終わります。", en="Show this message and exit.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What every command is told."""

    lang: Lang


def locale_language(environment: Mapping[str, str]) -> Lang:
    """Tell the language from the locale, as POSIX ranks its variables."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return "ja" if environment[name].lower().startswith("ja") else "en"
    return "en"


def language(ctx: click.Context) -> Lang:
    """Tell the language of this run: as given on the command line, else by the locale."""
    options = ctx.find_object(Options)
    return options.lang if options else locale_language(os.environ)


class Formatter(click.HelpFormatter):
    """Help in columns and lines counted in terminal cells, so that Japanese is aligned and wrapped."""

    def write_text(self, text: str) -> None:
        """Write paragraphs, each wrapped by itself."""
        indent = " " * self.current_indent
        for number, paragraph in enumerate(text.split("\n\n")):
            if number:
                self.write("\n")
            for line in wrap(" ".join(paragraph.split()), self.width - self.current_indent):
                self.write(f"{indent}{line}\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write terms and their meanings in two columns."""
        rows = list(rows)
        first = min(max(cells(term) for term, _ in rows), col_max) + col_spacing
        indent = " " * self.current_indent
        for term, meaning in rows:
            lines = list(wrap(meaning, max(self.width - first - self.current_indent, 20)))
            if cells(term) > first - col_spacing:
                self.write(f"{indent}{term}\n")
            else:
                head = lines.pop(0) if lines else ""
                self.write(f"{indent}{term}{' ' * (first - cells(term))}{head}".rstrip() + "\n")
            for line in lines:
                self.write(f"{indent}{' ' * first}{line}\n")


class _Context(click.Context):
    formatter_class = Formatter


class Option(click.Option):
    """An option with its help in both languages."""

    def __init__(self, *args: Any, words: Text, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **{**attributes, "help": words.en})
        self.words = words

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Give the option's row of the help, in the language of the run."""
        told = copy.copy(self)
        told.help = self.words.in_(language(ctx))
        record = click.Option.get_help_record(told, ctx)
        if record is None or language(ctx) == "en":
            return record
        term, meaning = record
        return term, meaning.replace("[default: ", "[既定: ").replace("[required]", "[必須]")


class Command(click.Command):
    """A command with its help in both languages."""

    context_class = _Context

    def __init__(self, *args: Any, words: Text, **attributes: Any) -> None:  # noqa: ANN401 - click's own
        super().__init__(*args, **attributes)
        self.words = words

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the usage line."""
        formatter.write_usage(
            ctx.command_path,
            " ".join(self.collect_usage_pieces(ctx)),
            prefix=_HEADINGS["usage"].in_(language(ctx)),
        )

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what the command does."""
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(self.words.in_(language(ctx)))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, the one for help last."""
        with formatter.section(_HEADINGS["options"].in_(language(ctx))):
            formatter.write_dl(self.option_rows(ctx))

    def option_rows(self, ctx: click.Context) -> list[tuple[str, str]]:
        """Give each option as it is written, and its help; the one for help comes last."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        rows = [record for param in options if (record := param.get_help_record(ctx))]
        if rows and rows[-1][0] == "--help":
            rows[-1] = ("--help", _HELP.in_(language(ctx)))
        return rows

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Give the options that may follow, each with its help in the language of the run."""
        words = {
            name: param.words for param in self.params if isinstance(param, Option) for name in param.opts
        } | {"--help": _HELP}
        items = click.Command.shell_complete(self, ctx, incomplete)
        for item in items:
            item.help = words[item.value].in_(language(ctx))
        return items


class Group(Command, click.Group):
    """A group with its help, and the list of its commands, in both languages."""

    command_class = Command

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands."""
        Command.format_options(self, ctx, formatter)
        with formatter.section(_HEADINGS["commands"].in_(language(ctx))):
            formatter.write_dl([(name, words.in_(language(ctx))) for name, words in self.captions(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Give the commands that may follow without importing them, then the options."""
        from click.shell_completion import CompletionItem

        commands = [
            CompletionItem(name, help=words.in_(language(ctx)))
            for name, words in self.captions(ctx)
            if name.startswith(incomplete)
        ]
        return [*commands, *Command.shell_complete(self, ctx, incomplete)]

    def captions(self, ctx: click.Context) -> list[tuple[str, Text]]:
        """Give the names of the commands and what each does."""
        return [
            (name, command.words)
            for name in self.list_commands(ctx)
            if isinstance(command := self.get_command(ctx, name), Command)
        ]


def command(name: str, words: Text) -> Callable[[Callable[..., Any]], Command]:
    """Make a function a command, with its help in both languages."""
    return click.command(name, cls=Command, words=words)


def group(name: str, words: Text, **attributes: Any) -> Callable[[Callable[..., Any]], Group]:  # noqa: ANN401 - click's own
    """Make a function a group of commands, with its help in both languages."""
    return click.group(name, cls=Group, words=words, **attributes)


def option(*names: str, words: Text, **attributes: Any) -> Callable[[Any], Any]:  # noqa: ANN401 - click's own
    """Give a command an option, with its help in both languages."""
    return click.option(*names, cls=Option, words=words, **attributes)
