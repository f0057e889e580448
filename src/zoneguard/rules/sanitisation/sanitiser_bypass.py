"""ZG-B01: mail, files or web pages reached the LGWAN zone without their sanitising gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Finding, Party, Severity, Verdict
from zoneguard.net.flow import State
from zoneguard.policy.model import PUBLIC, Role
from zoneguard.rules.base import Rule
from zoneguard.rules.evidence import Decision
from zoneguard.rules.permitted import locators, probe_words, services_words, spans_words
from zoneguard.rules.sight import gateway_macs, is_breach, is_leg
from zoneguard.rules.telling import end_words, graver, service_words, tell, zone_name
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.policy.model import Policy
    from zoneguard.rules.evidence import Conversation, Evidence


_SMTP = frozenset({25, 465, 587})
_MAIL = _SMTP | {110, 143, 993, 995}
_FILE = frozenset({20, 21, 22, 69, 139, 445, 873, 2049})
_WEB = frozenset({80, 443, 3128, 8080, 8443})
_UNSANITISED = frozenset({Decision.FORBIDDEN, Decision.OTHER_SERVICE, Decision.NOISE})

_WAYS = {
    "mail": Text(
        ja="メールが無害化装置を通らずに流れる経路です。", en="Mail flows past the sanitising gateway."
    ),
    "file": Text(
        ja="ファイルが無害化装置を通らずに流れる経路です。", en="Files flow past the sanitising gateway."
    ),
    "web": Text(
        ja="ウェブの内容が無害化装置を通らずに流れる経路です。",
        en="Web content flows past the sanitising gateway.",
    ),
    "leg": Text(
        ja="無害化装置の、別の領域に属する脚との直接通信です。",
        en="It is a direct conversation with a sanitising gateway's leg in another zone.",
    ),
    "routed": Text(
        ja="端から端までの通信が無害化装置によって中継されただけで、無害化されていません。",
        en="The sanitising gateway merely forwarded this end-to-end conversation; nothing was sanitised.",
    ),
}


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield every answered conversation past a gateway; the name ends in mail, file, web, leg or routed."""
    policy, gateways = evidence.policy, gateway_macs(evidence)
    for one in evidence.conversations:
        way = _way(policy, one, gateways)
        if way is None:
            continue
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}が{resp.ja}へ {service.ja} で通信し、成立しました。{_WAYS[way].ja}",
                en=f"{orig.en} talked with {resp.en} over {service.en} and was answered. {_WAYS[way].en}",
            ),
            severity=graver(policy, RULE.severity, one.orig.zone, one.resp.zone),
            name=f"{RULE.name}-{way}",
        )
    yield from _paths(evidence)


def _paths(evidence: Evidence) -> Iterator[Finding]:
    """Yield the ways over several devices that lead past every gateway, unless one device permits as much."""
    policy = evidence.policy
    told = {
        (one.orig_zone, one.resp_zone) for permission in evidence.permissions for one in permission.crossings
    }
    for path in evidence.path_crossings:
        if (path.orig_zone, path.resp_zone) in told:
            continue
        orig, resp = zone_name(policy, path.orig_zone), zone_name(policy, path.resp_zone)
        drawn = " → ".join([path.orig_zone, *(f"[{hop.device}] → {hop.behind}" for hop in path.hops)])
        lines = tuple(line for hop in path.hops for line in hop.lines)
        source, target = spans_words(path.widest.source), spans_words(path.widest.destination)
        service = services_words(path.widest.services)
        yield Finding(
            rule=RULE.id,
            name=f"{RULE.name}-path",
            verdict=Verdict.VIOLATED if path.sure else Verdict.UNVERIFIABLE,
            severity=graver(policy, RULE.severity, path.orig_zone, path.resp_zone),
            title=RULE.title,
            message=Text(
                ja=f"{orig.ja}から{resp.ja}へ、無害化装置を通らずに、複数の機器を経て届く経路があります: {drawn}。"
                f"最も広い部分は {source.ja} → {target.ja}、{service.ja}。例: {probe_words(path.example)}。",
                en=f"A way over several devices leads from {orig.en} to {resp.en} past every sanitising gateway: {drawn}. "
                f"The widest part is {source.en} → {target.en}, {service.en}; for example {probe_words(path.example)}.",
            ),
            remedy=RULE.remedy,
            orig=Party(zone=path.orig_zone),
            resp=Party(zone=path.resp_zone),
            locators=locators(lines),
        )


def _way(policy: Policy, one: Conversation, gateways: frozenset[int]) -> str | None:
    if one.decision is Decision.GATEWAY_LEG:
        return "leg" if one.state > State.ATTEMPT else None
    if not _joins_lgwan(policy, one):
        return None
    if _is_routed(policy, one, gateways):
        return "routed"
    if not is_breach(one) or one.decision not in _UNSANITISED or one.services > 1:
        return None
    return _carried(policy, one)


def _joins_lgwan(policy: Policy, one: Conversation) -> bool:
    orig, resp = policy.role(one.orig.zone), policy.role(one.resp.zone)
    dirty = (
        orig is Role.INTERNET or one.orig.zone == PUBLIC,
        resp is Role.INTERNET or one.resp.zone == PUBLIC,
    )
    return (orig is Role.LGWAN and dirty[1]) or (resp is Role.LGWAN and dirty[0])


def _is_routed(policy: Policy, one: Conversation, gateways: frozenset[int]) -> bool:
    if one.state is State.ATTEMPT or not gateways & {one.orig.next_hop, one.resp.next_hop, one.routed_by}:
        return False
    return not any(
        is_leg(gateway, end.address) for gateway in policy.gateways for end in (one.orig, one.resp)
    )


def _carried(policy: Policy, one: Conversation) -> str | None:
    outgoing = policy.role(one.orig.zone) is Role.LGWAN
    if one.port in _MAIL:
        return None if outgoing and one.port in _SMTP else "mail"  # mail on its way out brings nothing in
    if one.port in _FILE:
        return "file"
    return "web" if one.port in _WEB else None


RULE = Rule(
    id="ZG-B01",
    name="sanitiser-bypass",
    order=20,
    severity=Severity.HIGH,
    clauses=(
        "youkou-2-12",
        "youkou-6-3-b",
        "gl-3-2",
        "kisoku-5",
    ),
    title=Text(ja="無害化経路の迂回", en="A path past the sanitising gateway"),
    why=Text(
        ja="LGWAN接続系へ入るメール、ファイル、ウェブの内容は、無害化装置を通ったものに限られます。",
        en="Mail, files and web content may enter the LGWAN zone through a sanitising gateway only.",
    ),
    remedy=Text(
        ja="直接の経路を遮断し、登録された無害化装置を通してください。",
        en="Cut the direct path and use the registered sanitising gateway.",
    ),
    example=Text(
        ja="インターネット接続系のファイルサーバ 192.168.11.5 が 172.16.10.9 の tcp/445 へ接続した。",
        en="File server 192.168.11.5 of the Internet zone opened tcp/445 to 172.16.10.9.",
    ),
    false_positives=Text(
        ja="LGWANメール（LGWAN-SSとの間）、登録されたウイルス定義体やWSUSの許可通信、無害化装置のAPI通信。",
        en="LGWAN mail with LGWAN-SS, declared WSUS and virus definition flows, the sanitiser's own API.",
    ),
    check=check,
    needs_traffic=False,
)
