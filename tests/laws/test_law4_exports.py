"""Law 4 for exports: a device does not differ from itself, and the way back mirrors the way there."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.rules.building import SCREEN, city
from zoneguard.firewall.parse import parse
from zoneguard.rules import changing
from zoneguard.rules.changing import compare

ZONES = ("lgwan", "internet")
HOSTS = {
    "lgwan": ("172.16.20.0/24", "172.16.20.5", "any"),
    "internet": ("192.168.20.0/24", "192.168.10.0/26", "any"),
}
PORTS = ("443", "3389", "1433", "400-500", "any")


def lines(random):
    for number in range(random.randint(1, 6)):
        orig, resp = random.sample(ZONES, 2)
        action = random.choice(("許可", "許可", "拒否"))
        source, target = random.choice(HOSTS[orig]), random.choice(HOSTS[resp])
        yield f"{number},○,{orig},{source},{resp},{target},TCP,{random.choice(PORTS)},{action},○,x"


def export(rows):
    head = "# 機器: fw\n項番,有効,送信元ゾーン,送信元アドレス,宛先ゾーン,宛先アドレス,プロトコル,ポート番号,動作,ログ,用途\n"
    text = head + "".join(f"{row}\n" for row in rows) + "その他,○,－,－,－,－,－,－,拒否,○,x\n"
    return [parse("fw.csv", text.encode(), format_name="csv")]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_an_export_does_not_differ_from_itself(seed):
    rows = list(lines(Random(seed)))
    found = compare(city(SCREEN), export(rows), export(rows))
    assert found.changes == ()


@settings(max_examples=60, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_is_newly_permitted_one_way_is_newly_denied_the_other(seed):
    random = Random(seed)
    one, other = export(lines(random)), export(lines(random))
    there, back = compare(city(SCREEN), one, other), compare(city(SCREEN), other, one)
    zones = {(change.orig_zone, change.resp_zone) for change in there.changes if change.permitted}
    assert zones == {(change.orig_zone, change.resp_zone) for change in back.changes if not change.permitted}
    sizes = [
        sum(change.size for change in found.changes if change.permitted is way and change.beyond)
        for found, way in ((there, True), (back, False))
    ]
    assert sizes[0] == sizes[1]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_taking_an_unreachable_line_out_changes_nothing(seed):
    rows = list(lines(Random(seed)))
    doubled = [*rows, rows[0]]
    assert compare(city(SCREEN), export(rows), export(doubled)).changes == ()


def told(found):
    changes = {
        (one.orig_zone, one.resp_zone, one.permitted, one.beyond, one.sure, one.size) for one in found.changes
    }
    kept = {
        (one.orig_zone, one.resp_zone, tuple(line.places[0].text for line in one.lines)) for one in found.kept
    }
    return changes, kept


@settings(max_examples=60, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_asking_only_about_lines_that_differ_finds_all_that_asking_about_everything_finds(seed):
    random = Random(seed)
    rows = [*lines(random), *lines(random), *lines(random)]
    edited = list(rows)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(len(edited))
        row = edited.pop(place)
        if random.random() < 0.6:
            edited.insert(random.randrange(len(edited) + 1), row)
        if not edited:
            break
    fast = told(compare(city(SCREEN), export(rows), export(edited)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changing, "touched", lambda *sides: None)
        assert told(compare(city(SCREEN), export(rows), export(edited))) == fast
