"""`check --bundle` and `report verify`: a run with its evidence, as files, and those files checked again."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoneguard.cli.bilingual import option
from zoneguard.cli.output import refuse_unwritable, write_octets
from zoneguard.errors import MachineLacksError, UsageError, why
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zoneguard.bundle.evidence import Captures
    from zoneguard.report.model import Report
    from zoneguard.text import Lang

BUNDLE = option(
    "--bundle",
    type=click.Path(path_type=Path),
    metavar="DIR|FILE.zip",
    words=Text(
        ja="証跡一式（報告、方針、指摘の根拠となったパケットのヘッダー、ハッシュ値）も書き出す先。",
        en="Also write an evidence bundle here: report, policy, headers of the packets behind findings, hashes.",
    ),
)
PSEUDONYMISE = option(
    "--pseudonymise",
    "key_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="KEYFILE",
    words=Text(
        ja="--bundle を仮名化する鍵のファイル（なければ作成）。鍵は庁外に出さないでください。",
        en="Pseudonymise the bundle with the key in this file, made when there is none; the key stays with you.",
    ),
)


def refuse_bad_bundle(bundle: Path | None, key_file: Path | None) -> None:
    """Refuse a place for the bundle, or a key without a bundle, before the work."""
    if bundle is None:
        if key_file is not None:
            raise UsageError(
                Text(
                    ja="--pseudonymise は --bundle と一緒に指定してください。",
                    en="--pseudonymise goes with --bundle; name where the bundle is to be written.",
                )
            )
        return
    if _is_zip(bundle):
        refuse_unwritable(bundle)
    elif bundle.exists() and (not bundle.is_dir() or any(bundle.iterdir())):
        raise UsageError(
            Text(
                ja=f"--bundle {bundle}: 空でないか、フォルダーではありません。新しいフォルダーか .zip の名前を指定してください。",
                en=f"--bundle {bundle}: it is not empty, or no folder; name a new folder, or a file that ends in .zip.",
            )
        )
    else:
        refuse_unwritable(bundle.with_name(f"{bundle.name}.bundle"))


def write_bundle(
    report: Report, captures: Captures, bundle: Path, *, key_file: Path | None, lang: Lang
) -> None:
    """Write the bundle whole or not at all, and tell the hash that vouches for it on the error output."""
    from zoneguard.bundle.container import zip_octets
    from zoneguard.bundle.evidence import evidence_of
    from zoneguard.bundle.making import bundle_files, policy_octets
    from zoneguard.bundle.manifest import SUMS, digest

    policy, evidence = policy_octets(report), evidence_of(report.findings, captures)
    if key_file is None:
        files = bundle_files(report, policy, evidence)
    else:
        from zoneguard.bundle.concealing import conceal
        from zoneguard.bundle.pseudonyms import read_or_make_key

        key = read_or_make_key(key_file, fresh=secrets.token_bytes)
        files = bundle_files(*conceal(report, policy, evidence, key), pseudonymised=True)
    if _is_zip(bundle):
        write_octets(zip_octets(files, at=report.generated), bundle)
    else:
        _write_folder(files, bundle)
    click.echo(
        Text(
            ja=f"証跡一式を {bundle} に書きました。{SUMS} の SHA-256（別の場所に控えてください）: {digest(files[SUMS])}",
            en=f"The bundle is in {bundle}. SHA-256 of {SUMS}, to be written down elsewhere: {digest(files[SUMS])}",
        ).in_(lang),
        err=True,
    )


def _is_zip(bundle: Path) -> bool:
    return bundle.suffix.lower() == ".zip"


def _write_folder(files: Mapping[str, bytes], bundle: Path) -> None:
    """Fill a folder beside the wanted one, which takes its place when it is whole."""
    draft = None
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{bundle.name}.", dir=bundle.parent))
        for name, octets in files.items():
            (draft / name).write_bytes(octets)
        mask = os.umask(0)
        os.umask(mask)
        draft.chmod(0o777 & ~mask)  # mkdtemp gave it to the owner alone
        draft.rename(bundle)
    except OSError as error:
        reason = why(error)
        raise MachineLacksError(
            Text(
                ja=f"{bundle}: 書き込めません（{reason.ja}）。空き容量と権限を確かめるか、別の場所を指定してください。",
                en=f"{bundle}: cannot be written ({reason.en}); check space and rights, or name another place.",
            )
        ) from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)
