from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.firewall.walk import verdict
from zoneguard.errors import InputRefusedError
from zoneguard.firewall.export import Export
from zoneguard.firewall.model import Action, Filter, LineState, ParseResult
from zoneguard.firewall.parse import format_of, parse
from zoneguard.net.service import Service
from zoneguard.net.spans import ANYWHERE

HEAD = "番号,送信元,宛先,プロトコル,ポート,動作,期限,備考\n"
DENY = "# default: deny\n"
EXPORTS = Path(__file__).resolve().parents[3] / "exports" / "csv"
FIXTURES = sorted((Path(__file__).parent / "csv").glob("*.csv"))


def read(text: str, encoding: str = "utf-8") -> ParseResult:
    return parse("list.csv", text.encode(encoding), format_name="csv")


def filter_of(text: str) -> Filter:
    (ruleset,) = read(text).rulesets
    (step,) = ruleset.steps
    assert isinstance(step, Filter)
    return step


def line_of(row: str, head: str = HEAD):
    (line,) = filter_of(DENY + head + row + "\n").lines
    return line


def decides(text: str, source: str, destination: str, protocol: int = 6, dport: int = 443):
    (ruleset,) = read(text).rulesets
    return verdict(ruleset, ingress="", egress="", source=source, destination=destination, protocol=protocol, dport=dport)  # fmt: skip


def services(cell: str, head: str = "送信元,宛先,サービス,動作\n"):
    line = line_of(f'any,any,"{cell}",許可', head)
    return [(one.protocol[0], *one.dport) for one in line.match.services], line.match.unknown


def test_the_first_row_that_matches_decides_and_the_given_default_the_rest() -> None:
    text = DENY + HEAD + "1,10.0.0.0/8,any,tcp,443,拒否,,\n2,any,192.168.0.0/16,tcp,443,許可,,\n"
    assert decides(text, "10.1.1.1", "192.168.1.1") == (Action.DENY, "No. 1")
    assert decides(text, "172.16.1.1", "192.168.1.1") == (Action.PERMIT, "No. 2")
    assert decides(text, "172.16.1.1", "192.168.1.1", dport=80) == (Action.DENY, "list default")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "utf-16"])
def test_the_encodings_of_japanese_spreadsheets_are_read(encoding: str) -> None:
    result = read(
        HEAD + "1,１０．０．０．１,すべて,ＴＣＰ,４４３,許可,,〜通信\n2,全て,全て,全て,全て,拒否,,その他\n",
        encoding,
    )
    assert result.faults == ()
    (step,) = result.rulesets[0].steps
    assert step.default is Action.DENY
    assert step.lines[0].match.services[0].dport == (443, 443)


def test_title_rows_before_the_header_and_section_rows_are_passed_over() -> None:
    text = f"例示市 通信許可一覧,,,,,,,\n作成日,R8.4.1,,,,,,\n,,,,,,,\n{DENY}{HEAD}■LGWAN,,,,,,,\n1,any,any,tcp,443,許可,,\n※ 以上,,,,,,,\n"
    result = read(text)
    assert len(result.rulesets[0].steps[0].lines) == 1
    assert LineState.UNKNOWN not in result.states
    assert len(result.states) == text.count("\n")


def test_english_headers_and_header_cells_with_line_breaks_are_known() -> None:
    line = line_of(
        "3,10.0.0.1,10.0.0.2,https,allow", 'Rule ID,Source Address,"Destination\nIP",Service,Action\n'
    )
    assert line.id == "No. 3"
    assert line.action is Action.PERMIT


@pytest.mark.parametrize("delimiter", ["\t", ";"])
def test_tabs_and_semicolons_part_columns_too(delimiter: str) -> None:
    text = (HEAD + "1,10.0.0.1,any,tcp,443,許可,,\n,,,,,拒否,,その他\n").replace(",", delimiter)
    assert len(filter_of(text).lines) == 1


@pytest.mark.parametrize(
    "ending",
    [
        ",,,,,拒否,,その他\n",
        "99,any,any,any,any,deny,,default\n",
        "暗黙,－,－,－,－,拒否,,\n",
        "99,any,any,any,any,deny,,\n",
    ],
)
def test_a_last_row_for_everything_else_gives_the_default(ending: str) -> None:
    step = filter_of(HEAD + "1,10.0.0.1,any,tcp,443,許可,,\n" + ending)
    assert step.default is Action.DENY
    assert step.default_places[0].line == 3


def test_a_list_without_a_default_is_refused_with_the_way_out() -> None:
    with pytest.raises(InputRefusedError) as refused:
        read(HEAD + "1,10.0.0.1,any,tcp,443,許可,,\n")
    assert "# default: deny" in refused.value.faults[0].ja
    assert "# default: deny" in refused.value.faults[0].en


def test_a_last_row_that_has_an_end_is_no_default() -> None:
    with pytest.raises(InputRefusedError):
        read(HEAD + "1,any,any,any,any,拒否,R9.3.31,\n")


def test_two_defaults_that_differ_are_refused() -> None:
    with pytest.raises(InputRefusedError):
        read("# default: permit\n" + HEAD + "1,any,any,tcp,443,許可,,\n,,,,,拒否,,その他\n")


def test_a_list_of_permitted_traffic_needs_its_action_given() -> None:
    table = "送信元,宛先,サービス\n10.0.0.1,10.0.0.2,HTTPS\n"
    with pytest.raises(InputRefusedError) as refused:
        read(DENY + table)
    assert "# action: permit" in refused.value.faults[0].en
    assert filter_of(DENY + "# action: 許可\n" + table).lines[0].action is Action.PERMIT


def test_directives_name_the_device_and_whether_it_keeps_state() -> None:
    (ruleset,) = read("# 機器: fw-border\n# stateful: no,,\n# 既定: 拒否\n" + HEAD).rulesets
    assert ruleset.device == "fw-border"
    assert not ruleset.steps[0].stateful


@pytest.mark.parametrize(
    ("cell", "inside", "outside"),
    [
        ("10.0.0.1；10.0.0.9", "10.0.0.9", "10.0.0.2"),
        ("10.0.0.1、10.0.0.9", "10.0.0.9", "10.0.0.2"),
        ("10.0.0.1\n10.0.0.9", "10.0.0.9", "10.0.0.2"),
        ("10.0.0.1 10.0.0.9", "10.0.0.9", "10.0.0.2"),
        ("10.0.0.1～10.0.0.9", "10.0.0.5", "10.0.0.10"),
        ("10.0.0.1 - 9", "10.0.0.5", "10.0.0.10"),
        ("10.0.0.*", "10.0.0.200", "10.0.1.1"),
        ("10.0.0.0 255.255.0.0", "10.0.200.1", "10.1.0.1"),
        ("10.0.0.0／16", "10.0.200.1", "10.1.0.1"),
        ("10.0.0.1（メール）", "10.0.0.1", "10.0.0.2"),
        ("メールサーバ(10.0.0.1)", "10.0.0.1", "10.0.0.2"),
        ("10.0.0.0/8以外", "11.0.0.1", "10.0.0.1"),
        ("!10.0.0.0/8", "2001:db8::1", "10.0.0.1"),
        ("2001:db8::/32", "2001:db8::1", "10.0.0.1"),
    ],
)
def test_addresses_are_read_in_every_writing_of_a_list(cell: str, inside: str, outside: str) -> None:
    text = DENY + HEAD + f'1,"{cell}",any,tcp,443,許可,,\n'
    assert decides(text, inside, "::1") == (Action.PERMIT, "No. 1")
    assert decides(text, outside, "::1")[0] is Action.DENY


@pytest.mark.parametrize(
    "cell",
    ["", "mail.example.jp", "LG_サーバ群", "10.1", "10.0.0.0/8(10.0.0.5を除く)", "10.0.0.9-10.0.0.1", "1E+05", "10.0.0.1; ?"],
)  # fmt: skip
def test_an_address_that_is_not_clear_may_match_and_never_must(cell: str) -> None:
    result = read(DENY + HEAD + f"1,{cell},any,tcp,443,許可,,\n")
    assert decides(DENY + HEAD + f"1,{cell},any,tcp,443,許可,,\n", "10.0.0.1", "10.0.0.2") == (None, "No. 1")
    assert result.states[2] is LineState.UNKNOWN
    assert result.faults[0].place.line == 3


@pytest.mark.parametrize("word", ["any", "ANY", "全て", "すべて", "*", "－", "ー", "-", "ＡＬＬ"])
def test_the_words_for_no_restriction_are_any(word: str) -> None:
    line = line_of(f"1,{word},{word},{word},{word},許可,,")
    assert line.match.unknown == ()
    assert line.match.source == line.match.destination == ((0, (1 << 128) - 1),)


@pytest.mark.parametrize(
    ("cell", "read_as"),
    [
        ("tcp/443", [(6, 443, 443)]),
        ("443/tcp", [(6, 443, 443)]),
        ("TCP 443", [(6, 443, 443)]),
        ("TCP443", [(6, 443, 443)]),
        ("443(TCP)", [(6, 443, 443)]),
        ("HTTPS", [(6, 443, 443)]),
        ("https(8443)", [(6, 8443, 8443)]),
        ("https(tcp/443)", [(6, 443, 443)]),
        ("Web閲覧(tcp/443)", [(6, 443, 443)]),
        ("TCP/80,443", [(6, 80, 80), (6, 443, 443)]),
        ("tcp/1024-65535", [(6, 1024, 65535)]),
        ("tcp/1024～2048", [(6, 1024, 2048)]),
        ("udp:53", [(17, 53, 53)]),
        ("DNS", [(6, 53, 53), (17, 53, 53)]),
        ("TCP/UDP 53", [(6, 53, 53), (17, 53, 53)]),
        ("HTTP、HTTPS", [(6, 80, 80), (6, 443, 443)]),
        ("http\nhttps", [(6, 80, 80), (6, 443, 443)]),
        ("icmp", [(1, 0, 65535)]),
        ("icmp/8", [(1, 2048, 2303)]),
        ("ping", [(1, 2048, 2303)]),
        ("esp", [(50, 0, 65535)]),
        ("ip/47", [(47, 0, 65535)]),
        ("any", [(0, 0, 65535)]),
    ],
)
def test_services_are_read_by_name_and_with_the_port_on_either_side(cell: str, read_as: list) -> None:
    assert services(cell) == (read_as, ())


@pytest.mark.parametrize(
    "cell", ["", "443", "Web", "1E+05", "tcp/1,433", "tcp/70000", "tcp/90-80", "10月12日"]
)
def test_a_service_that_is_not_clear_is_said(cell: str) -> None:
    assert services(cell)[1] != ()


@pytest.mark.parametrize(
    ("protocol", "port", "read_as"),
    [
        ("TCP", "443", [(6, 443, 443)]),
        ("tcp", '"80、443"', [(6, 80, 80), (6, 443, 443)]),
        ("tcp", '"80,443"', [(6, 80, 80), (6, 443, 443)]),
        ("tcp", '"443,8443"', [(6, 443, 443), (6, 8443, 8443)]),
        ("tcp", '"22, 443"', [(6, 22, 22), (6, 443, 443)]),
        ("TCP/UDP", "53", [(6, 53, 53), (17, 53, 53)]),
        ("TCP・UDP", "53", [(6, 53, 53), (17, 53, 53)]),
        ("6", "https", [(6, 443, 443)]),
        ("icmp", "", [(1, 0, 65535)]),
        ("icmp", "8", [(1, 2048, 2303)]),
        ("icmp", "echo-request", [(1, 2048, 2303)]),
        ("tcp", "443/tcp", [(6, 443, 443)]),
        ("any", "443/tcp", [(6, 443, 443)]),
        ("HTTPS", "443", [(6, 443, 443)]),
        ("tcp", "－", [(6, 0, 65535)]),
    ],
)
def test_protocol_and_port_columns_are_read_together(protocol: str, port: str, read_as: list) -> None:
    line = line_of(f"1,any,any,{protocol},{port},許可,,")
    assert ([(one.protocol[0], *one.dport) for one in line.match.services], line.match.unknown) == (
        read_as,
        (),
    )


def test_a_number_that_may_be_two_ports_is_both_and_neither_for_sure() -> None:
    line = line_of('1,any,any,tcp,"1,433",許可,,')
    assert {one.dport for one in line.match.services} == {(1, 1), (433, 433), (1433, 1433)}
    assert line.match.unknown


@pytest.mark.parametrize("port", ["1E+05", "8.08E+03", "10月12日", "Oct-12", "2026/10/12", "443?", ""])
def test_a_port_that_excel_damaged_may_match_and_never_must(port: str) -> None:
    line = line_of(f"1,any,any,tcp,{port},許可,,")
    assert line.match.unknown
    assert line.match.services[0].dport == (0, 65535)


def test_a_service_column_that_contradicts_the_ports_leaves_both_open() -> None:
    head = "送信元,宛先,サービス,プロトコル,ポート,動作\n"
    assert line_of("any,any,HTTPS,tcp,443,許可", head).match.unknown == ()
    assert line_of("any,any,Web閲覧,tcp,443,許可", head).match.unknown == ()
    both = line_of("any,any,HTTPS,tcp,8443,許可", head).match
    assert both.unknown
    assert {one.dport for one in both.services} == {(443, 443), (8443, 8443)}


def test_source_ports_are_read_from_their_own_column() -> None:
    line = line_of("any,10.0.0.1,53,udp,1024-65535,許可", "送信元,宛先,送信元ポート,プロトコル,ポート,動作\n")
    assert line.match.services[0].sport == (53, 53)


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("R9.3.31", date(2027, 3, 31)),
        ("令和9年3月31日", date(2027, 3, 31)),
        ("2027/3/31", date(2027, 3, 31)),
        ("2027-03-31", date(2027, 3, 31)),
        ("令和８年度末", date(2027, 3, 31)),
        ("R8.4.1～R9.3.31", date(2027, 3, 31)),
        ("46477", date(2027, 3, 31)),
        ('"46,477"', date(2027, 3, 31)),
        ("－", None),
        ("無期限", None),
        ("", None),
    ],
)
def test_the_end_of_a_row_is_read_in_eras_and_iso(cell: str, day: date | None) -> None:
    text = DENY + HEAD + f"1,any,any,tcp,443,許可,{cell},\n"
    assert filter_of(text).lines[0].expires == day
    assert read(text).faults == ()


def test_a_period_gives_its_begin_too() -> None:
    assert line_of("1,any,any,tcp,443,許可,R8.4.1～R9.3.31,").begins == date(2026, 4, 1)


def test_an_end_without_a_year_is_said() -> None:
    assert "3月末" in read(DENY + HEAD + "1,any,any,tcp,443,許可,3月末まで,\n").faults[0].message.ja


def test_zone_columns_become_interfaces() -> None:
    head = "送信元ゾーン,送信元,宛先ゾーン,宛先,サービス,動作\n"
    (ruleset,) = read(
        DENY + head + "LGWAN,any,境界、DMZ,any,HTTPS,許可\nany,any,LGWAN,any,DNS,許可\n"
    ).rulesets
    assert [one.name for one in ruleset.interfaces] == ["DMZ", "LGWAN", "境界", "*"]
    assert ruleset.interfaces[-1].stands_for_others  # the second row permits from zones that no row names
    assert ruleset.steps[0].lines[0].match.egress == {"境界", "DMZ"}
    assert ruleset.steps[0].lines[1].match.ingress is None


@pytest.mark.parametrize(
    ("cell", "enabled"), [("有効", True), ("○", True), ("無効", False), ("×", False), ("停止", False)]
)
def test_a_disabled_row_stays_in_the_list(cell, enabled) -> None:
    assert line_of(f"{cell},any,any,https,許可", "有効,送信元,宛先,サービス,動作\n").enabled is enabled


def test_a_column_of_disabled_marks_is_the_other_way_round() -> None:
    head = "無効,送信元,宛先,サービス,動作\n"
    assert not line_of("○,any,any,https,許可", head).enabled
    assert line_of(",any,any,https,許可", head).enabled


def test_an_action_that_is_not_clear_may_be_either() -> None:
    text = DENY + HEAD + "1,any,any,tcp,443,要確認,,\n"
    assert [line.action for line in filter_of(text).lines] == [Action.PERMIT, Action.DENY]
    assert decides(text, "10.0.0.1", "10.0.0.2")[0] is None


def test_rows_follow_their_order_column_and_that_is_said() -> None:
    text = DENY + '順番,送信元,宛先,サービス,動作\n2,any,any,any,拒否\n"1",10.0.0.1,any,https,許可\n'
    assert [line.id for line in filter_of(text).lines] == ["No. 1", "No. 2"]
    assert read(text).faults[0].place.line == 2


def test_numbers_that_only_name_a_row_do_not_order_it() -> None:
    assert [
        line.id
        for line in filter_of(DENY + HEAD + "7,any,any,tcp,80,許可,,\n3,any,any,tcp,81,許可,,\n").lines
    ] == [
        "No. 7",
        "No. 3",
    ]


def test_what_narrows_a_row_in_ways_not_modelled_leaves_it_open() -> None:
    head = "送信元,宛先,サービス,動作,ユーザー,NAT,謎の列\n"
    assert line_of("any,any,https,許可,-,なし,", head).match.unknown == ()
    for cells in ("職員,-,", "-,172.16.10.25,", "-,-,x"):
        assert line_of(f"any,any,https,許可,{cells}", head).match.unknown


def test_comments_carry_the_approval_and_the_purpose() -> None:
    line = line_of(
        "any,any,https,許可,R8-情-012,画面転送,○", "送信元,宛先,サービス,動作,申請番号,用途,ログ\n"
    )
    assert line.comment == "R8-情-012 / 画面転送"
    assert line.log is True


def test_a_secret_in_a_remark_is_out_of_sight_and_the_table_stays_whole() -> None:
    text = DENY + HEAD + '1,any,any,tcp,443,許可,,"password hunter2"\n2,any,any,tcp,80,許可,,\n'
    result = read(text)
    assert "hunter2" not in repr(result)
    assert len(result.rulesets[0].steps[0].lines) == 2


def test_a_secret_that_takes_cells_with_it_leaves_the_row_open() -> None:
    head = "備考,送信元,宛先,プロトコル,ポート,動作,番号,期限\n"
    for row in ("password x,10.0.0.1,any,tcp,443,許可,,", "password x,10.0.0.1,any,tcp,443,許可,1 2,"):
        lines = filter_of(DENY + head + row + "\n").lines
        assert [line.match.source for line in lines] == [ANYWHERE, ANYWHERE]
        assert all(line.match.unknown for line in lines)


def test_a_quote_that_is_never_closed_is_refused_with_its_place() -> None:
    with pytest.raises(InputRefusedError, match=r"list\.csv:3"):
        read(DENY + HEAD + '1,any,any,tcp,443,許可,,"open\n')


def test_a_file_without_a_header_is_refused() -> None:
    with pytest.raises(InputRefusedError, match="source, destination"):
        read("a,b,c\n1,2,3\n")


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.name)
def test_lists_are_recognised_and_every_line_is_accounted_for(path: Path) -> None:
    octets = path.read_bytes()
    chosen = format_of(octets)
    assert chosen is not None
    assert chosen.name == "csv"
    result = parse(path.name, octets)
    assert len(result.states) == len(Export.of(path.name, octets).lines) > 0
    assert LineState.UNKNOWN not in result.states


def test_the_clean_sample_permits_what_the_policy_declares_and_nothing_beside_it() -> None:
    result = parse("clean.csv", (EXPORTS / "clean.csv").read_bytes())
    (ruleset,) = result.rulesets
    assert result.faults == ()
    assert LineState.UNKNOWN not in result.states
    asked = {"ingress": "lgwan", "egress": "internet", "source": "172.16.20.9", "destination": "192.168.10.9"}
    assert verdict(ruleset, **asked, protocol=6, dport=3389) == (Action.PERMIT, "No. 1")
    assert verdict(ruleset, **asked, protocol=6, dport=445) == (Action.DENY, "list default")


def test_the_sample_with_mistakes_has_each_where_its_readme_says() -> None:
    result = parse("mistakes.csv", (EXPORTS / "mistakes.csv").read_bytes())
    lines = {line.places[0].line: line for line in result.rulesets[0].steps[0].lines}
    assert lines[7].expires == date(2025, 3, 31)
    assert lines[11].match.services == (Service(),)
    assert lines[12].match.ingress == {"internet"}
    assert len(lines[13].match.source) == 2
    assert lines[14].match.unknown
    assert lines[15].action is Action.DENY
    assert [fault.state for fault in result.faults] == [LineState.UNSUPPORTED, LineState.UNKNOWN]


def test_a_row_for_everything_else_that_is_not_the_last_leaves_nothing_below_it() -> None:
    text = DENY + HEAD + "1,any,any,any,any,拒否,,その他\n2,10.0.0.1,any,tcp,443,許可,,\n"
    assert decides(text, "10.0.0.1", "10.0.0.2") == (Action.DENY, "No. 1")


def test_a_row_that_merged_cells_left_nearly_blank_may_be_anything() -> None:
    text = DENY + HEAD + "1,10.0.0.1,any,tcp,443,許可,,\n,10.0.0.9,,,,,,\n"
    assert decides(text, "10.0.0.9", "10.0.0.2")[0] is None
    assert read(text).states[3] is LineState.UNKNOWN


def test_the_action_of_a_whole_list_is_no_default() -> None:
    with pytest.raises(InputRefusedError):
        read("# action: permit\n送信元,宛先,サービス,備考\n10.0.0.1,any,HTTPS,\n－,－,－,その他\n")
