"""`zoneguard sensor`: the daemon on a mirror port, its configuration and its status."""

from __future__ import annotations

import gc
import json
import os
import signal
import time
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoneguard.cli.bilingual import Group, group, language, option
from zoneguard.errors import InputRefusedError, MachineLacksError
from zoneguard.report.harmless import harmless, harmless_json_lines
from zoneguard.text import Text

if TYPE_CHECKING:
    from types import FrameType

    from zoneguard.sensor.config import Config
    from zoneguard.sensor.events import Event
    from zoneguard.sensor.runner import Runner

DEFAULT = Path("/etc/zoneguard/sensor.yaml")
# A daemon of months asks the collector oftener than a run of seconds does, so that no cycles pile up.
_COLLECTED = (100_000, 50, 50)

CONFIG = option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=DEFAULT,
    show_default=True,
    metavar="FILE",
    words=Text(ja="センサーの設定。", en="The sensor's configuration."),
)


@group(
    "sensor",
    Text(
        ja="ミラーポートで常時監視するセンサーの設定と状態です。",
        en="The daemon on a mirror port: its configuration and its status.",
    ),
)
def sensor() -> None:
    """Configure and ask the daemon on a mirror port."""


USER = option(
    "--user",
    metavar="NAME",
    words=Text(
        ja="rootで起動したとき、取り込みを始めたあとにこの利用者になります（CAP_NET_RAWだけを残します）。",
        en="When started as root, become this user once the rings are open, keeping CAP_NET_RAW alone.",
    ),
)


@sensor.command(
    "run",
    words=Text(
        ja="設定のとおりに監視を続けます（サービスとして）。HUPで設定を読み直し、TERMで終わり、USR1で状態を書きます。",
        en="Watch as the configuration says, as a service; HUP reloads, TERM ends, USR1 writes the status.",
    ),
)
@CONFIG
@USER
@click.pass_context
def run(ctx: click.Context, config_path: Path, user: str | None) -> None:
    """Watch as the configuration says, as a service."""
    _run(ctx, config_path, user, once=None)


@sensor.command(
    "once",
    words=Text(
        ja="一度だけ監視して判定し、checkと同じ終了コードで終わります（cronやsystemdのタイマー向け）。フォルダーだけなら、"
        "いまあるファイルを読み終えたら終わります。",
        en="Watch once, judge and end with the exit code of check, for cron and timers; folders alone are read to the end"
        " of what is there.",
    ),
)
@CONFIG
@USER
@option(
    "--for",
    "seconds",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    words=Text(
        ja="インターフェースを監視する秒数（既定は設定の judge.window）。",
        en="How long interfaces are watched (default: judge.window of the configuration).",
    ),
)
@click.pass_context
def once(ctx: click.Context, config_path: Path, user: str | None, seconds: int | None) -> None:
    """Watch once, judge and end with the exit code of check."""
    _run(ctx, config_path, user, once=seconds or 0)


def _run(ctx: click.Context, config_path: Path, user: str | None, *, once: int | None) -> None:
    require_extra()
    gc.set_threshold(*_COLLECTED)
    os.umask(os.umask(0o777) | 0o027)  # what is written tells of persons' conduct: none of it is for all
    from zoneguard.sensor.events import ReloadAsked, StatusAsked, StopAsked
    from zoneguard.sensor.runner import Runner
    from zoneguard.sensor.world import World

    runner = Runner(config_path, World(lang=language(ctx)), once=once, user=user)
    for name, event in (
        ("SIGTERM", StopAsked()),
        ("SIGINT", StopAsked()),
        ("SIGHUP", ReloadAsked()),
        ("SIGUSR1", StatusAsked()),
    ):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), partial(_ask, runner, event))
    ctx.exit(int(runner.run()))


def _ask(runner: Runner, event: Event, _number: int, _frame: FrameType | None) -> None:
    runner.ask(event)


@sensor.group(
    "config",
    cls=Group,
    words=Text(
        ja="センサーの設定（sensor.yaml）を検査し、ひな形を表示します。",
        en="Lint a sensor's configuration (sensor.yaml) or show one to start from.",
    ),
)
def config() -> None:
    """Lint or begin a sensor's configuration."""


@config.command(
    "lint",
    words=Text(
        ja=f"FILE（既定は {DEFAULT}）と、それが指す方針を検査し、誤りをすべて行と桁で示します。",
        en=f"Check FILE (default: {DEFAULT}) and the policy it names, and tell every mistake by line and column.",
    ),
)
@click.argument("file", required=False, default=DEFAULT, type=click.Path(path_type=Path))
@click.pass_context
def lint(ctx: click.Context, file: Path) -> None:
    """Check FILE and the policy it names, and tell every mistake by line and column."""
    from zoneguard.policy.load import load_policy
    from zoneguard.sensor.load import observation_faults

    loaded = _load(file)
    faults = observation_faults(loaded, load_policy(loaded.policy))
    if faults:
        raise InputRefusedError(*faults)
    interfaces, folders, outputs = len(loaded.interfaces), len(loaded.folders), len(loaded.outputs)
    told = Text(
        ja=f"{file}: 誤りはありません（インターフェース{interfaces}、フォルダー{folders}、出力{outputs}）",
        en=f"{file}: no mistakes ({interfaces} interfaces, {folders} folders, {outputs} outputs)",
    )
    click.echo(harmless(told.in_(language(ctx))))


@config.command(
    "schema",
    words=Text(
        ja="sensor.yaml の JSON Schema をエディター向けに出力します。",
        en="Print the JSON Schema of sensor.yaml, for editors.",
    ),
)
def schema() -> None:
    """Print the JSON Schema of sensor.yaml, for editors."""
    require_extra()
    from zoneguard.sensor.document import sensor_schema

    click.echo(json.dumps(sensor_schema(), ensure_ascii=False, indent=2))


@config.command(
    "example",
    words=Text(
        ja="注釈つきの sensor.yaml のひな形を出力します。",
        en="Print a commented sensor.yaml to start from.",
    ),
)
def example() -> None:
    """Print a commented sensor.yaml to start from."""
    text = files("zoneguard.sensor").joinpath("example.yaml").read_text(encoding="utf-8")
    click.echo(text, nl=False)


@sensor.command(
    "status",
    words=Text(
        ja="動いているセンサーの状態を表示します。",
        en="Show how the running sensor is.",
    ),
)
@CONFIG
@option(
    "--file",
    "status_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    words=Text(
        ja="設定の代わりに読む状態ファイル。", en="Read this status file, whatever the configuration says."
    ),
)
@option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    words=Text(ja="出力の形式。", en="What to print."),
)
@click.pass_context
def status(ctx: click.Context, config_path: Path, status_path: Path | None, form: str) -> None:
    """Show how the running sensor is."""
    from zoneguard.sensor.page import status_page
    from zoneguard.sensor.status import read_status

    path = status_path or _load(config_path).status
    told = read_status(path)
    if form == "json":
        click.echo(harmless_json_lines(json.dumps(told, ensure_ascii=False, indent=2)))
        return
    try:
        page = status_page(told, language(ctx), now=time.time_ns())
    except (AttributeError, KeyError, TypeError, ValueError):
        raise InputRefusedError(
            Text(
                ja=f"{path}: 状態ファイルの形が違います。センサーと同じ版の zoneguard で読んでください。",
                en=f"{path}: this status file has another shape; read it with the sensor's own version of zoneguard.",
            )
        ) from None
    click.echo(page, nl=False)


def require_extra() -> None:
    """Refuse to go on when the packages of the sensor are not installed."""
    from importlib.util import find_spec

    needed = ("alembic", "cronsim", "duckdb", "prometheus_client", "pyarrow", "sqlalchemy")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        listed = ", ".join(missing)
        raise MachineLacksError(
            Text(
                ja=f"センサーに必要なパッケージがありません（{listed}）。`pip install 'zoneguard[sensor]'` を実行してください。",
                en=f"Packages that the sensor needs are missing ({listed}); run `pip install 'zoneguard[sensor]'`.",
            )
        )


def _load(file: Path) -> Config:
    require_extra()
    from zoneguard.sensor.load import load_config

    return load_config(file)
