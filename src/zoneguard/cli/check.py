"""`zoneguard check`: judge everything given, in one run, into one report."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoneguard.cli.bilingual import Options, command, option
from zoneguard.cli.bundling import BUNDLE, PSEUDONYMISE, refuse_bad_bundle, write_bundle
from zoneguard.cli.clock import time_of_run, total_size
from zoneguard.cli.options import FORMAT, JOBS, OUTPUT, POLICY, files
from zoneguard.cli.output import refuse_unwritable, write_octets
from zoneguard.cli.progress import ProgressBar
from zoneguard.dissect.record import MOST_LOOKS
from zoneguard.errors import UsageError
from zoneguard.findings.finding import SEVERITY_ORDER, Severity
from zoneguard.report.forms import FORMS
from zoneguard.report.harmless import harmless
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection

    from zoneguard.report.model import PolicyRead, Report

FORMATS = tuple(FORMS)


@command(
    "check",
    Text(
        ja="証拠（キャプチャ、フォルダー、標準入力は -）を方針に照らして判定し、1つの報告にまとめます。",
        en="Judge evidence (captures, folders, - for standard input) by the policy, in one report.",
    ),
)
@click.argument("evidence", nargs=-1, required=True, shell_complete=files)
@POLICY
@FORMAT
@OUTPUT
@option(
    "--fail-on",
    type=click.Choice([severity.value for severity in SEVERITY_ORDER]),
    default="medium",
    show_default=True,
    words=Text(
        ja="終了コード1とする重大度のしきい値。", en="The severity from which findings give exit code 1."
    ),
)
@option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="RUN.json",
    words=Text(
        ja="以前の報告（--format json）と比べ、指摘を新規・継続・消滅に分ける。",
        en="An earlier report (--format json): tell which findings are new, unchanged or absent.",
    ),
)
@option(
    "--fail-on-new",
    is_flag=True,
    words=Text(
        ja="--baseline にない（または悪化した）指摘だけを終了コード1とする。",
        en="With --baseline: only findings that are new or have become worse give exit code 1.",
    ),
)
@JOBS
@option(
    "--today",
    metavar="YYYY-MM-DD",
    words=Text(
        ja="承認期限を判定する日（既定は方針のタイムゾーンでの今日）。",
        en="The day approvals are held against (default: today in the policy's time zone).",
    ),
)
@option(
    "--max-memory",
    "most_memory_mib",
    type=click.IntRange(min=16),
    default=256,
    show_default=True,
    metavar="MIB",
    words=Text(ja="フロー表に使うメモリーの上限（MiB）。", en="Bound of the flow table's memory (MiB)."),
)
@option(
    "--digest/--no-digest",
    "digests",
    default=True,
    words=Text(
        ja="証拠のSHA-256を報告に記す（既定）。大きなキャプチャでは、記さないほうが速く終わります。",
        en="Record the SHA-256 of the evidence (default); without it large captures are judged faster.",
    ),
)
@option(
    "--look",
    "most_looks",
    type=click.IntRange(min=0),
    default=MOST_LOOKS,
    show_default=True,
    metavar="N",
    words=Text(
        ja="中を開いて確かめるフローの数の上限（問いごと）。0 なら開きません。",
        en="How many flows to open and look into, for each question; 0 opens none.",
    ),
)
@BUNDLE
@PSEUDONYMISE
@click.pass_context
def check(
    ctx: click.Context,
    *,
    evidence: tuple[str, ...],
    policy_path: Path | None,
    formats: tuple[str, ...],
    output: Path | None,
    fail_on: str,
    baseline: Path | None,
    fail_on_new: bool,
    jobs: int,
    today: str | None,
    most_memory_mib: int,
    digests: bool,
    most_looks: int,
    bundle: Path | None,
    key_file: Path | None,
) -> None:
    """Judge evidence, write the report in every form asked for, and end with its exit code."""
    from zoneguard import api
    from zoneguard.bundle.evidence import Captures

    if fail_on_new and baseline is None:
        raise UsageError(
            Text(
                ja="--fail-on-new には --baseline で以前の報告を指定してください。",
                en="--fail-on-new needs an earlier report; name it by --baseline.",
            )
        )
    lang = ctx.ensure_object(Options).lang
    targets = report_targets(formats, output)
    for form, path in targets:
        if path is not None:
            refuse_unwritable(path)
        FORMS[form].ready()
    refuse_bad_bundle(bundle, key_file)
    captures = Captures()
    generated = time_of_run()
    with ProgressBar(total_size(evidence), lang=lang) as progress:
        report = api.check(
            evidence,
            policy_path,
            lang=lang,
            fail_on=Severity(fail_on),
            jobs=jobs,
            today=_iso_day(today) if today else None,
            generated=generated,
            most_memory_mib=most_memory_mib,
            digests=digests,
            most_looks=most_looks,
            search=os.environ.get("PATH", os.defpath),
            baseline=baseline,
            fail_on_new=fail_on_new,
            progress=progress.update,
            keep=captures.take,
        )
    for form, path in targets:
        write_report(report, form, path)
    if bundle is not None:
        write_bundle(report, captures, bundle, key_file=key_file, lang=lang)
    if report.policy.to_decide:
        click.echo(harmless(_undecided(report.policy).in_(lang)), err=True)
    ctx.exit(int(report.summary.exit_code))


def _undecided(policy: PolicyRead) -> Text:
    """Say that the policy itself is not decided yet, which leaves a clean run inconclusive."""
    return Text(
        ja=f"{policy.path}: まだ決めていないことが{policy.to_decide:,}件あります。`zoneguard policy lint` で確かめてください。",
        en=f"{policy.path}: still to decide: {policy.to_decide:,}; see `zoneguard policy lint`.",
    )


def report_targets(
    formats: tuple[str, ...], output: Path | None, *, forms: Collection[str] = FORMATS
) -> list[tuple[str, Path | None]]:
    """Tell which form goes where; the one without a file goes to `output` or standard output, and comes last."""
    named = [one.partition("=") for one in formats]
    for form, sign, file in named:
        if form not in forms or (sign and not file):
            raise UsageError(
                Text(
                    ja=f"--format「{form}{sign}{file}」はありません。{'、'.join(forms)} のいずれかを、"
                    "あるいは json=report.json のように指定してください。",
                    en=f"--format {form}{sign}{file}: there is no such form; give one of {', '.join(forms)},"
                    " or name a file as in json=report.json.",
                )
            )
    plain = [form for form, sign, _ in named if not sign]
    if len(plain) > 1:
        raise UsageError(
            Text(
                ja="ファイルのない --format は1つだけです。2つ目からは json=report.json のように指定してください。",
                en="Only one --format may go without a file; name one for the others, as in json=report.json.",
            )
        )
    if plain and plain[0] in FORMS and FORMS[plain[0]].kind == "bytes" and output is None:
        raise UsageError(
            Text(
                ja=f"{plain[0]} は画面に出せません。{plain[0]}=report.{plain[0]} のようにファイルを指定してください。",
                en=f"{plain[0]} is not for a terminal; name a file, as in {plain[0]}=report.{plain[0]}.",
            )
        )
    files: list[tuple[str, Path | None]] = [(form, Path(file)) for form, sign, file in named if sign]
    return [*files, (plain[0] if plain else "text", output)]


def _iso_day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(
            Text(
                ja=f"--today「{text}」は日付ではありません。2026-04-01 のように指定してください。",
                en=f"--today {text}: not a date; write it like 2026-04-01.",
            )
        ) from error


def write_report(report: Report, form: str, path: Path | None) -> None:
    """Write a report in one form; words go to a terminal in its width, with colours and in its encoding."""
    if form == "text" and path is None:
        from zoneguard.report.text import print_report, render_text

        if sys.stdout.isatty():
            print_report(report, sys.stdout)
        else:
            sys.stdout.write(render_text(report))
        return
    write_octets(FORMS[form].write(report), path)
