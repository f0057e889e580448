from __future__ import annotations

from datetime import date

import pytest

from zoneguard.firewall.eras import date_of, dates_in, temporary_words


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("令和8年3月31日", date(2026, 3, 31)),
        ("令和 8 年 3 月 31 日", date(2026, 3, 31)),
        ("令和８年３月３１日", date(2026, 3, 31)),
        ("㋿8年3月31日", date(2026, 3, 31)),
        ("令和元年5月1日", date(2019, 5, 1)),
        ("平成32年3月31日", date(2020, 3, 31)),
        ("R8.3.31", date(2026, 3, 31)),
        ("r8/4/1", date(2026, 4, 1)),
        ("R8-04-01", date(2026, 4, 1)),
        ("R080331", date(2026, 3, 31)),
        ("Ｒ８．３．３１", date(2026, 3, 31)),
        ("H31.4.30", date(2019, 4, 30)),
        ("2026/3/31", date(2026, 3, 31)),
        ("2026-03-31", date(2026, 3, 31)),
        ("2026-03-31T00:00:00+09:00", date(2026, 3, 31)),
        ("2026年3月31日", date(2026, 3, 31)),
        ("20260331", date(2026, 3, 31)),
        ("31 Mar 2026", date(2026, 3, 31)),
        ("March 31, 2026", date(2026, 3, 31)),
        ("令和7年度末", date(2026, 3, 31)),
        ("2025年度", date(2026, 3, 31)),
        ("令和8年2月末", date(2026, 2, 28)),
        ("令和8年末", date(2026, 12, 31)),
    ],
)
def test_a_date_is_read_in_every_usual_writing(text: str, day: date) -> None:
    assert date_of(text) == day


@pytest.mark.parametrize(
    "text",
    [
        "3月末まで",
        "3/31まで",
        "年度末",
        "26/3/31",
        "令和8年13月1日",
        "2026/2/30",
        "10.20.3.31",
        "172.16.20.0/22",
        "R8-情-001",
        "FortiOS 7.4.11",
        "port 20250",
        "申請120260331",
        "",
    ],
)
def test_what_is_no_whole_date_is_none(text: str) -> None:
    assert dates_in(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "R7.3.31まで 暫定",
        "令和8年3月31日（火）まで",
        "期限：R8.3.31",
        "有効期限 2026-03-31",
        "until 2026-03-31",
        "expires on 2026-03-31",
        "R7.4.1～R8.3.31",
        "令和7年度末まで",
        "(R8.3.31)迄",
        "R8.3.31に廃止",
    ],
)
def test_words_beside_a_date_say_that_it_is_an_end(text: str) -> None:
    assert dates_in(text)[-1].is_end


@pytest.mark.parametrize("text", ["R8.3.31申請", "2026-03-31 から", "created 2026-03-31", "R7.4.1～"])
def test_a_date_alone_is_no_end(text: str) -> None:
    assert [one.is_end for one in dates_in(text)] == [False]


def test_an_end_goes_before_a_later_date_that_is_none() -> None:
    assert date_of("R8.3.31まで（R8.4.10確認）") == date(2026, 3, 31)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("R7.3.31まで 暫定", ("暫定",)),
        ("ﾃｽﾄ用、一時的に開放", ("テスト", "一時")),
        ("仮設定", ("仮",)),
        ("Temporary, for a test", ("temporary", "test")),
        ("tmp_rule", ("tmp",)),
        ("仮想基盤の監視", ()),
        ("コンテストの応募", ()),
        ("一時間ごとの同期、一時保育システム", ()),
        ("latest template", ()),
    ],
)
def test_the_words_for_temporary_are_told_from_longer_words(text: str, words: tuple[str, ...]) -> None:
    assert temporary_words(text) == words


def test_a_long_comment_is_read_in_bounded_time() -> None:
    assert dates_in("R" * 100_000 + "令和" * 100_000) == ()
