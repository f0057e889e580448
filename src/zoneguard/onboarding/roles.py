"""What names of interfaces and zones say of a role: only the unmistakable, and never one of two."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from zoneguard.policy.model import Role
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

NAMES = {
    Role.MYNUMBER: Text(ja="マイナンバー利用事務系", en="My Number"),
    Role.LGWAN: Text(ja="LGWAN接続系", en="LGWAN"),
    Role.INTERNET: Text(ja="インターネット接続系", en="Internet"),
    Role.BORDER: Text(ja="無害化境界", en="Sanitisation border"),
    Role.MANAGEMENT: Text(ja="管理系", en="Management"),
}
IDS = {
    Role.MYNUMBER: "mynumber",
    Role.LGWAN: "lgwan",
    Role.INTERNET: "internet",
    Role.BORDER: "border",
    Role.MANAGEMENT: "mgmt",
}

# LGWAN-SS, LGWAN-ASP and the lines to them are outside, though their names hold LGWAN: nothing is guessed there.
_AMBIGUOUS = re.compile(r"lgwan[ _-]?(?:ss|asp|gw|rt|router|回線|ルータ|網|サービス提供)")
_ROLES = (
    (Role.MYNUMBER, re.compile(r"マイナンバ|個人番号|my[ _-]?number")),
    (Role.LGWAN, re.compile(r"lgwan")),
    (Role.INTERNET, re.compile(r"インターネット|internet|(?<![a-z])dmz(?![a-z])")),
    (Role.MANAGEMENT, re.compile(r"管理系|管理用|運用管理|(?<![a-z])(?:mgmt|management)(?![a-z])")),
    (
        Role.EXTERNAL,
        re.compile(r"住基|juki|セキュリティクラウド|sec(?:urity)?[ _-]?cloud|(?<![a-z])wan\d*(?![a-z])"),
    ),
    (Role.OUT_OF_SCOPE, re.compile(r"教育系|学校|来庁者|ゲスト|(?<![a-z])(?:school|guest)(?![a-z])")),
)
_BORDER = re.compile(r"無害化|sanit|(?<![a-z])border(?![a-z])")


def roles_in(names: Iterable[str]) -> frozenset[Role]:
    """Give the roles that names speak of; a sanitisation border may name the zone that it meets."""
    text = " | ".join(unicodedata.normalize("NFKC", name).lower() for name in names)
    if _BORDER.search(text):
        return frozenset({Role.BORDER})
    if _AMBIGUOUS.search(text):
        return frozenset({Role.LGWAN, Role.EXTERNAL})
    return frozenset(role for role, pattern in _ROLES if pattern.search(text))


def question_of(roles: frozenset[Role], names: Iterable[str]) -> Text:
    """Ask what is to be decided of a zone that names spoke of."""
    listed = ", ".join(names)
    if len(roles) == 1:
        (role,) = roles
        return Text(
            ja=f"名前（{listed}）から role を {role.value} と推定しました。正しければこの行を消してください",
            en=f"the role {role.value} was guessed from the names ({listed}); delete this line if it is right",
        )
    if roles:
        several = " | ".join(sorted(role.value for role in roles))
        return Text(
            ja=f"名前（{listed}）が複数の役割を示すため決めていません。role を選んでください（{several} など）",
            en=f"the names ({listed}) speak of several roles, so none was chosen; choose the role ({several} or another)",
        )
    return Text(
        ja=f"名前（{listed}）からは役割が分かりません。role を決めるか、同じ領域のゾーンに segments を移してください",
        en=f"the names ({listed}) do not tell the role; choose it, or move the segments to the zone they belong to",
    )


def slug(text: str, fallback: str) -> str:
    """Make a zone id of a name: its Latin letters and digits."""
    narrow = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"[^a-z0-9_]+", "-", narrow).strip("-")[:60] or fallback
