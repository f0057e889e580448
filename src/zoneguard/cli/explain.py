"""`zoneguard explain`: one packet, what the policy says of it, and what it would take; or one finding, and why."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoneguard.cli.bilingual import Options, command, option
from zoneguard.cli.options import POLICY, files
from zoneguard.errors import ExitCode, UsageError
from zoneguard.report.harmless import harmless
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.api.explaining import Answer
    from zoneguard.net.address import Address
    from zoneguard.policy.model import AllowedFlow
    from zoneguard.policy.verdict import Decision
    from zoneguard.text import Lang


@command(
    "explain",
    Text(
        ja="通信が方針で許可されているか、なぜそうなのか、機器の設定を与えれば、どの行で通るかを説明します。"
        "--report を付けると、報告の中の1つの指摘について、判定の理由を順に説明します。",
        en="Explain whether the policy allows a packet and why, and by which line each device given lets it pass. With"
        " --report: why a finding of a stored run was judged so, step by step.",
    ),
)
@click.argument("exports", nargs=-1, metavar="[EXPORT...|FINGERPRINT]", shell_complete=files)
@option(
    "--report",
    "run",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="RUN.json",
    words=Text(
        ja="指摘 FINGERPRINT（16桁、一意に決まる先頭だけでもよい）を説明する報告（check --format json）。",
        en="The run (check --format json) whose finding FINGERPRINT is explained: 16 digits, or as many as tell it.",
    ),
)
@option("--src", words=Text(ja="開始側のアドレス。", en="Address of who opens."))
@option("--dst", words=Text(ja="応答側のアドレス。", en="Address of who answers."))
@option(
    "--packets",
    type=click.Path(path_type=Path),
    metavar="FILE",
    words=Text(
        ja="通信の一覧（CSV。見出し src,dst,proto,sport,dport,in-interface,expected）。結果もCSVで出します。",
        en="A table of packets (CSV with the heading src,dst,proto,sport,dport,in-interface,expected); the answer "
        "is CSV too.",
    ),
)
@option(
    "--in-interface",
    "ingress",
    default="",
    metavar="NAME",
    words=Text(ja="機器に入るインターフェイス。", en="The interface by which it comes into the devices."),
)
@option(
    "--proto",
    default="tcp",
    show_default=True,
    words=Text(
        ja="プロトコル（tcp、udp、icmp など、または番号）。",
        en="Protocol (tcp, udp, icmp … or its number).",
    ),
)
@option(
    "--dport",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    default=0,
    words=Text(
        ja="応答側のポート（ICMP は タイプ×256＋コード）。",
        en="Port of who answers (ICMP: type*256+code).",
    ),
)
@option(
    "--vlan",
    type=click.IntRange(0, 4094),
    metavar="VLAN",
    default=0,
    words=Text(ja="観測される VLAN（0 はタグなし）。", en="VLAN it would be seen in (0: untagged)."),
)
@POLICY
@click.pass_context
def explain(
    ctx: click.Context,
    *,
    exports: tuple[str, ...],
    run: Path | None,
    src: str | None,
    dst: str | None,
    packets: Path | None,
    ingress: str,
    proto: str,
    dport: int,
    vlan: int,
    policy_path: Path | None,
) -> None:
    """Say zones, decision, the flow that allows or comes nearest, and what does not fit; exit 1 if forbidden, 4 if open."""
    from zoneguard import api
    from zoneguard.api.explaining import Asked, Explainer
    from zoneguard.api.nearest import declared_at, misfits, nearest
    from zoneguard.policy.load import load_policy
    from zoneguard.policy.verdict import VIOLATIONS, Decision, Packet, verdict
    from zoneguard.policy.zoning import Zoning

    lang = ctx.ensure_object(Options).lang
    if run is not None:
        _finding(exports, run, policy_path, lang)
        return
    if packets is not None:
        ctx.exit(int(_table(packets, exports, policy_path, lang)))
    if src is None or dst is None:
        raise UsageError(
            Text(
                ja="--src と --dst を指定してください。多くの通信は --packets FILE.csv で一度に確かめられます。"
                "指摘の説明は FINGERPRINT --report RUN.json です。",
                en="Give --src and --dst, or many packets at once with --packets FILE.csv; a finding is explained by"
                " FINGERPRINT --report RUN.json.",
            )
        )
    orig, resp = _address("--src", src), _address("--dst", dst)
    protocol = _protocol(proto)
    policy = load_policy(policy_path or api.discover_policy())
    zoning = Zoning(policy)
    packet = Packet(
        orig=orig,
        resp=resp,
        orig_zone=zoning.zone_of(orig, vlan),
        resp_zone=zoning.zone_of(resp, vlan),
        protocol=protocol,
        port=dport,
    )
    ruling = verdict(policy, packet)
    told = [
        Text(
            ja=f"ゾーン: {packet.orig_zone} → {packet.resp_zone}",
            en=f"Zones: {packet.orig_zone} → {packet.resp_zone}",
        ),
        _decision(ruling.decision),
    ]
    closest = ruling.flow or (nearest(policy, packet) if ruling.decision in VIOLATIONS else None)
    flow = next((one for one in policy.flows if one.id == closest), None)
    if flow is not None:
        told.append(_declared(flow, declared_at(flow), allows=ruling.decision is Decision.ALLOWED))
        if ruling.decision in VIOLATIONS:
            told += misfits(flow, packet)
    read = api.read_exports(exports, policy) if exports else ()
    doubtful = any(one.is_inconclusive for one in read)
    if read:
        asked = Asked(source=orig, destination=resp, protocol=protocol, dport=dport, ingress=ingress)
        answer = Explainer(policy, read).answer(asked)
        doubtful |= any(one.trace.verdict is None for one in answer.devices)
        told += _devices(answer)
    for sentence in (*told, *(doubt for one in read for doubt in one.doubts())):
        click.echo(harmless(sentence.in_(lang)))
    if ruling.decision in VIOLATIONS:
        ctx.exit(int(ExitCode.FINDINGS))
    if ruling.decision is Decision.UNKNOWN or doubtful:
        ctx.exit(int(ExitCode.INCONCLUSIVE))


def _finding(named: tuple[str, ...], run: Path, policy_path: Path | None, lang: Lang) -> None:
    """Tell step by step why a finding was judged so."""
    from zoneguard.api.reasons import choose, explain_finding, policy_of
    from zoneguard.report.stored import read_report

    if len(named) != 1:
        raise UsageError(
            Text(
                ja="--report と一緒に、説明する指摘の FINGERPRINT を1つ指定してください（報告の各指摘にあります）。",
                en="With --report give one FINGERPRINT, that of the finding to explain; each finding of the report has"
                " one.",
            )
        )
    report, _ = read_report(run)
    finding = choose(report, named[0])
    for number, step in enumerate(explain_finding(report, finding, policy_of(report, policy_path)), 1):
        click.echo(harmless(f"{number}. {step.heading.in_(lang)}"))
        for sentence in step.sentences:
            click.echo(harmless(f"   {sentence.in_(lang)}"))


def _table(packets: Path, exports: tuple[str, ...], policy_path: Path | None, lang: Lang) -> ExitCode:
    """Answer a table of packets; 1 when one of them fares otherwise than its row expects, 4 when that is open.

    What was not understood of the exports goes to the error output: the answer is a table for programs.
    """
    from zoneguard import api
    from zoneguard.api.explaining import Explainer, agrees, read_packets, table
    from zoneguard.policy.load import load_policy

    policy = load_policy(policy_path or api.discover_policy())
    read = api.read_exports(exports, policy) if exports else ()
    explainer = Explainer(policy, read)
    answers = [explainer.answer(asked) for asked in read_packets(packets)]
    click.echo(table(answers), nl=False)
    for doubt in (doubt for one in read for doubt in one.doubts()):
        click.echo(harmless(doubt.in_(lang)), err=True)
    against = [one for one in answers if not agrees(one)]
    if any(one.permitted is not None for one in against):
        return ExitCode.FINDINGS
    return ExitCode.INCONCLUSIVE if against or any(one.is_inconclusive for one in read) else ExitCode.CLEAN


def _devices(answer: Answer) -> Iterator[Text]:
    """Yield what each device does with the packet, by which line, and what is in doubt."""
    from zoneguard.firewall.model import Action

    if not answer.devices:
        yield Text(
            ja="与えられた機器のどれも、この2つのゾーンをつないでいません（devices: の interfaces を確かめてください）。",
            en="None of the devices given joins these two zones (see `interfaces` under `devices:`).",
        )
    for one in answer.devices:
        found = one.trace
        way = f"{one.ingress or '*'} → {one.egress or '*'}"
        word: dict[Action | None, tuple[str, str]] = {
            Action.PERMIT: ("許可", "permits"),
            Action.DENY: ("拒否", "denies"),
            None: ("未確定", "may permit"),
        }
        ja, en = word[found.verdict]
        places = [
            f"{step.line.places[0].file}:{step.line.places[0].line} {step.line.places[0].text}"
            for step in found.steps
            if step.line is not None and step.line.places
        ]
        yield Text(
            ja=f"{one.device}（{way}）: {ja}。決めた行: {found.decided_by}",
            en=f"{one.device} ({way}) {en} it, by {found.decided_by}",
        )
        for place in places:
            yield Text(ja=f"    {place}", en=f"    {place}")
        for translation in found.translations:
            yield Text(
                ja=f"    アドレス変換: {translation.id}", en=f"    address translation: {translation.id}"
            )
        for step in found.steps:
            for line in step.doubtful:
                unknown = ", ".join(line.match.unknown)
                yield Text(
                    ja=f"    {line.id} は、読み取れない条件（{unknown}）しだいで先に一致します。",
                    en=f"    {line.id} comes first if what is not understood ({unknown}) turns out so.",
                )


def _address(option_name: str, text: str) -> Address:
    try:
        return ip_address(text)
    except ValueError as error:
        raise UsageError(
            Text(
                ja=f"{option_name}「{text}」は IP アドレスではありません。172.16.20.5 のように指定してください。",
                en=f"{option_name} {text}: not an IP address; write it like 172.16.20.5.",
            )
        ) from error


def _protocol(text: str) -> int:
    from zoneguard.policy.services import PROTOCOLS, protocol_of

    number = protocol_of(text)
    if number is None:
        names = ", ".join(PROTOCOLS)
        raise UsageError(
            Text(
                ja=f"--proto「{text}」はありません。{names} か 0～255 の番号を指定してください。",
                en=f"--proto {text}: there is no such protocol; give {names} or a number up to 255.",
            )
        )
    return number


def _decision(decision: Decision) -> Text:
    """Say what the policy says; the words of `policy.verdict.Decision`."""
    return {
        "within": Text(ja="判定: 同じゾーンの中の通信です。", en="Decision: both ends lie in one zone."),
        "allowed": Text(ja="判定: 許可されています。", en="Decision: the policy allows it."),
        "noise": Text(ja="判定: 既知の拒否済み通信（noise）です。", en="Decision: known and denied (noise)."),
        "reversed": Text(
            ja="判定: 禁止です。許可された通信の逆方向から開始しています。",
            en="Decision: forbidden; a declared flow, opened from the wrong side.",
        ),
        "other-service": Text(
            ja="判定: 禁止です。許可された組ですが、サービスが違います。",
            en="Decision: forbidden; a declared pair of hosts, but another service.",
        ),
        "gateway-leg": Text(
            ja="判定: 禁止です。別のゾーン側にある無害化装置の足に接しています。",
            en="Decision: forbidden; it meets a sanitising gateway's leg in another zone.",
        ),
        "forbidden": Text(
            ja="判定: 禁止です。この通信は定義されていません。",
            en="Decision: forbidden; nothing declared allows it.",
        ),
        "link-scope": Text(
            ja="判定: リンク内の通信（マルチキャスト等）で、ゾーン間の通信ではありません。",
            en="Decision: link scope (multicast and the like); it does not cross zones.",
        ),
        "unknown": Text(
            ja="判定: 判断できません。どのゾーンにも属さないアドレスがあります。",
            en="Decision: inconclusive; an address lies in no zone.",
        ),
    }[decision.value]


def _declared(flow: AllowedFlow, place: str, *, allows: bool) -> Text:
    if allows:
        return Text(ja=f"許可する定義: {flow.id}{place}", en=f"Allowed by: {flow.id}{place}")
    return Text(ja=f"最も近い定義: {flow.id}{place}", en=f"Nearest flow: {flow.id}{place}")
