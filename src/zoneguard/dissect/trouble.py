"""What may keep a look from seeing more, in sentences."""

from __future__ import annotations

from zoneguard.text import Text

TROUBLES = {
    "answer-unseen": Text(
        ja="応答側の通信が記録されていないため、受け入れられたかどうかを確かめられませんでした。",
        en="The answering side was not recorded, so whether it agreed cannot be told.",
    ),
    "beyond": Text(
        ja="フローが長いため、読む上限を超えた部分は見ていません。",
        en="The flow is long; what lies beyond the limit of reading was not looked at.",
    ),
    "broken": Text(
        ja="途中の内容がプロトコルの形式に合わず、そこから先は読めませんでした。",
        en="What was said does not keep to the form of its protocol; what follows could not be read.",
    ),
    "gap": Text(
        ja="記録にパケットの抜けがあり、抜けの先は十分に読めませんでした。",
        en="Packets are missing from the capture; what follows the gap could not be read in full.",
    ),
    "hello-cut": Text(
        ja="TLSの最初のメッセージ（ClientHello）が最後まで記録されていません。",
        en="The first message of TLS (ClientHello) was not recorded to its end.",
    ),
    "left-out": Text(
        ja="フローのパケットの一部は、上限を超えたか読み直せなかったため、見ていません。",
        en="Some packets of the flow exceeded the limit or could not be read again, and were not looked at.",
    ),
    "lost": Text(
        ja="フローのパケットを読み直せませんでした。",
        en="The packets of the flow could not be read again.",
    ),
    "mail-ambiguous": Text(
        ja="メールの形式を示すヘッダーが重複しているか、長すぎるか、知られていないため、読み方が一つに定まりません。",
        en="Headers that tell the form of a message are doubled, overlong or unknown, so it can be read in several ways.",
    ),
    "mail-beyond": Text(
        ja="メールが長いため、読む上限を超えた部分は見ていません。",
        en="A message is long; what lies beyond the limit of reading was not looked at.",
    ),
    "mail-cut": Text(
        ja="メールが最後まで記録されていません。",
        en="A message was not recorded to its end.",
    ),
    "mail-deep": Text(
        ja="メールの入れ子が深すぎるか、部分が多すぎるため、途中から先は見ていません。",
        en="A message is nested too deeply or has too many parts; the rest of it was not looked at.",
    ),
    "not-understood": Text(
        ja="通信の内容を解釈できませんでした。",
        en="What was said could not be interpreted.",
    ),
    "quic-sealed": Text(
        ja="QUICの最初のパケットを開けなかったため、宛先の名前は見えません。",
        en="The first packets of QUIC could not be opened, so the name of the destination is not visible.",
    ),
    "screen-cut": Text(
        ja="画面転送の途中から先は読めなかったため、その先のクリップボードの受け渡しは数えていません。",
        en="The screen session could not be followed to its end; clipboard messages beyond are not counted.",
    ),
    "truncated": Text(
        ja="パケットが途中で切れて記録されています（スナップ長）。",
        en="Packets were cut short when they were captured (snapshot length).",
    ),
}
