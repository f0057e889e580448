"""A small report of 例示市, with one finding of each kind, that the tests of report share."""

from __future__ import annotations

from zoneguard.errors import ExitCode
from zoneguard.findings.finding import (
    AppliedWaiver,
    Clause,
    Finding,
    LineLocator,
    PacketLocator,
    Party,
    Severity,
    Verdict,
)
from zoneguard.findings.passage import LegSeen, Passage
from zoneguard.report.model import (
    Coverage,
    InputRead,
    MatrixCell,
    PolicyRead,
    Report,
    Summary,
    Tool,
    Unverifiable,
)
from zoneguard.text import Lang, Text

START = 1_775_001_600_123_456_789  # 2026-04-01T09:00:00.123456789+09:00

REVERSED = Finding(
    rule="ZG-A05",
    name="reverse-initiation",
    verdict=Verdict.VIOLATED,
    severity=Severity.CRITICAL,
    title=Text(ja="逆方向からの開始", en="Opened from the wrong side"),
    message=Text(
        ja="インターネット接続系の 192.168.10.5 が LGWAN接続系の 172.16.20.5 へ tcp/3389 を開始しました。"
        "許可されているのは逆の向きだけです。",
        en="192.168.10.5 in the internet zone opened tcp/3389 to 172.16.20.5 in the LGWAN zone;"
        " only the other direction is allowed.",
    ),
    remedy=Text(
        ja="ファイアウォールで戻り方向の新規セッションを拒否してください。",
        en="Deny new sessions in the return direction on the firewall.",
    ),
    clauses=(
        Clause(
            document="例示市情報セキュリティ対策基準",
            edition="R8.4",
            section="3.(2)①",
            text="LGWAN接続系とインターネット接続系を分割する。",
            verified=False,
        ),
    ),
    orig=Party(zone="internet", address="192.168.10.5", port=51000, mac="02:00:00:00:00:05", vlan=310),
    resp=Party(zone="lgwan", address="172.16.20.5", port=3389, vlan=220),
    protocol=6,
    service="tcp/3389",
    state="data",
    initiator="orig",
    flows=3,
    packets=1_200,
    bytes=345_678,
    first_seen=START,
    last_seen=START + 90_000_000_000,
    locators=(
        PacketLocator(file="captures/story-02-screen-reversed.pcap", frame=17, time=START),
        LineLocator(file="exports/fw.conf", line=41, text="set action accept"),
    ),
    allowed_by="A-SCR",
    related=("ZG-A03",),
    fingerprint="5f2a",
)

WAIVED = Finding(
    rule="ZG-G02",
    name="foreign-time-source",
    verdict=Verdict.REVIEW,
    severity=Severity.LOW,
    title=Text(ja="外部の時刻源", en="Foreign time source"),
    message=Text(ja="[2001:db8::5] へ時刻を尋ねました。", en="Asked 2001:db8::5 for the time."),
    remedy=Text(ja="庁内の時刻サーバーを使ってください。", en="Use the municipality's own time server."),
    orig=Party(zone="internet", address="2001:db8::1", port=40000),
    resp=Party(zone="public", address="2001:db8::5", port=123),
    protocol=17,
    service="udp/123",
    state="attempt",
    initiator="unknown",
    flows=1,
    waiver=AppliedWaiver(id="W-1", owner="情報政策課", reason="更改までの間", until="2026-09-30"),
    fingerprint="77aa",
)

UNSEEN = Finding(
    rule="ZG-I01",
    name="coverage-gap",
    verdict=Verdict.UNVERIFIABLE,
    severity=Severity.INFO,
    title=Text(ja="観測範囲の不足", en="Gap in what was observed"),
    message=Text(ja="mynumber は観測されていません。", en="mynumber was not observed."),
    remedy=Text(ja="ミラーポートを追加してください。", en="Add a mirror port."),
    fingerprint="01",
)


def sample(lang: Lang, *, findings: tuple[Finding, ...] = (REVERSED, WAIVED, UNSEEN)) -> Report:
    live = [finding for finding in findings if finding.waiver is None]
    return Report(
        tool=Tool(name="zoneguard", version="0.1.0"),
        generated=START + 3_600_000_000_000,
        lang=lang,
        policy=PolicyRead(
            path="zones.yaml",
            sha256="ab" * 32,
            organization=Text(ja="例示市", en="Reiji City"),
            model="alpha",
            timezone="Asia/Tokyo",
        ),
        gateways=(
            Passage(
                gateway="mail-sanitizer",
                sanitizes="mail",
                legs=(
                    LegSeen(
                        zone="lgwan",
                        flows=3,
                        bytes_in=2_000,
                        bytes_out=40_000,
                        first_seen=START,
                        last_seen=START + 60_000_000_000,
                    ),
                    LegSeen(
                        zone="internet",
                        flows=4,
                        bytes_in=90_000,
                        bytes_out=3_000,
                        first_seen=START,
                        last_seen=START + 50_000_000_000,
                    ),
                ),
                carried=3,
                paired=2,
                past=1,
                whole=True,
            ),
            Passage(
                gateway="file-sanitizer",
                sanitizes="file",
                legs=(
                    LegSeen(
                        zone="lgwan",
                        flows=0,
                        bytes_in=0,
                        bytes_out=0,
                        first_seen=None,
                        last_seen=None,
                    ),
                ),
                carried=0,
                paired=0,
                past=0,
                whole=True,
            ),
        ),
        inputs=(
            InputRead(
                path="captures/story-02-screen-reversed.pcap",
                kind="capture",
                format="pcap",
                sha256="cd" * 32,
                size=123_456,
                packets=1_500,
                first_seen=START,
                last_seen=START + 90_000_000_000,
                status="partial",
                notes=(
                    Text(
                        ja="1,501 番目のパケットの途中で終わっています。",
                        en="It ends within packet 1,501.",
                    ),
                ),
            ),
            InputRead(path="メモ.txt", kind="capture", format="unknown", size=12, status="refused"),
        ),
        coverage=Coverage(
            packets=1_500,
            bytes=400_000,
            flows=42,
            decoded=1_490,
            not_decoded={"unsupported link type": 7, "encrypted wireless frame": 3},
            duplicates=12,
            opened=3,
            not_opened=1,
            unknown_endpoints=1,
            zones_observed=("internet", "lgwan"),
            zones_not_observed=("mynumber",),
            unverifiable=(
                Unverifiable(
                    rule="ZG-C01",
                    reason=Text(
                        ja="マイナンバー利用事務系が観測されていないため、検証できません。",
                        en="The My Number zone was not observed, so this cannot be verified.",
                    ),
                ),
            ),
        ),
        summary=Summary(
            findings=len(live),
            by_severity={
                one: sum(f.severity is one for f in live)
                for one in Severity
                if any(f.severity is one for f in live)
            },
            by_verdict={
                one: sum(f.verdict is one for f in live)
                for one in Verdict
                if any(f.verdict is one for f in live)
            },
            exit_code=ExitCode.FINDINGS if live else ExitCode.CLEAN,
            waived=len(findings) - len(live),
        ),
        matrix=(
            MatrixCell(
                orig="lgwan",
                resp="internet",
                allowed_flows=2,
                observed_flows=39,
                observed_packets=300,
                observed_bytes=54_322,
                violations=0,
            ),
            MatrixCell(
                orig="internet",
                resp="lgwan",
                allowed_flows=0,
                observed_flows=3,
                observed_packets=1_200,
                observed_bytes=345_678,
                violations=3,
            ),
        ),
        findings=findings,
    )
