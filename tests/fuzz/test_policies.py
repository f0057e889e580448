"""Hostile zones.yaml files: each is loaded, or refused in words; nothing else may happen."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from zoneguard.errors import InputRefusedError
from zoneguard.policy.load import load_policy

RUNS = int(os.environ.get("FUZZ_CASES", "300"))
ROOT = Path(__file__).parents[2]
SCALARS = (
    "", "null", "true", "[]", "{}", "''", "0", "-1", "99999999999999999999", "1e309", ".nan", "2026-02-30", "0.0.0.0/0",
    "10.0.0.0/33", "::/0", "fe80::1%eth0", "any", "*", "&a [*a]", "!!python/object:os.system x", "<<", "\x00", "ｚｏｎｅ",
    "'\\ud800'", "- - - -", "? :", "tcp/0", "tcp/70000", "tcp/9-1", "x" * 3000,
)  # fmt: skip


def mutated(random: Random, text: str) -> str:
    """Change a few lines: values, keys, indents; repeat, remove or move lines; flip characters; cut."""
    lines = text.splitlines()
    for _ in range(random.choice((1, 1, 2, 5))):
        i = random.randrange(len(lines))
        way = random.randrange(9)
        head, colon, _ = lines[i].partition(":")
        if way < 3:
            lines[i] = f"{head}{colon} {random.choice(SCALARS)}"
        elif way == 3:
            lines[i] = " " * random.randrange(9) + lines[i].strip()
        elif way == 4:
            lines.insert(i, random.choice(lines))
        elif way == 5 and len(lines) > 1:
            del lines[i]
        elif way == 6:
            lines[i] = head + random.choice("xyz日") + colon + lines[i][len(head) + 1 :]
        elif way == 7 and lines[i]:
            at = random.randrange(len(lines[i]))
            lines[i] = lines[i][:at] + chr(random.randrange(1, 0x250)) + lines[i][at + 1 :]
        else:
            lines = lines[: max(1, random.randrange(len(lines)))] if random.random() < 0.2 else lines
    return "\n".join(lines) + "\n"


def small(text: str) -> str:
    """Keep the beginning of a policy and some of its lists short, so that many runs fit."""
    return "\n".join(text.splitlines()[:80]) + "\n"


@pytest.mark.parametrize("whole", [True, False])
def test_no_hostile_policy_does_more_than_to_be_refused(tmp_path: Path, *, whole: bool) -> None:
    presets = sorted((ROOT / "src/zoneguard/policy/presets").glob("*.yaml"))
    texts = [path.read_text(encoding="utf-8") for path in [ROOT / "zones.yaml", *presets]]
    random = Random(5)
    path = tmp_path / "zones.yaml"
    refusals = []
    for _ in range(RUNS // 3 if whole else RUNS):
        text = random.choice(texts)
        path.write_bytes(mutated(random, text if whole else small(text)).encode("utf-8", "surrogatepass"))
        try:
            load_policy(path)
        except InputRefusedError as refused:
            refusals.append(str(refused))
    assert all(refusals)
    assert refusals


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe\x00\x00",
        b"a: &a [" + b"*a," * 5 + b"]",
        b"[" * 5000,
        b"{a: " * 2000,
        b"a: &b [x]\n" + b"".join(b"k%d: [*b, *b]\n" % i for i in range(1000)),
        b"!!python/object/apply:os.system ['true']\n",
        b"zones: !!binary AAAA\n",
        b"? [a]\n: b\n",
        b"1: 2\n",
        b"- zones\n",
        b"--- a\n--- b\n",
    ],
)
def test_texts_made_to_hurt_a_reader_are_refused_in_words(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "zones.yaml"
    path.write_bytes(data)
    with pytest.raises(InputRefusedError):
        load_policy(path)
