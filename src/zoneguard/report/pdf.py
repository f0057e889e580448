"""The report as PDF for A4 paper, from the same page as HTML, by WeasyPrint or by a browser of the machine.

WeasyPrint goes first: the same report gives the same bytes, its fonts are real ones (a browser draws Japanese as
Type 3), and the file is a third of the size. Fourteen pages took it 5 s and 0.6 MB, Chromium 3 s and 2.3 MB (two
busy cores, November 2026).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.errors import MachineLacksError
from zoneguard.report.html import render_html
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from zoneguard.report.model import Report

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "microsoft-edge", "msedge")
MOST_IN_FULL = 120  # findings on paper; WeasyPrint takes a tenth of a second for each
_PATIENCE = 300  # seconds for a browser; a report of many pages takes it half a minute
# A page that loads nothing needs no network: whatever the browser itself would fetch finds no host.
_OFFLINE = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--no-pdf-header-footer",
)


def render_pdf(report: Report) -> bytes:
    """Write a report as PDF. Raises MachineLacksError when the machine has no means or no Japanese font.

    The gravest findings are in it, and the number of the others: ten thousand are hundreds of pages.
    """
    refuse_without_means()
    page = render_html(report, most_in_full=MOST_IN_FULL, most_lines=0)
    if has_weasyprint():
        return print_by_weasyprint(page)
    return print_by_browser(page, str(browser()))


def refuse_without_means() -> None:
    """Refuse before any work is done when there is nothing to make a PDF with, or no font to write it in."""
    if not has_weasyprint() and browser() is None:
        raise MachineLacksError(
            Text(
                ja="PDF を作る手段がありません。pip install 'zoneguard[pdf]'（WeasyPrint と Pango）か Chromium を導入するか、"
                "--format html=FILE で書き出してブラウザーから印刷してください。",
                en="There is nothing to make a PDF with; install zoneguard[pdf] (WeasyPrint, with Pango) or Chromium, or"
                " write --format html=FILE and print it from a browser.",
            )
        )
    if not has_japanese_font():
        raise MachineLacksError(
            Text(
                ja="日本語フォントがないため、PDF の文字が欠けます。fonts-noto-cjk か fonts-ipaexfont-gothic を導入するか、"
                "--format html=FILE で書き出して別の機器から印刷してください。",
                en="This machine has no Japanese font, so characters would be missing from the PDF; install fonts-noto-cjk"
                " or fonts-ipaexfont-gothic, or write --format html=FILE and print it elsewhere.",
            )
        )


def has_weasyprint() -> bool:
    """Tell whether WeasyPrint is installed and finds its libraries (Pango)."""
    try:
        import weasyprint  # noqa: F401
    except (ImportError, OSError):
        return False
    return True


def browser(find: Callable[[str], str | None] = shutil.which) -> str | None:
    """Find a browser of the Chromium family."""
    return next((path for name in BROWSERS if (path := find(name))), None)


def has_japanese_font(find: Callable[[str], str | None] = shutil.which) -> bool:
    """Ask fontconfig for a font that writes Japanese; Windows and macOS bring theirs with them."""
    lister = find("fc-list")
    if sys.platform in {"win32", "darwin"} or lister is None:
        return True
    asked = subprocess.run(  # noqa: S603 - found on the path, fixed arguments
        [lister, ":lang=ja", "family"], capture_output=True, check=False, timeout=60
    )
    return asked.returncode != 0 or bool(asked.stdout.strip())


def print_by_weasyprint(page: str) -> bytes:
    """Print a page by WeasyPrint, which is given nothing to fetch; deterministic."""
    from weasyprint import HTML

    printed: bytes = HTML(string=page, url_fetcher=_fetch_nothing).write_pdf()
    return printed


def print_by_browser(page: str, program: str) -> bytes:
    """Print a page by a browser in a profile of its own that is gone afterwards. Raises MachineLacksError."""
    with tempfile.TemporaryDirectory(prefix="zoneguard-pdf-") as folder:
        source, target = Path(folder, "report.html"), Path(folder, "report.pdf")
        source.write_text(page, "utf-8")
        # Chromium has no sandbox for root; the page holds no script and loads nothing.
        as_root = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
        command = [program, *_OFFLINE, *as_root, f"--user-data-dir={folder}/profile"]
        try:
            ran = subprocess.run(  # noqa: S603 - found on the path, our own page
                [*command, f"--print-to-pdf={target}", source.as_uri()],
                capture_output=True,
                check=False,
                timeout=_PATIENCE,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise _failed(program, str(error)) from error
        if not target.exists():
            raise _failed(program, f"exit {ran.returncode}")
        return target.read_bytes()


def _fetch_nothing(url: str, *_: object, **__: object) -> dict[str, object]:
    raise ValueError(f"A report loads nothing, and here it asks for {url}.")


def _failed(program: str, said: str) -> MachineLacksError:
    return MachineLacksError(
        Text(
            ja=f"{program} で PDF を作れませんでした（{said}）。--format html=FILE で書き出して印刷してください。",
            en=f"{program} made no PDF ({said}); write --format html=FILE and print it.",
        )
    )
