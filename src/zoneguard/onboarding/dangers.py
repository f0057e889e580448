"""Why an observed flow is never proposed as allowed, however often it was seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.net.flow import Payload
from zoneguard.policy.model import PUBLIC, UNKNOWN, Role
from zoneguard.rules.sight import is_tunnel_service
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_REMOTE = {22, 3389, 4172, 1494, 2598, 5938, 5985, 5986, 6568, 7070, *range(5800, 5810), *range(5900, 5910)}
_CLEARTEXT = {(6, 20), (6, 21), (6, 23), (6, 512), (6, 513), (6, 514), (17, 69), (17, 161), (6, 161)}
_SHARING = {(6, 135), (6, 137), (6, 138), (6, 139), (6, 445), (17, 137), (17, 138), (17, 445), (6, 2049)}
_MAY_CARRY = {
    (6, 1080),
    (6, 1701),
    (17, 443),
}  # beside what is a tunnel by its service: SOCKS, L2TP over TCP, QUIC
_REMOTE_WORDS = {Payload.SSH, Payload.RDP, Payload.RFB, Payload.ICA}
_PORTLESS = {6, 17, 132}


def why_not_between(zones: tuple[str, str], roles: tuple[Role | None, Role | None]) -> Text | None:
    """Give the reason that lies in the zones alone; None when there is none."""
    return next(_by_zone(zones, roles), None)


def why_not(
    zones: tuple[str, str],
    roles: tuple[Role | None, Role | None],
    service: tuple[int, int],
    payloads: Collection[int],
) -> Text | None:
    """Give the reason; None when the flow may be proposed.

    `zones` and `roles` are those of who opened and who answered (None for public and unknown), `service` the
    protocol and the responder's port, `payloads` the classes of first words that were seen (net.flow.Payload).
    """
    return next(_by_zone(zones, roles), None) or why_not_service(service, payloads)


def _by_zone(zones: tuple[str, str], roles: tuple[Role | None, Role | None]) -> Iterator[Text]:
    if UNKNOWN in zones:
        yield Text(ja="片側のアドレスがどのゾーンにもありません", en="one side lies in no zone")
    if Role.MYNUMBER in roles:
        yield Text(
            ja="マイナンバー利用事務系は他の領域から分離します。特定通信なら台帳から相手・ポート・MACまで書いてください",
            en="the My Number zone is isolated; registered communication is written from its register, with peer, port and MAC",
        )
    if set(roles) == {Role.LGWAN, Role.INTERNET}:
        yield Text(
            ja="LGWAN接続系とインターネット接続系は分割します。画面転送などの無害化通信なら kind とともに書いてください",
            en="LGWAN and Internet are divided; sanitised communication, a screen transfer say, is written with its kind",
        )
    if Role.OUT_OF_SCOPE in roles:
        yield Text(ja="適用対象外のネットワークとの通信です", en="one side is out of scope")
    if zones[0] == PUBLIC:
        yield Text(ja="インターネットから開始された通信です", en="it was opened from the Internet")
    if zones[1] == PUBLIC and roles[0] is not Role.INTERNET:
        yield Text(
            ja="インターネット接続系と確かめていないゾーンから、インターネットへ直接出ています",
            en="it goes to the Internet directly, from a zone that is not known to be the Internet zone",
        )


def why_not_service(service: tuple[int, int], payloads: Collection[int]) -> Text | None:
    """Give the reason that lies in the service alone; None when there is none."""
    protocol, port = service
    if is_tunnel_service(protocol, port) or service in _MAY_CARRY or Payload.SOCKS in payloads:
        return Text(
            ja="トンネルか、トンネルになり得る通信です。中を通るものは分かりません",
            en="a tunnel, or what may carry one: what passes inside is not known",
        )
    if (protocol in (6, 17) and port in _REMOTE) or _REMOTE_WORDS & set(payloads):
        return Text(
            ja="遠隔操作（RDP、VNC、SSH など）です。操作する人と範囲を決めてから書いてください",
            en="remote control (RDP, VNC, SSH or the like): decide who may, and on what, before it is written",
        )
    if service in _CLEARTEXT:
        return Text(
            ja="平文の管理・転送（telnet、FTP、TFTP、SNMP など）です。暗号化した手段への置き換えを先に検討してください",
            en="administration or transfer in clear text (telnet, FTP, TFTP, SNMP): consider an encrypted one first",
        )
    if service in _SHARING or Payload.SMB in payloads:
        return Text(
            ja="ゾーンをまたぐファイル共有・RPC（SMB、NFS など）です",
            en="file sharing or RPC across zones (SMB, NFS)",
        )
    if protocol in _PORTLESS and port >= 32768:
        return Text(
            ja="応答側のポートが一時ポートの範囲にあり、サービスを特定できません",
            en="the responder's port is an ephemeral one, so the service cannot be told",
        )
    return None
