"""Words of hand-kept lists: what heads a column, what a cell says, in Japanese and English."""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from zoneguard.firewall.model import Action


class Column(StrEnum):
    """What a column of the list is about."""

    ACTION = "action"
    BEGINS = "begins"
    COMMENT = "comment"
    CONDITION = "condition"  # narrows the line in a way that is not modelled
    DISABLED = "disabled"
    DPORT = "dport"
    DESTINATION = "destination"
    DESTINATION_ZONE = "destination_zone"
    ENABLED = "enabled"
    EXPIRES = "expires"
    LOG = "log"
    NAME = "name"
    NAT = "nat"
    NOTE = "note"  # decides no packet and is no comment
    NUMBER = "number"  # names the line, and is not its order
    ORDER = "order"
    PROTOCOL = "protocol"
    SERVICE = "service"
    SOURCE = "source"
    SOURCE_ZONE = "source_zone"
    SPORT = "sport"


def narrow(text: str) -> str:
    """Write full-width letters, digits and signs as narrow ones, and take the edges off."""
    return unicodedata.normalize("NFKC", text).strip()


def column_of(header: str) -> Column | None:
    """Tell what a header stands for; None when it is not known, which the caller has to say."""
    word = re.sub(r"[\s_・/()\[\]【】:*※.-]+", "", narrow(header).lower())
    return _HEADERS.get(word)


def is_any(cell: str) -> bool:
    """Tell the words for "no restriction"; a blank cell is none of them."""
    return narrow(cell).lower() in _ANY


def action_of(cell: str) -> Action | None:
    """Read what a line does."""
    return _ACTIONS.get(narrow(cell).lower())


def switch_of(cell: str) -> bool | None:
    """Read on or off, yes or no, circle or cross; None when it is none of them."""
    word = narrow(cell).lower()
    return True if word in _ON else False if word in _OFF else None


def says_default(cell: str) -> bool:
    """Tell the words for "everything else"."""
    return narrow(cell).lower().strip("()[]【】<>") in _DEFAULT


def is_nothing(cell: str) -> bool:
    """Tell a cell that says there is nothing: blank, a dash, none, no limit."""
    return narrow(cell).lower() in _NOTHING


_ANY = {
    "*", "-", "--", "0.0.0.0/0 ::/0", "all", "any", "any any", "―", "ー", "−", "–", "—", "─", "すべて", "すべての通信",
    "全て", "全部", "全", "制限なし", "指定なし", "無制限", "問わない",
}  # fmt: skip
_NOTHING = {
    "", "*", "-", "--", "any", "always", "disable", "disabled", "n/a", "never", "no", "none", "off", "―", "ー", "−",
    "–", "—", "─", "×", "なし", "ナシ", "常時", "無", "無し", "無制限", "無期限", "期限なし", "恒久", "永続", "変換なし",
}  # fmt: skip
_ACTIONS = {
    **dict.fromkeys(
        ("accept", "allow", "allowed", "pass", "permit", "permitted", "○", "〇", "◯", "可", "許可", "許可する", "通過", "透過"),
        Action.PERMIT,
    ),
    **dict.fromkeys(
        ("block", "blocked", "denied", "deny", "discard", "drop", "reject", "×", "✕", "x", "不可", "不許可", "廃棄", "拒否",
         "拒否する", "破棄", "禁止", "遮断", "ブロック", "ドロップ"),
        Action.DENY,
    ),
}  # fmt: skip
_ON = {
    "1", "active", "all", "enable", "enabled", "o", "on", "true", "utm", "y", "yes", "○", "〇", "◯", "✓", "✔", "●",
    "あり", "する", "使用", "使用中", "取得", "有", "有り", "有効", "稼働", "稼動", "運用中", "記録する",
}  # fmt: skip
_OFF = {
    "0", "disable", "disabled", "false", "inactive", "n", "no", "none", "off", "x", "-", "×", "✕", "―", "ー", "−",
    "しない", "なし", "停止", "廃止", "未使用", "無", "無し", "無効", "記録しない", "休止",
}  # fmt: skip
_DEFAULT = {
    "any other", "catch-all", "default", "default rule", "everything else", "implicit", "implicit deny", "others", "rest",
    "その他", "その他すべて", "その他全て", "それ以外", "デフォルト", "上記以外", "上記以外すべて", "上記以外全て", "以外すべて",
    "以外全て", "既定", "暗黙", "暗黙の拒否", "暗黙のdeny", "暗黙deny", "デフォルト拒否", "default deny",
}  # fmt: skip

_COLUMNS = {
    Column.ACTION: "action 動作 アクション 処理 許可拒否 許可不許可 可否 通信可否 許可区分 permitdeny allowdeny 処理内容 制御 判定",
    Column.BEGINS: "begin begins from validfrom start startdate 開始日 開始 利用開始日 有効開始日 適用開始日 期間開始",
    Column.COMMENT: "comment comments description remark remarks reason purpose approval approvalnumber approvalno ticket request "
    "備考 用途 理由 目的 コメント 説明 摘要 利用目的 通信目的 通信内容 通信用途 申請番号 承認番号 許可番号 管理番号 申請no "
    "根拠 概要 内容 特記事項 申請理由 許可理由 設定理由",
    Column.CONDITION: "user users usergroup group application applications app schedule url urlcategory category icmptype "
    "ユーザ ユーザー 利用者 グループ アプリケーション アプリ スケジュール 曜日 時間帯 曜日時間帯 url urlカテゴリ tcpフラグ flags "
    "条件 例外 除外",
    Column.DESTINATION: "destination dst dest dstaddr destinationaddress dstaddress destinationip dstip to 宛先 送信先 あて先 宛て先 "
    "宛先アドレス 宛先ip 宛先ipアドレス 送信先アドレス 送信先ip 送信先ipアドレス 接続先 接続先アドレス 接続先ip 接続先ipアドレス "
    "通信先 通信先アドレス destinationnetwork 宛先ネットワーク 宛先nw",
    Column.DESTINATION_ZONE: "destinationzone dstzone tozone dstintf dstinterface destinationinterface outinterface egress 宛先ゾーン "
    "送信先ゾーン 接続先ゾーン 宛先インターフェース 宛先インタフェース 出力インターフェース 出力インタフェース 出力if 宛先if 宛先領域",
    Column.DISABLED: "disabled disable 無効 停止 廃止",
    Column.DPORT: "port ports dport dstport destinationport destinationports 宛先ポート ポート ポート番号 宛先ポート番号 送信先ポート "
    "送信先ポート番号 接続先ポート 接続先ポート番号 使用ポート",
    Column.ENABLED: "enabled enable status state active 有効 有効無効 状態 ステータス 使用 設定状態 有効状態",
    Column.EXPIRES: "expires expiry expire expiration expirationdate expirydate enddate end until till validto validuntil deadline 期限 "
    "有効期限 終了日 利用期限 許可期限 利用終了日 有効終了日 適用終了日 終了予定日 期間 有効期間 利用期間 許可期間 承認期限 "
    "期間終了 終了",
    Column.LOG: "log logging ログ ログ取得 ログ記録 記録",
    Column.NAME: "name rulename policyname policy ruleset 名称 名前 ルール名 ルール名称 ポリシー名 ポリシー名称 ポリシ名 通信名 "
    "通信名称 件名",
    Column.NAT: "nat snat dnat translation natip 変換 アドレス変換 nat変換 変換後アドレス 変換後宛先 変換後送信元 変換後 変換後ip nat後 "
    "nat後アドレス vip",
    Column.NOTE: "author owner created createdat createddate updated updatedat modified lastmodified hits hitcount count bytes packets "
    "sessions sourcename destinationname sourcehost destinationhost srchost dsthost device firewall approvedby approver "
    "担当 担当者 担当課 担当部署 所管課 所管 所属 部署 課名 申請者 申請課 申請部署 申請日 承認者 承認日 作成者 作成日 更新者 更新日 "
    "登録日 登録者 設定日 設定者 変更日 最終更新日 確認日 確認者 確認 棚卸日 棚卸結果 機器 機器名 装置 装置名 対象機器 システム名 "
    "システム 業務名 業務 事業者 業者名 連絡先 送信元名 送信元名称 送信元ホスト 送信元ホスト名 送信元機器 送信元機器名 送信元システム "
    "宛先名 宛先名称 宛先ホスト 宛先ホスト名 宛先機器 宛先機器名 宛先システム 接続元名称 接続先名称 接続元ホスト名 接続先ホスト名 "
    "ヒット数 区分 分類 種別 改版 版数",
    Column.NUMBER: "no id ruleid ruleno rulenumber policyid policyno number 番号 項番 ルール番号 ルールid ポリシーid ポリシー番号 通番 連番 "
    "項目番号 行番号 # num ルールno ポリシーno",
    Column.ORDER: "order seq sequence sequenceno priority position 順 順番 順序 順位 優先度 優先順位 優先順 評価順 評価順序 適用順 適用順序 "
    "適用順番",
    Column.PROTOCOL: "protocol protocols proto ipprotocol プロトコル 通信プロトコル プロトコル種別 プロトコル名",
    Column.SERVICE: "service services svc サービス サービス名 サービスポート プロトコルポート protocolport serviceport 通信サービス "
    "プロトコルポート番号 サービスポート番号",
    Column.SOURCE: "source src srcaddr sourceaddress srcaddress sourceip srcip 送信元 発信元 送信元アドレス 送信元ip 送信元ipアドレス "
    "発信元アドレス 発信元ip 発信元ipアドレス 接続元 接続元アドレス 接続元ip 接続元ipアドレス 通信元 通信元アドレス sourcenetwork "
    "送信元ネットワーク 送信元nw",
    Column.SOURCE_ZONE: "sourcezone srczone fromzone srcintf srcinterface sourceinterface ininterface ingress 送信元ゾーン 発信元ゾーン "
    "接続元ゾーン 送信元インターフェース 送信元インタフェース 入力インターフェース 入力インタフェース 入力if 送信元if 送信元領域",
    Column.SPORT: "sport srcport sourceport sourceports 送信元ポート 送信元ポート番号 発信元ポート 接続元ポート",
}  # fmt: skip
_HEADERS = {narrow(word): column for column, words in _COLUMNS.items() for word in words.split()}
