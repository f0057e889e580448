"""A child process that reads hostile bytes: limited in time, memory and output, without a network, killed whole."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Isolation(StrEnum):
    """What stands between a dissector and the machine."""

    BUBBLEWRAP = "bubblewrap"  # own namespaces, no network, only programs visible; and the limits
    LIMITS = "limits"  # resource limits and an unprivileged user
    LIMITS_ONLY = "limits-only"  # resource limits, as the user that runs ZoneGuard


class Ending(StrEnum):
    """How a child came to its end."""

    DONE = "done"  # exit code 0
    FAILED = "failed"  # another exit code
    KILLED = "killed"  # by a signal that we did not send: a crash, or memory refused
    CPU = "cpu"
    WALL = "wall"
    FLOOD = "flood"
    UNSTARTED = "unstarted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one child."""

    wall: float = 30.0  # seconds
    cpu: int = 20  # seconds
    memory: int = 2 << 30  # octets of address space
    output: int = 256 << 20  # octets of standard output and standard error together


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What became of one child."""

    ending: Ending
    code: int | None = None  # exit code, or the number of the signal
    errors: bytes = b""  # the beginning of standard error; may quote payload, so never shown


_NOBODY: Final = 65534
_ERRORS_KEPT: Final = 4096
_CHUNK: Final = 1 << 16
# Sets what must hold before the first foreign instruction, then becomes the program. An interpreter of its own,
# because code between fork and exec of a process with threads may deadlock. 1: PR_SET_PDEATHSIG, 38: no new rights.
_LAUNCHER: Final = """
import os, resource as r, sys
cpu, memory, user = (int(word) for word in sys.argv[1:4])
for kind, soft, hard in ((r.RLIMIT_CPU, cpu, cpu + 1), (r.RLIMIT_AS, memory, memory), (r.RLIMIT_FSIZE, 0, 0),
                         (r.RLIMIT_NOFILE, 64, 64), (r.RLIMIT_CORE, 0, 0)):
    most = r.getrlimit(kind)[1]
    if most != r.RLIM_INFINITY:
        soft, hard = min(soft, most), min(hard, most)
    r.setrlimit(kind, (soft, hard))
if sys.platform == "linux":
    import ctypes
    prctl = ctypes.CDLL(None).prctl
else:
    prctl = lambda *words: 0
if user >= 0:
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
prctl(38, 1, 0, 0, 0)
prctl(1, 9, 0, 0, 0)
try:
    os.execve(sys.argv[4], sys.argv[4:], {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8",
                                          "XDG_CONFIG_HOME": "/nonexistent", "TZ": "UTC"})
except OSError:
    os._exit(127)
"""


def choose_isolation(search: str) -> Isolation:
    """Try what this machine offers, strongest first; `search` is a PATH in which `bwrap` is looked for."""
    true = shutil.which("true") or "/usr/bin/true"
    if shutil.which("bwrap", path=search) is not None:
        tried = run(
            [true],
            isolation=Isolation.BUBBLEWRAP,
            search=search,
            limits=Limits(wall=5, cpu=2, output=1 << 16),
            take=lambda _: None,
        )
        if tried.ending is Ending.DONE:
            return Isolation.BUBBLEWRAP
    return Isolation.LIMITS if os.geteuid() == 0 else Isolation.LIMITS_ONLY


def run(
    command: Sequence[str],
    *,
    isolation: Isolation,
    search: str,
    limits: Limits,
    take: Callable[[bytes], None],
    source: BinaryIO | None = None,
) -> Run:
    """Run `command` (its first word an absolute path) on `source` as standard input; hand its output to `take`.

    The child sees no file of ours but `source`, which it inherits open. Whatever way this ends, also by an exception
    of `take`, the child and all of its process group are gone. Never raises for what the child does.
    """
    user = _NOBODY if os.geteuid() == 0 and isolation is not Isolation.LIMITS_ONLY else -1
    words = [*_wrapping(command[0], search), *command] if isolation is Isolation.BUBBLEWRAP else [*command]
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(limits.cpu), str(limits.memory), str(user)]
    try:
        process = subprocess.Popen(  # noqa: S603 - a list of words, the program found by the caller
            [*launcher, *words],
            stdin=source if source is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"LC_ALL": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )
    except OSError:
        return Run(ending=Ending.UNSTARTED)
    try:
        stopped, errors = _read(process, limits, take)
    finally:
        _end(process)
    return _judged(process.returncode, stopped, errors, isolation)


def _wrapping(program: str, search: str) -> list[str]:
    words = [
        shutil.which("bwrap", path=search) or "bwrap",
        "--unshare-all",
        "--die-with-parent",
        "--cap-drop",
        "ALL",
    ]
    words += ["--uid", str(_NOBODY), "--gid", str(_NOBODY), "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        place = Path("/", name)
        if place.is_symlink():
            words += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            words += ["--ro-bind", str(place), str(place)]
    for path in ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"):
        words += ["--ro-bind-try", path, path]
    words += ["--tmpfs", "/tmp", "--dev", "/dev", "--chdir", "/tmp"]  # noqa: S108 - a /tmp of its own
    if not program.startswith(("/usr/", "/bin/")):
        # A program under /opt brings its libraries; of any other place only the file itself is shown.
        parts = Path(program).parts
        place = Path(*parts[:3]) if parts[1] == "opt" else Path(program)
        words += ["--ro-bind", str(place), str(place)]
    return [*words, "--"]


def _read(
    process: subprocess.Popen[bytes], limits: Limits, take: Callable[[bytes], None]
) -> tuple[Ending | None, bytes]:
    assert process.stdout is not None  # noqa: S101 - for the type checker: both are pipes
    assert process.stderr is not None  # noqa: S101 - likewise
    end = time.monotonic() + limits.wall
    errors = b""
    total = 0
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        ready.register(process.stderr, selectors.EVENT_READ)
        while ready.get_map():
            left = end - time.monotonic()
            if left <= 0:
                return Ending.WALL, errors
            events = ready.select(min(left, 0.1))
            if not events and process.poll() is not None:
                break  # a grandchild holds the pipe open
            for key, _ in events:
                chunk = os.read(key.fd, _CHUNK)
                total += len(chunk)
                if not chunk:
                    ready.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    take(chunk)
                else:
                    errors += chunk[: _ERRORS_KEPT - len(errors)]
            if total > limits.output:
                return Ending.FLOOD, errors
    try:
        process.wait(max(end - time.monotonic(), 0))
    except subprocess.TimeoutExpired:  # its pipes are closed, yet it stays
        return Ending.WALL, errors
    return None, errors


def _end(process: subprocess.Popen[bytes]) -> None:
    # The leader, not yet waited for, keeps the group's number its own; when it was waited for, the group may be
    # empty (ProcessLookupError), but a number that a living group bears is not given away.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


def _judged(code: int, stopped: Ending | None, errors: bytes, isolation: Isolation) -> Run:
    if stopped is not None:
        return Run(ending=stopped, errors=errors)
    if isolation is Isolation.BUBBLEWRAP and 128 < code < 128 + signal.NSIG:
        code = 128 - code  # how bubblewrap passes on a signal
    if code == 0:
        return Run(ending=Ending.DONE, code=0, errors=errors)
    if code == -signal.SIGXCPU:
        return Run(ending=Ending.CPU, errors=errors)
    if code < 0:
        return Run(ending=Ending.KILLED, code=-code, errors=errors)
    return Run(ending=Ending.UNSTARTED if code == 127 else Ending.FAILED, code=code, errors=errors)
