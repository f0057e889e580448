"""A draft as the text of a zones.yaml, its remarks as comments in the language of the run.

Comments are the point of this file, and PyYAML writes none; every value here is a scalar or a flow collection
of scalars, so that a library that keeps comments (ruamel.yaml) would be a dependency for one page of text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from zoneguard.policy.model import Role
from zoneguard.policy.services import format_service
from zoneguard.report.harmless import harmless
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from zoneguard.net.address import Network
    from zoneguard.onboarding.proposal import (
        ApprovalDraft,
        DeviceDraft,
        Draft,
        FlowDraft,
        SegmentDraft,
        ZoneDraft,
    )
    from zoneguard.text import Lang

_LIKE_ANOTHER_TYPE = re.compile(r"[-+.0-9].*|null|true|false|~|yes|no|on|off", re.IGNORECASE)
_RANGE = re.compile(r"[0-9a-f.:]+/[0-9]+|[0-9]+(?:\.[0-9]+){3}|[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSIDE_A_WORD = frozenset("_./-・（）ー")
_MOST_COMMENT = 400  # characters


def write(draft: Draft, lang: Lang) -> str:
    """Give the text; read again by `policy.load` it is the draft, remarks apart."""
    return "\n".join(_Writer(lang).whole(draft)) + "\n"


def clean(text: str, most: int = 200) -> str:
    """Make a text from outside a value of zones.yaml: one printable line, no blanks around it."""
    return harmless(" ".join(text.split()))[:most].strip()


class _Writer:
    def __init__(self, lang: Lang) -> None:
        self.lang = lang

    def whole(self, draft: Draft) -> Iterator[str]:
        yield "# yaml-language-server: $schema=zones.schema.json"
        yield "#"
        yield from self.comments(_HEAD)
        yield from self.comments(draft.remarks)
        yield "version: 1"
        yield "organization: {ja: 自団体名, en: Our City}"
        yield f"model: {draft.model or 'custom'}"
        yield "timezone: Asia/Tokyo"
        yield f"to_decide: {_scalar(self.said(_NAME_AND_MODEL if draft.model is None else _NAME))}"
        yield ""
        yield from self.zones(draft)
        yield from self.separations(draft)
        yield from self.comments(_GATEWAYS)
        yield "gateways: {}"
        yield ""
        yield from self.flows(draft)
        yield from self.devices(draft)
        yield from self.comments(_SENSORS)
        yield "sensors: {}"
        yield "noise: []"
        yield "waivers: []"

    def zones(self, draft: Draft) -> Iterator[str]:
        yield from self.comments(_ZONES)
        yield "zones:"
        for zone in draft.zones.values():
            yield from self.zone(zone)

    def zone(self, zone: ZoneDraft) -> Iterator[str]:
        yield from self.comments(zone.remarks, "  ")
        yield f"  {_scalar(zone.id)}:"
        yield f"    role: {zone.role.value}"
        yield f"    name: {{ja: {_scalar(clean(zone.name.ja))}, en: {_scalar(clean(zone.name.en))}}}"
        yield f"    to_decide: {_scalar(self.said(zone.question))}"
        if not zone.segments:
            yield "    segments: []"
            yield from self.comments([_NO_SEGMENT], "    ")
        else:
            yield "    segments:"
            for segment in sorted(zone.segments, key=_place):
                yield from self.segment(segment)
        yield ""

    def segment(self, segment: SegmentDraft) -> Iterator[str]:
        yield from self.comments(segment.remarks, "      ")
        parts = [f"cidr: {segment.network}"]
        if segment.vlan:
            parts.append(f"vlan: {segment.vlan}")
        if segment.vrf:
            parts.append(f"vrf: {_scalar(clean(segment.vrf))}")
        if segment.purpose:
            parts.append(f"purpose: {_scalar(clean(segment.purpose))}")
        yield f"      - {{{', '.join(parts)}}}"

    def separations(self, draft: Draft) -> Iterator[str]:
        if draft.model is not None:
            yield from self.comments(_BY_MODEL)
            yield ""
            return
        of = {role: [zone.id for zone in draft.zones.values() if zone.role is role] for role in Role}
        rows = [f'[{_scalar(one)}, "*"], principle: isolation' for one in of[Role.MYNUMBER]]
        rows += [
            f"[{_scalar(one)}, {_scalar(other)}], principle: division"
            for one in of[Role.LGWAN]
            for other in of[Role.INTERNET]
        ]
        yield from self.comments(_SEPARATIONS)
        yield "separations:" if rows else "separations: []"
        for row in rows:
            yield f"  - {{between: {row}}}"
        yield ""

    def flows(self, draft: Draft) -> Iterator[str]:
        yield from self.comments(_FLOWS)
        held = [flow for flow in draft.flows if flow.is_held]
        yield "flows:" if len(held) < len(draft.flows) else "flows: []"
        for flow in draft.flows:
            if not flow.is_held:
                yield from self.flow(flow)
        if held:
            yield ""
            yield from self.comments(_HELD)
            for flow in held:
                for line in self.flow(flow):
                    yield line if line.lstrip().startswith("#") else "  #" + line.removeprefix("  ")
        if draft.refused:
            yield ""
            yield from self.comments(_REFUSED)
            for reason in draft.refused:
                yield from self.comments([Text(ja=f"- {reason.ja}", en=f"- {reason.en}")])
        yield ""

    def flow(self, flow: FlowDraft) -> Iterator[str]:
        yield from self.comments(flow.remarks, "  ")
        yield f"  - id: {_scalar(flow.id)}"
        yield f"    kind: {flow.kind.value}"
        yield f"    from: {_end(flow.orig_zone, flow.orig)}"
        yield f"    to: {_end(flow.resp_zone, flow.resp)}"
        yield f"    services: [{', '.join(map(format_service, flow.services))}]"
        if flow.approval is not None and (told := _approval(flow.approval)):
            yield f"    approval: {{{told}}}"
        if flow.question is not None:
            yield f"    to_decide: {_scalar(self.said(flow.question))}"

    def devices(self, draft: Draft) -> Iterator[str]:
        yield from self.comments(_DEVICES)
        yield "devices:" if draft.devices else "devices: {}"
        for device in draft.devices.values():
            yield from self.device(device)
        yield ""

    def device(self, device: DeviceDraft) -> Iterator[str]:
        yield from self.comments(device.remarks, "  ")
        faces = ", ".join(
            f"{_scalar(clean(name))}: {_scalar(zone)}" for name, zone in device.interfaces.items()
        )
        yield f"  {_scalar(clean(device.id))}:"
        yield f"    format: {device.format}"
        yield f"    interfaces: {{{faces}}}"
        yield f"    to_decide: {_scalar(self.said(device.question))}"

    def comments(self, remarks: Iterable[Text], indent: str = "") -> Iterator[str]:
        for remark in remarks:
            yield f"{indent}# {harmless(remark.in_(self.lang))[:_MOST_COMMENT]}"

    def said(self, text: Text) -> str:
        return clean(text.in_(self.lang), 1000)


def _end(zone: str, networks: tuple[Network, ...]) -> str:
    if not networks:
        return f"{{zone: {_scalar(zone)}}}"
    listed = ", ".join(_scalar(shown(network)) for network in networks)
    return f"{{zone: {_scalar(zone)}, addresses: [{listed}]}}"


def shown(network: Network) -> str:
    """Write a network, a single host without its length."""
    return str(network.network_address) if network.num_addresses == 1 else str(network)


def _approval(approval: ApprovalDraft) -> str:
    parts = {
        "number": approval.number,
        "by": approval.by,
        "on": approval.on.isoformat() if approval.on else None,
        "until": approval.until.isoformat() if approval.until else None,
        "reason": approval.reason,
    }
    return ", ".join(
        f"{key}: {_scalar(clean(value))}" for key, value in parts.items() if value and clean(value)
    )


def _scalar(text: str) -> str:
    """Write a text so that YAML reads this text again: plain where nothing can be mistaken, else in quotes."""
    if _RANGE.fullmatch(text) and not text.endswith(":"):
        return text
    plain = text[:1].isalnum() and all(char.isalnum() or char in _INSIDE_A_WORD for char in text)
    return text if plain and not _LIKE_ANOTHER_TYPE.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _place(segment: SegmentDraft) -> tuple[int, int, int]:
    network = segment.network
    return network.version, int(network.network_address), network.prefixlen


_HEAD = (
    Text(
        ja="`zoneguard policy init` が手元の資料から起こした方針の案です。事実は確かめ、判断は人が下してください。",
        en="A policy proposed by `zoneguard policy init` from what was at hand. Check the facts; the decisions are yours.",
    ),
    Text(
        ja="to_decide: は決めるべきことの印です。決めたらその行を消します。残りは `zoneguard policy lint` が一覧にします。",
        en="to_decide: marks what is to be decided. Delete the line when it is; `zoneguard policy lint` lists the rest.",
    ),
    Text(
        ja="to_decide: のある flows は、まだ何も許可しません。ここに書いていないゾーン間の通信は、すべて禁止です。",
        en="A flow with to_decide: allows nothing yet. Whatever crosses between zones and is not written here is forbidden.",
    ),
    Text(
        ja="アドレスと構成が載っています。非公開の情報資産として扱ってください。",
        en="This file holds addresses and the structure of the network: handle it as non-public.",
    ),
)
_NAME = Text(
    ja="organization に団体名を書いてください", en="write the name of your organisation under organization"
)
_NAME_AND_MODEL = Text(
    ja="organization に団体名を書き、model を選んでください（alpha | alpha-prime | beta | beta-prime | custom）",
    en="write the name of your organisation under organization, and choose the model (alpha | alpha-prime | beta | "
    "beta-prime | custom)",
)
_ZONES = (
    Text(
        ja="ゾーン: 領域ごとに一つ。同じ領域に属するものは一つのゾーンに segments をまとめてください。",
        en="Zones, one for each domain: put segments that belong to the same domain into one zone.",
    ),
)
_NO_SEGMENT = Text(
    ja="アドレスの範囲は資料にありませんでした。補うまで、このゾーンの通信は見分けられません",
    en="no range of addresses was found; until it is added, traffic of this zone cannot be told",
)
_BY_MODEL = (
    Text(
        ja="separations は model が定めます（role に従い、マイナンバー利用事務系は分離、LGWAN接続系とインターネット接続系は分割）。",
        en="separations follow from the model and the roles: My Number isolated, LGWAN and Internet divided.",
    ),
)
_SEPARATIONS = (
    Text(
        ja="分離（isolation）と分割（division）。role を直したらここも合わせてください。model を選べば、この節は消せます。",
        en="What pairs of zones owe. Change it along with the roles; once a model is chosen, this part can be removed.",
    ),
)
_GATEWAYS = (
    Text(
        ja="無害化装置は資料から見分けられません。脚のアドレスを登録してください（書き方は `zoneguard policy init --model alpha` のひな形）。",
        en="Sanitising gateways cannot be told from what was read: register their legs (see the template that "
        "`zoneguard policy init --model alpha` writes).",
    ),
)
_FLOWS = (
    Text(
        ja="flows: from が接続を開始する側。承認したものは approval を書き、to_decide の行を消します。承認しないものは項目ごと消します。",
        en="flows: `from` opens the connection. For one that is approved, write its approval and delete the to_decide "
        "line; remove one that is not.",
    ),
)
_HELD = (
    Text(
        ja="次は、ゾーンの role を決めるまで提案できない通信です。マイナンバー利用事務系や、LGWAN接続系とインターネット接続系の",
        en="These cannot be proposed before the roles of their zones are decided: they may turn out to touch My Number,",
    ),
    Text(
        ja="直接の通信かもしれません。role を決め、そうでないと確かめたものだけ、行頭の # を外してください。",
        en="or to pass directly between LGWAN and Internet. Uncomment only what, with the roles decided, does neither.",
    ),
)
_REFUSED = (
    Text(
        ja="次の通信は提案しません。承認済みなら、kind・approval とともに自分で書いてください。",
        en="The following is not proposed. Where it has been approved, write it yourself with its kind and approval.",
    ),
)
_DEVICES = (
    Text(ja="機器のどの口がどのゾーンに面するか。", en="Which interface of a device faces which zone."),
)
_SENSORS = (
    Text(
        ja='採取点を書くと、そこから見えないものを報告が示せます: 例 core: {files: ["core-*"], transit: true}',
        en='Write where you capture, and the report can tell what cannot be seen there: core: {files: ["core-*"], '
        "transit: true}",
    ),
)
