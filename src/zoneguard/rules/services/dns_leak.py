"""ZG-G01: names were asked of a server in another zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.findings.finding import Severity, Verdict
from zoneguard.net.flow import Payload
from zoneguard.policy.model import PUBLIC, Role
from zoneguard.rules.base import Rule
from zoneguard.rules.choosing import Ask
from zoneguard.rules.hostnames import is_below
from zoneguard.rules.opened import by_conversation, opened_for, tell_looked
from zoneguard.rules.services.answered import answered_on
from zoneguard.rules.sight import is_breach, zones
from zoneguard.rules.telling import end_words, graver, service_words, tell
from zoneguard.rules.tools import Does, told_by_look
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from zoneguard.findings.finding import Finding
    from zoneguard.rules.evidence import Conversation, Evidence, Looked


# DNS, and DNS over TLS or QUIC.
_PORTS = {6: frozenset({53, 853}), 17: frozenset({53, 853})}
_SPOKEN = frozenset({Payload.DNS_QUERY, Payload.DNS_RESPONSE})
_LGWAN = ("lgwan.jp",)  # names that only LGWAN itself answers for
# Names that never leave a network (RFC 6761, RFC 6762, RFC 8375, RFC 9476) and those of reverse lookups.
_INSIDE = (
    "local",
    "localhost",
    "home.arpa",
    "in-addr.arpa",
    "ip6.arpa",
    "internal",
    "alt",
    "test",
    "invalid",
)


def check(evidence: Evidence) -> Iterator[Finding]:
    """Yield answered queries across zones, resolvers over HTTPS, and names asked for where they do not belong."""
    yield from _answered(evidence)
    for one, looks in by_conversation(evidence.looks).items():
        yield from _over_https(evidence, one, looks)
    for one, looks in by_conversation(opened_for(evidence, Ask.NAMES)).items():
        yield from _misplaced(evidence, one, looks)


def _over_https(evidence: Evidence, one: Conversation, looks: Sequence[Looked]) -> Iterator[Finding]:
    """Yield queries that are hidden in HTTPS to a public resolver, whether or not the way there is allowed."""
    told = [(look, tool) for look in looks if (tool := told_by_look(look.look)) is not None]
    resolvers = [look for look, tool in told if tool.tool.does is Does.RESOLVER]
    if not resolvers:
        return
    name = next(tool.tool.name for _, tool in told if tool.tool.does is Does.RESOLVER)
    orig = end_words(evidence.policy, one.orig)
    yield tell_looked(
        RULE,
        resolvers,
        Text(
            ja=f"{orig.ja}が、公開の名前解決サービス {name} に HTTPS で接続しました。問い合わせの内容は見えません。",
            en=f"{orig.en} connected to the public resolver {name} over HTTPS; what it asked cannot be seen.",
        ),
        verdict=Verdict.VIOLATED if is_breach(one) else Verdict.REVIEW,
        severity=graver(evidence.policy, RULE.severity, one.orig.zone),
        name=f"{RULE.name}-https",
    )


def _misplaced(evidence: Evidence, one: Conversation, looks: Sequence[Looked]) -> Iterator[Finding]:
    """Yield names of LGWAN asked for from the Internet side, and other names answered to the mynumber zone."""
    policy = evidence.policy
    role, orig = policy.role(one.orig.zone), end_words(policy, one.orig)
    asked = [(look, suffix) for look in looks if look.look.names for suffix, _ in look.look.names.suffixes]
    lgwan = [look for look, suffix in asked if is_below(suffix, _LGWAN)]
    if lgwan and (role is Role.INTERNET or PUBLIC in zones(one)):
        yield tell_looked(
            RULE,
            lgwan,
            Text(
                ja=f"{orig.ja}が、インターネット側のDNSで lgwan.jp の名前を問い合わせました。",
                en=f"{orig.en} asked a resolver of the Internet side for names under lgwan.jp.",
            ),
            verdict=Verdict.REVIEW,
            name=f"{RULE.name}-lgwan-names",
        )
    strange = [look for look in looks if role is Role.MYNUMBER and _is_answered_elsewhere(look)]
    if strange:
        suffixes = sorted(
            {
                suffix
                for look, suffix in asked
                if look in strange and not is_below(suffix, (*_LGWAN, *_INSIDE))
            }
        )
        yield tell_looked(
            RULE,
            strange,
            Text(
                ja=f"{orig.ja}からの、庁外の名前（{'、'.join(suffixes[:5])}）の問い合わせに応答がありました。"
                "マイナンバー利用事務系から外部の名前を解決できる状態です。",
                en=f"Queries by {orig.en} for names outside ({', '.join(suffixes[:5])}) were answered: outside names can"
                " be resolved from the mynumber zone.",
            ),
            verdict=Verdict.REVIEW,
            severity=graver(policy, RULE.severity, one.orig.zone),
            name=f"{RULE.name}-outside-names",
        )


def _is_answered_elsewhere(one: Looked) -> bool:
    names = one.look.names
    return (
        names is not None
        and names.answered > 0
        and any("." in suffix and not is_below(suffix, (*_LGWAN, *_INSIDE)) for suffix, _ in names.suffixes)
    )


def _answered(evidence: Evidence) -> Iterator[Finding]:
    policy = evidence.policy
    for one in answered_on(evidence, _PORTS, _SPOKEN):
        orig, resp = end_words(policy, one.orig), end_words(policy, one.resp)
        service = service_words(one)
        yield tell(
            RULE,
            one,
            Text(
                ja=f"{orig.ja}が{resp.ja}のDNSサーバ（{service.ja}）を使い、応答を得ました。",
                en=f"{orig.en} used the DNS server ({service.en}) of {resp.en} and was answered.",
            ),
            severity=graver(policy, RULE.severity, one.orig.zone, one.resp.zone),
        )


RULE = Rule(
    id="ZG-G01",
    name="dns-leak",
    order=75,
    severity=Severity.MEDIUM,
    clauses=("youkou-2-11", "gl-6-1", "kisoku-5"),
    title=Text(ja="DNSの越境・漏れ", en="DNS across zones"),
    why=Text(
        ja="名前の問い合わせは、内部の名前を外へ知らせ、データを持ち出す経路にもなります。",
        en="Queries tell internal names to the outside and can carry data out.",
    ),
    remedy=Text(
        ja="領域ごとのDNSサーバを使わせてください。中継が必要であれば、登録したフォワーダに限って flows に加えてください。",
        en="Let each zone use its own DNS server; where forwarding is needed, declare it for the registered forwarder only.",
    ),
    example=Text(
        ja="管理系の端末が、別の領域のDNSサーバへ直接問い合わせた。",
        en="A management host asked a DNS server in another zone directly.",
    ),
    false_positives=Text(
        ja="登録前のフォワーダ、検索サフィックスの問い合わせ。",
        en="Forwarders not yet registered, queries from search suffixes.",
    ),
    check=check,
)
