"""Where the compiled kernels come from: which mode suits the input, and where their cache may lie."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import os
import stat
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.capture import jit

if TYPE_CHECKING:
    from types import ModuleType

# Below this many octets the interpreted kernel is done before Numba is imported and its cache read.
INTERPRETED_BELOW = 4_000_000

# Each kernel with what it is made of, itself last.
_MODULES = {
    "meter": ("zoneguard.capture.decode", "zoneguard.capture.meter"),
    "joining": ("zoneguard.capture.joining",),
}
_loaded: dict[tuple[str, bool], ModuleType] = {}
_cache: Path | None = None


def load(*, compiled: bool, name: str = "meter") -> ModuleType:
    """Give a kernel's module in one mode; both may live side by side (the tests compare them)."""
    if (name, compiled) not in _loaded:
        if compiled and _cache is None:
            _prepare_cache()
        for module in _MODULES[name]:
            sys.modules.pop(module, None)
        jit.compiled = compiled
        _loaded[name, compiled] = importlib.import_module(_MODULES[name][-1])
    return _loaded[name, compiled]


def cache_is_usable() -> bool:
    """Tell whether compiled code is kept on disk."""
    return _cache is not None


def cache_folder() -> Path | None:
    """Give the folder of the compiled kernels; None when nothing suitable can be written."""
    return _cache


def warmup() -> tuple[Path | None, float]:
    """Compile the kernels once; give the cache folder and the seconds it took."""
    from zoneguard.capture import flows, pcap, tables

    begin = time.monotonic()
    load(compiled=True)
    for magic_header in (pcap.EMPTY_FILE, pcap.EMPTY_SECTION):
        meter = tables.Meter(compiled=True)
        meter.read_bytes(magic_header)
        meter.finish()
    flows.prepare(compiled=True)
    return _cache, time.monotonic() - begin


def _prepare_cache() -> None:
    """Choose the cache before Numba is imported.

    The cache holds pickles, which run code when read: it lies under the user's own cache folder with
    nobody else allowed to write, and an inherited NUMBA_CACHE_DIR is ignored by root. Its name carries a
    digest of the kernels' sources, since Numba itself looks only at the file of the outermost function.
    """
    global _cache  # noqa: PLW0603 - one process, one cache
    sources = hashlib.sha256()
    for name in ("decode", "meter", "joining", "layout", "jit"):
        sources.update((Path(__file__).parent / f"{name}.py").read_bytes())
    for folder in _candidates():
        target = folder / f"kernels-{sources.hexdigest()[:16]}"
        try:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = target.stat()
            own = not hasattr(os, "getuid") or about.st_uid == os.getuid()
            if own and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and os.access(target, os.W_OK):
                os.environ["NUMBA_CACHE_DIR"] = str(target)
                _cache = target
                return
        except OSError:
            continue
    os.environ.pop("NUMBA_CACHE_DIR", None)
    _cache = None


def _candidates() -> list[Path]:
    found = []
    if os.environ.get("ZONEGUARD_CACHE"):
        found.append(Path(os.environ["ZONEGUARD_CACHE"]))
    if os.environ.get("XDG_CACHE_HOME"):
        found.append(Path(os.environ["XDG_CACHE_HOME"]) / "zoneguard")
    with contextlib.suppress(RuntimeError):  # no home
        found.append(Path.home() / ".cache" / "zoneguard")
    return found
