"""The words of the HTML report, whole sentences, by the names that the template calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.report.model import Grade
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zoneguard.text import Lang

GRADES: dict[Grade, Text] = {
    Grade.VIOLATED: Text(ja="不適合", en="Violated"),
    Grade.REVIEW: Text(ja="要確認", en="Review"),
    Grade.UNVERIFIABLE: Text(ja="検証不能", en="Unverifiable"),
    Grade.SATISFIED: Text(ja="適合（観測範囲内）", en="Satisfied (as observed)"),
}
# Read without colour, and by whoever does not see the shape: the word always stands beside it.
MARKS: dict[str, str] = {"violated": "✕", "review": "△", "unverifiable": "？", "satisfied": "○"}

MODELS: dict[str, Text] = {
    "alpha": Text(ja="αモデル", en="Model α"),
    "alpha-prime": Text(ja="α′モデル", en="Model α′"),
    "beta": Text(ja="βモデル", en="Model β"),
    "beta-prime": Text(ja="β′モデル", en="Model β′"),
    "custom": Text(ja="独自の構成", en="Own architecture"),
}

KINDS: dict[str, Text] = {
    "screen": Text(ja="画面転送", en="screen transfer"),
    "mail": Text(ja="メール無害化", en="mail sanitisation"),
    "file": Text(ja="ファイル無害化", en="file sanitisation"),
    "tokutei": Text(ja="特定通信", en="registered communication (特定通信)"),
    "permit": Text(ja="許可通信", en="permitted communication"),
    "breakout": Text(ja="ローカルブレイクアウト", en="local breakout"),
}

INPUT_KINDS: dict[str, Text] = {
    "capture": Text(ja="キャプチャ", en="capture"),
    "export": Text(ja="機器の設定", en="device export"),
}

WAIVER_STATES: dict[str, Text] = {
    "active": Text(ja="有効", en="in force"),
    "expiring": Text(ja="期限間近", en="about to end"),
    "expired": Text(ja="期限切れ", en="ended"),
}

BASELINES: dict[str, Text] = {
    "new": Text(ja="新規", en="new"),
    "unchanged": Text(ja="継続", en="unchanged"),
    "absent": Text(ja="解消", en="gone"),
}

_WORDS: dict[str, Text] = {
    "title": Text(ja="ネットワーク分離検証報告書", en="Network Separation Report"),
    "subtitle": Text(
        ja="三層の対策（分離・分割・無害化通信）の実施状況",
        en="How the three-tier separation stands: isolation, division and sanitised crossings",
    ),
    "contents": Text(ja="目次", en="Contents"),
    "skip": Text(ja="本文へ", en="Skip to the report"),
    "organization": Text(ja="団体名", en="Organisation"),
    "model": Text(ja="モデル", en="Model"),
    "period": Text(ja="対象期間", en="Observed period"),
    "no_period": Text(
        ja="通信の観測なし（設定のみの検証）", en="No traffic was observed (configuration only)"
    ),
    "generated": Text(ja="作成日時", en="Generated"),
    "today": Text(ja="期限の判定日", en="Approvals held against"),
    "policy": Text(ja="方針ファイル", en="Policy"),
    "tool": Text(ja="検証ツール", en="Tool"),
    "evidence": Text(ja="証拠", en="Evidence"),
    "digest": Text(ja="SHA-256", en="SHA-256"),
    "no_digest": Text(ja="（記録なし）", en="(not recorded)"),
    "handling": Text(ja="取扱区分", en="Handling class"),
    "handling_scale": Text(ja="自治体機密性", en="Municipal confidentiality"),
    "prepared": Text(ja="作成者", en="Prepared by"),
    "checked": Text(ja="確認者", en="Checked by"),
    "approved": Text(ja="承認者", en="Approved by"),
    "by_hand": Text(
        ja="取扱区分と氏名は、画面で入力して印刷するか、印刷後に記入してください。",
        en="Fill in the handling class and the names on the screen before printing, or on paper.",
    ),
    "summary": Text(ja="総括", en="Summary"),
    "clauses": Text(ja="条項ごとの判定", en="Verdict by clause"),
    "matrix": Text(ja="ゾーン間の通信", en="Traffic between the zones"),
    "gateways": Text(ja="無害化装置", en="Sanitising gateways"),
    "gateway": Text(ja="装置", en="Gateway"),
    "seen_of_it": Text(ja="観測されたこと", en="What was seen"),
    "graph": Text(ja="ゾーン関係図", en="Zone graph"),
    "timeline": Text(ja="指摘の時系列", en="Timeline of findings"),
    "findings": Text(ja="指摘事項", en="Findings"),
    "difference": Text(ja="前回との差異", en="Difference from the last run"),
    "coverage": Text(ja="観測範囲と検証できなかった事項", en="Coverage, and what could not be verified"),
    "register": Text(ja="許可・例外の台帳", en="Register of approvals and exceptions"),
    "unused": Text(ja="使われていない許可", en="Unused permits"),
    "provenance": Text(ja="証拠の来歴", en="Provenance"),
    # Summary
    "by_verdict": Text(ja="判定別の指摘件数", en="Findings by verdict"),
    "by_severity": Text(ja="重大度別の指摘件数", en="Findings by severity"),
    "by_grade": Text(ja="条項の判定", en="Clauses by verdict"),
    "waived": Text(ja="例外措置", en="Waived"),
    "severity": Text(ja="重大度", en="Severity"),
    "verdict": Text(ja="判定", en="Verdict"),
    "count": Text(ja="件数", en="Count"),
    "gravest": Text(ja="最も重大な指摘", en="The gravest findings"),
    # Clauses
    "clauses_note": Text(
        ja="「適合（観測範囲内）」は、その条項を検査する規則がすべて検証でき、指摘が1件もなかったことを示します。"
        "規則が確かめられる範囲に限った判定であり、条項の全体への適合を証明するものではありません。"
        "検証していない規則がある条項は「適合」になりません。",
        en="“Satisfied (as observed)” means that every rule asking about the clause was verified and nothing was"
        " found. It speaks of what rules can ask, and is no proof that the whole clause is met. A clause with a"
        " rule that was not verified is never satisfied.",
    ),
    "clause": Text(ja="条項", en="Clause"),
    "clause_text": Text(ja="要旨", en="Gist (in Japanese)"),
    "basis": Text(ja="根拠", en="Basis"),
    "unverified_clause": Text(ja="番号・文言は未確認", en="number or wording not checked"),
    "no_rule": Text(
        ja="この条項を検査する規則はありません（人による確認が必要）。",
        en="No rule asks about this; check it by hand.",
    ),
    "not_verified_rules": Text(ja="未検証", en="Not verified"),
    "rules_verified": Text(ja="検証した規則", en="Rules verified"),
    # Matrix
    "orig_resp": Text(ja="開始側 ＼ 応答側", en="Opened by ＼ answered by"),
    "matrix_note": Text(
        ja="行は通信を開始した側、列は応答した側です。数字は観測したフロー数で、濃いほど多いことを示します。",
        en="Rows opened the connection, columns answered. Numbers are observed flows, the darker the more.",
    ),
    "legend_bad": Text(ja="✕n 方針に反するフローまたは指摘", en="✕n flows or findings against the policy"),
    "legend_review": Text(
        ja="△ 許可はないが違反とは判定していない通信", en="△ not allowed, yet not judged a violation"
    ),
    "legend_unused": Text(ja="○ 許可はあるが観測なし", en="○ allowed and not observed"),
    "legend_none": Text(ja="空欄 許可も観測もなし", en="empty: neither allowed nor observed"),
    "zone": Text(ja="ゾーン", en="Zone"),
    # Graph
    "graph_note": Text(
        ja="矢印は通信を開始した側から応答した側へ向かいます。同じゾーンの中の通信は描いていません。",
        en="Arrows lead from who opened to who answered. Traffic within a zone is not drawn.",
    ),
    "edge_violated": Text(ja="方針に反する（×件数）", en="against the policy (× count)"),
    "edge_review": Text(ja="許可のない通信（要確認）", en="not allowed, to be reviewed"),
    "edge_observed": Text(ja="許可され、観測された", en="allowed and observed"),
    "edge_allowed": Text(ja="許可され、観測されなかった", en="allowed, not observed"),
    # Timeline
    "timeline_note": Text(
        ja="帯は、その規則の指摘が観測された時間帯です。斜線は不適合、白抜きは要確認です。",
        en="A bar shows when findings of a rule were going on: hatched when violated, hollow when to be reviewed.",
    ),
    "no_timeline": Text(ja="時刻のある指摘はありません。", en="No finding has a time."),
    # Findings
    "none": Text(ja="ありません。", en="None."),
    "no_findings": Text(ja="指摘はありません。", en="There are no findings."),
    "remedy": Text(ja="対処", en="What to do"),
    "cited": Text(ja="関係する条項", en="Clauses"),
    "where": Text(ja="ゾーン", en="Zones"),
    "traffic": Text(ja="通信", en="Traffic"),
    "opener": Text(ja="開始した側は確定できていません", en="who opened it could not be told for certain"),
    "counts": Text(ja="量", en="Volume"),
    "seen": Text(ja="観測時刻", en="Seen"),
    "state": Text(ja="状態", en="State"),
    "nearest": Text(ja="最も近い許可", en="Nearest allowed flow"),
    "related": Text(ja="関連する規則", en="Related rules"),
    "device_line": Text(ja="機器の行", en="Line of the device"),
    "found_at": Text(ja="証拠の場所", en="Evidence"),
    "wireshark": Text(ja="Wireshark の表示フィルター", en="Wireshark display filter"),
    "this_flow": Text(ja="この指摘の通信の全体", en="all its packets"),
    "fingerprint": Text(ja="識別子", en="Fingerprint"),
    "waiver": Text(ja="例外措置", en="Waiver"),
    "more_places": Text(ja="ほか", en="more"),
    "line": Text(ja="行", en="line"),
    "frame": Text(ja="フレーム", en="frame"),
    "first_seen": Text(ja="最初の観測", en="First seen"),
    "flows": Text(ja="フロー", en="Flows"),
    "number": Text(ja="番号", en="No."),
    "orig": Text(ja="開始側", en="Opened by"),
    "resp": Text(ja="応答側", en="Answered by"),
    "service": Text(ja="サービス", en="Service"),
    "wireshark_note": Text(
        ja="証拠のファイルを Wireshark で開き、表示フィルター欄に貼り付けると、指摘の根拠となったパケットを再確認できます"
        "（フィルターはクリックで全体を選択できます）。フレーム番号は、そのファイルの先頭から数えたものです。",
        en="Open the file in Wireshark and paste the display filter to see the packets behind a finding again (one"
        " click selects a filter). Frames are counted from the beginning of the file.",
    ),
    # Difference
    "new_findings": Text(ja="新規の指摘", en="New"),
    "unchanged_findings": Text(ja="継続している指摘", en="Unchanged"),
    "absent_findings": Text(ja="前回あり、今回ない指摘", en="Found last time, absent now"),
    "absent_note": Text(
        ja="今回ないことは、観測範囲が前回と同じ場合に限り、解消を意味します。",
        en="Absence means that it is gone only where the observation covers what it covered the last time.",
    ),
    # Coverage
    "item": Text(ja="項目", en="Item"),
    "value": Text(ja="値", en="Value"),
    "zones_observed": Text(ja="観測したゾーン", en="Zones observed"),
    "zones_not_observed": Text(ja="観測していないゾーン", en="Zones not observed"),
    "unverifiable": Text(ja="検証不能な事項", en="What could not be verified"),
    "shortfalls": Text(ja="検証していない規則", en="Rules that were not, or not wholly, verified"),
    "rule": Text(ja="規則", en="Rule"),
    "asks": Text(ja="検査の内容", en="What it tells"),
    "reason": Text(ja="理由", en="Reason"),
    "notes": Text(ja="読み取れなかった箇所", en="What was not understood"),
    # Register
    "approvals": Text(ja="許可した通信と承認", en="Allowed flows and their approvals"),
    "id": Text(ja="識別名", en="Id"),
    "kind": Text(ja="種別", en="Kind"),
    "approval_number": Text(ja="申請番号", en="Number"),
    "approver": Text(ja="承認者", en="Approved by"),
    "approved_on": Text(ja="承認日", en="On"),
    "until": Text(ja="期限", en="Until"),
    "last_seen": Text(ja="最後の観測", en="Last seen"),
    "waivers": Text(ja="例外措置（指摘の一時的な受入れ）", en="Waivers: findings accepted for a time"),
    "owner": Text(ja="責任者", en="Owner"),
    "covers": Text(ja="該当する指摘", en="Findings covered"),
    "exceeded": Text(ja="対象外の重い指摘", en="Too grave for it"),
    "compared_with": Text(ja="比較した報告", en="Held against"),
    "not_seen": Text(ja="観測なし", en="not seen"),
    "zone_not_seen": Text(ja="ゾーン未観測", en="zone not observed"),
    "no_approval": Text(ja="承認の記載なし", en="no approval given"),
    "expired": Text(ja="期限切れ", en="ended"),
    # Unused
    "unused_note": Text(
        ja="観測期間中に1度も使われなかった許可です。観測の時間帯や季節によることもあるため、削除の前に担当課へ確認してください。",
        en="Allowed and never used while observed. The hour or the season may explain it: ask before removing it.",
    ),
    "unused_flows": Text(
        ja="方針が許可し、観測されなかった通信", en="Flows the policy allows that were not seen"
    ),
    "unused_lines": Text(
        ja="機器が許可し、観測されなかった通信", en="Permits of devices for which no traffic was seen"
    ),
    "unused_untold": Text(
        ja="両端のゾーンとも観測していないため、使われているか分からない許可",
        en="Neither zone of these was observed, so their use is unknown",
    ),
    "no_traffic": Text(
        ja="通信の記録が与えられていないため、使われているかどうかは検証できません。",
        en="No capture was given, so whether permits are used cannot be verified.",
    ),
    # Provenance
    "file": Text(ja="ファイル", en="File"),
    "format": Text(ja="形式", en="Format"),
    "size": Text(ja="大きさ", en="Size"),
    "status": Text(ja="読み取り", en="Reading"),
    "read": Text(ja="内容", en="Content"),
    "provenance_note": Text(
        ja="この報告書は、上記の証拠と方針から機械的に作成したもので、同じ入力からは同じ内容になります。"
        "通信の中身（ペイロード）は記録していません。このファイルは外部と通信せず、スクリプトを含みません。",
        en="This report was made from the evidence and the policy above and from nothing else; the same input gives"
        " the same report. It holds no payload. This file contacts nothing and contains no script.",
    ),
    "check_digest": Text(
        ja="ファイルが同じものであることは、sha256sum（Windows では certutil -hashfile ファイル SHA256）で確かめられます。",
        en="Whether a file is the same can be told by sha256sum (on Windows: certutil -hashfile FILE SHA256).",
    ),
    "exit_code": Text(ja="終了コード", en="Exit code"),
    "end": Text(ja="以上", en="End of the report"),
}


def words_in(lang: Lang) -> Mapping[str, str]:
    """Give the words of one language by their names."""
    return {name: text.in_(lang) for name, text in _WORDS.items()}


def left_out_words(count: int) -> Text:
    """Say how many findings are neither shown in full nor listed, and where they are."""
    return Text(
        ja=f"ほかに {count:,} 件の指摘があります。すべて --format json の報告にあります。",
        en=f"There are {count:,} more findings, all of them in the report of --format json.",
    )
