"""`zoneguard policy`: check, show, draw and begin a zones.yaml."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoneguard.cli.bilingual import group, option
from zoneguard.cli.clock import total_size
from zoneguard.cli.options import JOBS, files
from zoneguard.cli.output import new_file
from zoneguard.cli.progress import ProgressBar
from zoneguard.errors import ExitCode, InputRefusedError, UsageError
from zoneguard.report.harmless import harmless
from zoneguard.text import Lang, Text

if TYPE_CHECKING:
    from zoneguard.policy.model import Policy

# Named here and not read from the package, so that `--help` needs neither pydantic nor YAML.
MODELS = ("alpha", "alpha-prime", "beta", "beta-prime", "four-zone")

_FILE = click.argument("file", required=False, type=click.Path(path_type=Path))


@group(
    "policy",
    Text(ja="方針（zones.yaml）を検査・表示・作成します。", en="Lint, show or make a policy (zones.yaml)."),
)
def policy() -> None:
    """Check, show, draw or begin a policy file (zones.yaml)."""


@policy.command(
    "lint",
    words=Text(
        ja="FILE（既定はこのフォルダーか上の zones.yaml）を検査し、誤りをすべて行と桁で示し、まだ決めていないことを挙げます。",
        en="Check FILE (default: zones.yaml in this folder or above) name every mistake by line and column, and "
        "list what is still to decide.",
    ),
)
@_FILE
@option(
    "--decided",
    is_flag=True,
    words=Text(
        ja="まだ決めていないことが残っていれば、終了コード4で終わります。",
        en="End with exit code 4 while something is still to decide.",
    ),
)
@click.pass_context
def lint(ctx: click.Context, file: Path | None, *, decided: bool) -> None:
    """Check FILE (zones.yaml here or above), name every mistake by line and column, and what is still to decide."""
    from zoneguard.policy.undecided import open_points

    loaded = _load(file)
    told = Text(
        ja=f"{loaded.path}: 誤りはありません（ゾーン{len(loaded.zones)}、許可{len(loaded.flows)}、"
        f"無害化装置{len(loaded.gateways)}）",
        en=f"{loaded.path}: no mistakes ({len(loaded.zones)} zones, {len(loaded.flows)} allowed flows, "
        f"{len(loaded.gateways)} gateways)",
    )
    lang = _lang(ctx)
    click.echo(harmless(told.in_(lang)))
    points = open_points(loaded)
    if not points:
        return
    head = Text(ja=f"まだ決めていないこと: {len(points)}件", en=f"still to decide: {len(points)}")
    click.echo(head.in_(lang))
    for point in points:
        place = point.place
        click.echo(harmless(f"  {place.file}:{place.line}:{place.column}: {point.text.in_(lang)}"))
    if decided:
        ctx.exit(int(ExitCode.INCONCLUSIVE))


@policy.command(
    "show",
    words=Text(
        ja="どのゾーン（行）からどのゾーン（列）へ、どの通信を開始できるかを表で示します。",
        en="Show which flows may be opened from the zone of a row to that of a column.",
    ),
)
@_FILE
@click.pass_context
def show(ctx: click.Context, file: Path | None) -> None:
    """Show the zone matrix: which flows may be opened from the zone of a row to that of a column."""
    loaded, lang = _load(file), _lang(ctx)
    matrix = _matrix(loaded)
    if sys.stdout.isatty():
        _show_table(loaded, matrix, lang)
        return
    for (orig, resp), flows in matrix.items():
        click.echo(f"{orig}\t{resp}\t{','.join(flows)}")


@policy.command(
    "graph",
    words=Text(
        ja="ゾーン、無害化装置、許可した通信を、Graphviz または Mermaid の図として出力します。",
        en="Draw zones, gateways and allowed flows as text for Graphviz or Mermaid.",
    ),
)
@_FILE
@option(
    "--format",
    "form",
    type=click.Choice(["dot", "mermaid"]),
    default="dot",
    show_default=True,
    words=Text(ja="図の形式。", en="What to draw it for."),
)
@click.pass_context
def graph(ctx: click.Context, file: Path | None, form: str) -> None:
    """Draw zones, gateways and allowed flows as text for Graphviz or Mermaid."""
    from zoneguard.policy import drawing

    draw = drawing.dot if form == "dot" else drawing.mermaid
    click.echo(draw(_load(file), _lang(ctx)), nl=False)


@policy.command(
    "init",
    words=Text(
        ja="方針の案を書きます。モデルのひな形から、または手元の設定・キャプチャ・通信要件一覧から（組み合わせ可）。",
        en="Write a first policy: the template of a model, or a proposal from exports, captures and a list of "
        "communication, in any combination.",
    ),
)
@option(
    "--model",
    type=click.Choice(MODELS),
    words=Text(
        ja="もとにするモデル。資料と併せて指定すれば、ひな形ではなくモデルの定め（分離・分割）だけを使います。",
        en="The model. Together with evidence it gives what zones owe each other, and not the template.",
    ),
)
@option(
    "--from-export",
    "exports",
    multiple=True,
    metavar="FILE",
    shell_complete=files,
    words=Text(
        ja="ファイアウォールやルータの設定（繰り返し可、フォルダー可）。ゾーンと devices の案になります。",
        en="Export of a firewall or router, or a folder of them (repeatable): gives zones and devices.",
    ),
)
@option(
    "--from-capture",
    "captures",
    multiple=True,
    metavar="FILE",
    shell_complete=files,
    words=Text(
        ja="キャプチャ（繰り返し可、フォルダー可）。VLAN を補い、観測した通信を提案します。",
        en="Capture, or a folder of them (repeatable): fills VLANs in and proposes observed flows.",
    ),
)
@option(
    "--from-sheet",
    "sheet",
    metavar="FILE",
    shell_complete=files,
    words=Text(
        ja="通信要件一覧（xlsx か CSV）。承認済みの通信になります。",
        en="List of required communication (xlsx or CSV): gives flows with their approvals.",
    ),
)
@JOBS
@option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("zones.yaml"),
    show_default=True,
    metavar="FILE",
    words=Text(
        ja="書く場所。すでにあるファイルは上書きしません。",
        en="Where to write; an existing file is never overwritten.",
    ),
)
@click.pass_context
def init(
    ctx: click.Context,
    *,
    model: str | None,
    exports: tuple[str, ...],
    captures: tuple[str, ...],
    sheet: str | None,
    jobs: int,
    output: Path,
) -> None:
    """Write a first policy: a template, or a proposal from evidence."""
    if not (model or exports or captures or sheet):
        raise UsageError(
            Text(
                ja="--model、--from-export、--from-capture、--from-sheet のどれかを指定してください。",
                en="Give one of --model, --from-export, --from-capture and --from-sheet.",
            )
        )
    if output.exists():
        raise _exists(output)
    lang = _lang(ctx)
    if model and not (exports or captures or sheet):
        from zoneguard.policy.presets import preset

        text = preset(model)
    else:
        text = _proposed(model, exports, captures, sheet, lang=lang, jobs=jobs)
    try:
        new_file(output, text)
    except FileExistsError:
        raise _exists(output) from None
    told = Text(
        ja=f"{output} を書きました。自団体の値に置き換え、`zoneguard policy lint {output}` で確認してください",
        en=f"wrote {output}; put your own values in and run `zoneguard policy lint {output}`",
    )
    if exports or captures or sheet:
        told = Text(
            ja=f"{output} を書きました。決めるべきことは `zoneguard policy lint {output}` が一覧にします",
            en=f"wrote {output}; `zoneguard policy lint {output}` lists what is to be decided",
        )
    click.echo(harmless(told.in_(lang)))


@policy.command(
    "schema",
    words=Text(
        ja="zones.yaml の JSON Schema をエディター向けに出力します。",
        en="Print the JSON Schema of zones.yaml, for editors.",
    ),
)
def schema() -> None:
    """Print the JSON Schema of zones.yaml, for editors."""
    from zoneguard.policy.document import policy_schema

    click.echo(json.dumps(policy_schema(), ensure_ascii=False, indent=2))


def _proposed(
    model: str | None,
    exports: tuple[str, ...],
    captures: tuple[str, ...],
    sheet: str | None,
    *,
    lang: Lang,
    jobs: int,
) -> str:
    from zoneguard.api.initiating import propose

    if model == "four-zone":
        raise UsageError(
            Text(
                ja="four-zone はひな形だけです。資料から起こすときは --model を省いてください。",
                en="four-zone is a template only; leave --model out when you start from evidence.",
            )
        )
    # Captures are read twice, once for the endpoints and once for the flows between their zones.
    size = total_size(captures)
    with ProgressBar(None if size is None else 2 * size, lang=lang) as progress:
        return propose(
            model=model,
            exports=exports,
            captures=captures,
            sheet=sheet,
            lang=lang,
            jobs=jobs,
            progress=progress.update,
        )


def _exists(output: Path) -> UsageError:
    return UsageError(
        Text(
            ja=f"{output}: すでにあります。--output で別の名前を指定してください。",
            en=f"{output}: exists already; give another name with --output.",
        )
    )


def _lang(ctx: click.Context) -> Lang:
    lang: Lang = ctx.obj.lang
    return lang


def _load(file: Path | None) -> Policy:
    from zoneguard.policy.load import find_policy, load_policy

    found = file or find_policy(Path.cwd())
    if found is None:
        raise InputRefusedError(
            Text(
                ja="zones.yaml がこのフォルダーにも上のフォルダーにもありません。"
                "ファイルを指定するか、`zoneguard policy init` で作ってください",
                en="there is no zones.yaml in this folder or above; name the file, "
                "or write one with `zoneguard policy init`",
            )
        )
    return load_policy(found)


def _matrix(policy: Policy) -> dict[tuple[str, str], list[str]]:
    matrix: dict[tuple[str, str], list[str]] = {}
    for flow in policy.flows:
        matrix.setdefault((flow.source.zone, flow.destination.zone), []).append(flow.id)
    return matrix


def _show_table(policy: Policy, matrix: dict[tuple[str, str], list[str]], lang: Lang) -> None:
    """Print how many flows each pair has, then which; columns are numbered to fit 80 columns."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    zones = [*(zone.id for zone in policy.zones), "public"]
    title = Text(
        ja=f"{policy.organization.ja}（{policy.model.value}）: 行のゾーンから列のゾーンへ開始できる通信の数",
        en=f"{policy.organization.en} ({policy.model.value}): flows that a row's zone may open to a column's",
    )
    table = Table(title=escape(title.in_(lang)))
    table.add_column("")
    for number in range(1, len(zones) + 1):
        table.add_column(str(number), justify="right")
    for number, orig in enumerate(zones, 1):
        counts = (len(matrix.get((orig, resp), ())) for resp in zones)
        table.add_row(escape(f"{number} {orig}"), *(str(count or "·") for count in counts))
    console = Console()
    console.print(table)
    for (orig, resp), flows in matrix.items():
        console.print(f"{orig} → {resp}: {', '.join(flows)}", markup=False, highlight=False)
