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
    from collections.abc import Callable, Iterator
    from types import ModuleType

# Below this many octets the interpreted kernel is done before Numba is imported and its cache read.
INTERPRETED_BELOW = 4_000_000

# Each kernel with what it is made of, itself last.
_MODULES = {
    "meter": ("zoneguard.capture.decode", "zoneguard.capture.classes", "zoneguard.capture.meter"),
    "joining": ("zoneguard.capture.joining",),
    "picking": (
        "zoneguard.capture.decode",
        "zoneguard.capture.classes",
        "zoneguard.capture.meter",
        "zoneguard.capture.picking",
    ),
}
_loaded: dict[tuple[str, bool], ModuleType] = {}
_cache: Path | None = None
_announce: Callable[[bool], None] | None = None


def load(*, compiled: bool, name: str = "meter") -> ModuleType:
    """Give a kernel's module in one mode; both may live side by side (the tests compare them)."""
    if (name, compiled) not in _loaded:
        if compiled and _cache is None:
            _prepare_cache()
        for module in _MODULES[name]:
            sys.modules.pop(module, None)
        jit.compiled = compiled
        _loaded[name, compiled] = importlib.import_module(_MODULES[name][-1])
        if compiled and name == "meter" and not is_ready():
            if _announce is not None:
                _announce(_cache is not None)
            _compile()
    return _loaded[name, compiled]


@contextlib.contextmanager
def announcing(announce: Callable[[bool], None]) -> Iterator[None]:
    """Have `announce` called before a compilation in this block; it is told whether the result can be kept."""
    global _announce  # noqa: PLW0603 - one process, one user to tell
    before, _announce = _announce, announce
    try:
        yield
    finally:
        _announce = before


def is_ready() -> bool:
    """Tell whether the cache holds the kernels of these very sources for this very machine."""
    return _cache is not None and (_cache / _mark()).exists()


def cache_is_usable() -> bool:
    """Tell whether compiled code is kept on disk."""
    return _cache is not None


def cache_folder() -> Path | None:
    """Give the folder of the compiled kernels; None when nothing suitable can be written."""
    return _cache


def source_digest() -> bytes:
    """Digest the sources of the kernels and of the tables they share (SHA-256)."""
    sources = hashlib.sha256()
    for name in ("decode", "classes", "meter", "joining", "layout", "jit"):
        sources.update((Path(__file__).parent / f"{name}.py").read_bytes())
    return sources.digest()


def warmup() -> tuple[Path | None, float]:
    """Compile the kernels unless that was done before; give the cache folder and the seconds it took."""
    begin = time.monotonic()
    load(compiled=True)
    return _cache, time.monotonic() - begin


def _compile() -> None:
    """Compile every kernel by reading nothing, and leave a mark that says so."""
    from zoneguard.capture import expiry, flows, pcap, picker, tables

    for magic_header in (pcap.EMPTY_FILE, pcap.EMPTY_SECTION):
        meter = tables.Meter(compiled=True)
        meter.read_bytes(magic_header)
        meter.finish()
    endless = tables.Meter(compiled=True, timeouts=expiry.Timeouts())
    endless.expire(1)
    endless.kernel.barrier()
    flows.prepare(compiled=True)
    picker.prepare(compiled=True)
    if _cache is not None:
        with contextlib.suppress(OSError):  # without the mark the next run only checks again
            (_cache / _mark()).touch(mode=0o600)


def _mark() -> str:
    """Name the mark after everything that Numba itself looks at before it takes code from its cache."""
    import numba
    from llvmlite import binding

    about = [numba.__version__, sys.implementation.cache_tag, binding.get_host_cpu_name()]
    about.append(binding.get_host_cpu_features().flatten())
    for name in sorted({name for names in _MODULES.values() for name in names}):
        source = Path(__file__).parent / f"{name.rpartition('.')[2]}.py"
        about += [str(source), str(source.stat().st_mtime_ns)]
    return "ready-" + hashlib.sha256("\0".join(about).encode()).hexdigest()[:16]


def _prepare_cache() -> None:
    """Choose the cache before Numba is imported.

    The cache holds pickles, which run code when read: it lies under the user's own cache folder with
    nobody else allowed to write, and an inherited NUMBA_CACHE_DIR is ignored by root. Its name carries a
    digest of the kernels' sources, since Numba itself looks only at the file of the outermost function.
    """
    global _cache  # noqa: PLW0603 - one process, one cache
    for folder in _candidates():
        target = folder / f"kernels-{source_digest().hex()[:16]}"
        try:
            target.mkdir(mode=0o700, parents=True, exist_ok=True)
            about = target.stat()
            own = not hasattr(os, "getuid") or about.st_uid == os.getuid()
            if own and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and os.access(target, os.W_OK):
                _point_numba_to(str(target))
                _cache = target
                return
        except OSError:
            continue
    _point_numba_to("")
    _cache = None


def _point_numba_to(folder: str) -> None:
    os.environ["NUMBA_CACHE_DIR"] = folder
    if "numba" in sys.modules:  # imported by somebody before us, and it reads the environment only then
        sys.modules["numba"].config.CACHE_DIR = folder


def _candidates() -> list[Path]:
    found = []
    if os.environ.get("ZONEGUARD_CACHE"):
        found.append(Path(os.environ["ZONEGUARD_CACHE"]))
    if os.environ.get("XDG_CACHE_HOME"):
        found.append(Path(os.environ["XDG_CACHE_HOME"]) / "zoneguard")
    with contextlib.suppress(RuntimeError):  # no home
        found.append(Path.home() / ".cache" / "zoneguard")
    return found
