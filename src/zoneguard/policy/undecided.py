"""What people still have to decide before a policy can be believed: marks in the file, and gaps nobody marked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoneguard.policy.model import FlowKind, Place, Principle
from zoneguard.policy.verdict import owed
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.policy.model import AllowedFlow, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPoint:
    """One thing to decide: where in zones.yaml, and a sentence."""

    place: Place
    text: Text


def open_points(policy: Policy) -> tuple[OpenPoint, ...]:
    """List what is still to decide, in the order of the file."""
    return tuple(sorted(_points(policy), key=lambda one: (one.place.line, one.place.column)))


def _points(policy: Policy) -> Iterator[OpenPoint]:
    top = Place(file=policy.path, line=1, column=1)
    if policy.to_decide:
        yield OpenPoint(
            place=policy.to_decide_place or top, text=Text(ja=policy.to_decide, en=policy.to_decide)
        )
    for zone in policy.zones:
        if zone.to_decide:
            yield OpenPoint(
                place=zone.place or top,
                text=Text(
                    ja=f"ゾーン「{zone.id}」（role: {zone.role.value}）: {zone.to_decide}",
                    en=f"zone '{zone.id}' (role: {zone.role.value}): {zone.to_decide}",
                ),
            )
    for device in policy.devices:
        if device.to_decide:
            yield OpenPoint(
                place=device.place or top,
                text=Text(
                    ja=f"機器「{device.id}」: {device.to_decide}",
                    en=f"device '{device.id}': {device.to_decide}",
                ),
            )
    for flow in policy.proposed:
        yield OpenPoint(place=flow.place or top, text=_proposed(policy, flow))
    for flow in policy.flows:
        principle = owed(policy, flow.source.zone, flow.destination.zone)
        if flow.kind is FlowKind.PERMIT and principle is Principle.ISOLATION:
            yield OpenPoint(
                place=flow.place or top,
                text=Text(
                    ja=f"許可「{flow.id}」は「分離」すべきゾーンを kind: permit でまたぎます。"
                    "特定通信なら kind: tokutei にし、そうでなければ削除してください",
                    en=f"flow '{flow.id}' crosses zones that are to be isolated, as kind: permit; make it kind: tokutei if "
                    "it is registered communication, or remove it",
                ),
            )
        if flow.approval is None or not (flow.approval.number or flow.approval.by):
            yield OpenPoint(
                place=flow.place or top,
                text=Text(
                    ja=f"許可「{flow.id}」に承認の番号も承認者もありません。approval を書いてください",
                    en=f"flow '{flow.id}' names neither the number of its approval nor who approved it; "
                    "write its approval",
                ),
            )


def _proposed(policy: Policy, flow: AllowedFlow) -> Text:
    """Tell a proposal; one that the separations rule out is told to be removed, whatever its own words are."""
    principle = owed(policy, flow.source.zone, flow.destination.zone)
    pair = f"{flow.source.zone} → {flow.destination.zone}"
    if principle is Principle.ISOLATION and flow.kind is not FlowKind.TOKUTEI:
        return Text(
            ja=f"提案「{flow.id}」（{pair}）は「分離」すべきゾーンをまたぎます。"
            "特定通信として承認していなければ削除してください",
            en=f"proposed flow '{flow.id}' ({pair}) crosses zones that are to be isolated; remove it, unless it is "
            "approved as registered communication (kind: tokutei)",
        )
    if principle is Principle.DIVISION and flow.kind is FlowKind.PERMIT:
        return Text(
            ja=f"提案「{flow.id}」（{pair}）は「分割」すべきゾーンを直接またぎます。"
            "無害化通信として承認していなければ削除してください",
            en=f"proposed flow '{flow.id}' ({pair}) passes directly between zones that are to be divided; remove it, "
            "unless it is approved as sanitised communication",
        )
    return Text(
        ja=f"提案「{flow.id}」（{pair}、まだ何も許可しません）: {flow.to_decide}",
        en=f"proposed flow '{flow.id}' ({pair}, allows nothing yet): {flow.to_decide}",
    )
