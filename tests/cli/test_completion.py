"""What a shell offers at Tab, with the script that `zoneguard completion` prints."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from zoneguard.cli import main
from zoneguard.cli.completion import SHELLS
from zoneguard.cli.main import COMMANDS

PROGRAM = Path(sys.executable).with_name("zoneguard")
# Calls the function that bash would call at Tab, with the words as bash cuts them, and prints what it would offer.
AT_TAB = """
eval "$(zoneguard completion bash)"
compopt() { echo "<$2>"; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
set -- $(complete -p zoneguard)
while [ "$1" != -F ]; do shift; done
"$2" zoneguard "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


def environment(lang="en_US.UTF-8"):
    path = f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "LC_ALL": lang}


def shell(*words, lang="en_US.UTF-8"):
    run = subprocess.run(
        words,
        env=environment(lang),
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    noise = [line for line in run.stderr.splitlines() if "setlocale" not in line]
    assert (run.returncode, noise) == (0, [])
    return run.stdout


def offered(*words):
    return set(shell("bash", "-c", AT_TAB, "bash", *words).split())


def asked(name, line, incomplete, lang):
    """Ask the program as fish and zsh do; it answers with help beside the words."""
    words = {"COMP_WORDS": f"zoneguard {line}", "COMP_CWORD": incomplete if name == "fish" else "1"}
    run = subprocess.run(
        [PROGRAM],
        env=environment(lang) | words | {"_ZONEGUARD_COMPLETE": f"{name}_complete"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    return run.stdout


def test_bash_completes_every_command():
    assert offered("zoneguard", "") == set(COMMANDS)


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("ch", "check"),
        ("check --fail-on me", "medium"),
        ("check --po", "--policy"),
        ("--lang ", "ja en"),
        ("--lang ja rep", "report"),
        ("policy in", "init"),
        ("policy init --model four", "four-zone"),
        ("check --format sa", "sarif"),
        ("rules explain ZG-A05", "ZG-A05"),
        ("rules explain reverse", "reverse-initiation"),
        ("completion ", " ".join(SHELLS)),
        ("check cap", "<default>"),
        ("check --policy z", "<default>"),
        ("policy init --from-capture c", "<default>"),
        ("nope che", "check"),
    ],
)
def test_bash_completes_what_may_follow(words, wanted):
    assert offered("zoneguard", *words.split(" ")) == set(wanted.split())


@pytest.mark.parametrize(
    ("lang", "words"), [("ja_JP.UTF-8", COMMANDS["rules"].ja), ("en_US.UTF-8", COMMANDS["rules"].en)]
)
@pytest.mark.parametrize("name", ["fish", "zsh"])
def test_other_shells_tell_what_each_command_does_in_the_language_of_the_locale(name, lang, words):
    assert words in asked(name, "ru", "ru", lang)


def test_an_option_is_offered_with_its_help_and_not_with_the_words_of_the_code():
    told = asked("zsh", "--", "--", "ja_JP.UTF-8")
    assert "出力の言語" in told
    assert "この説明を表示して終わります。" in told


@pytest.mark.skipif(not shutil.which("fish"), reason="fish is not installed")
def test_fish_completes_with_the_script():
    script = "zoneguard completion fish | source; complete --do-complete 'zoneguard pol'"
    assert shell("fish", "--no-config", "-c", script).split()[0] == "policy"


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed")
def test_zsh_registers_the_script():
    script = (
        'autoload -Uz compinit; compinit -D; eval "$(zoneguard completion zsh)"; print $_comps[zoneguard]'
    )
    assert shell("zsh", "-f", "-c", script).strip() == "_zoneguard_completion"


def test_completing_a_command_imports_no_command():
    code = (
        "import os, sys; os.environ |= {'_ZONEGUARD_COMPLETE': 'bash_complete',"
        " 'COMP_WORDS': 'zoneguard ', 'COMP_CWORD': '1'};"
        "from zoneguard.cli.main import run\n"
        "try: run([])\n"
        "except SystemExit: pass\n"
        "sys.exit(','.join(m for m in sys.modules if m.startswith(('zoneguard.cli.check', 'numpy', 'yaml'))) or 0)"
    )
    shell(*shlex.split(f"{shlex.quote(sys.executable)} -c"), code)


def test_a_shell_that_is_not_known_is_refused_with_those_that_are(capsys):
    assert main.run(["completion", "tcsh", "--lang", "ja"]) == 2
    assert "bash、fish、zsh" in capsys.readouterr().err
