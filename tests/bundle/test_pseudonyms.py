"""Pseudonyms: laws of the mapping, and that nothing of the original is left in a bundle for others."""

from __future__ import annotations

import io
import json
import re
import subprocess
import zipfile
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report.sample import WAIVED, sample
from zoneguard.bundle.concealing import conceal
from zoneguard.bundle.evidence import Evidence
from zoneguard.bundle.pseudonyms import PrefixCipher, Pseudonyms
from zoneguard.cli import main
from zoneguard.errors import ExitCode
from zoneguard.findings.finding import AppliedWaiver, LineLocator, Party
from zoneguard.net.address import is_link_scope, is_public, number_of
from zoneguard.policy.load import load_policy
from zoneguard.report.contract import faults
from zoneguard.report.json import report_document
from zoneguard.report.model import Unverifiable
from zoneguard.text import Text

ROOT = Path(__file__).parents[2]
KEY = bytes(range(7, 39))  # under which no pseudonym happens to be the original of something else
NAMES = Pseudonyms(KEY, roles={})
# The key and the first lines of the sample trace that the authors of Crypto-PAn distribute with it.
AUTHORS_KEY = bytes([
    21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16,
    216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2,
])  # fmt: skip
AUTHORS = {
    "128.11.68.132": "135.242.180.132",
    "129.118.74.4": "134.136.186.123",
    "130.132.252.244": "133.68.164.234",
}
STORIES = ("story-02-screen-reversed", "story-08-vxlan-smb", "story-10-dual-homed", "e04-rogue-router",
           "e04-rogue-dhcp", "e02-unmanaged-address", "g01-dns-leak", "f03-ipv6-leak", "story-05b-tokutei-other-mac")  # fmt: skip


def addresses():
    private = st.sampled_from(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"])
    inside = private.flatmap(lambda text: st.ip_addresses(network=text))
    return st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6), inside)


@pytest.mark.parametrize(("address", "expected"), AUTHORS.items())
def test_without_kept_ranges_the_mapping_is_that_of_the_authors(address, expected):
    cipher = PrefixCipher(AUTHORS_KEY, width=32, kept=(), whole=())
    assert IPv4Address(cipher.map(int(IPv4Address(address)))) == IPv4Address(expected)


@given(addresses(), st.integers(0, 127), st.integers(0, (1 << 128) - 1))
def test_addresses_that_share_a_prefix_share_it_afterwards_and_no_more(address, at, noise):
    width = address.max_prefixlen
    turned = int(address) ^ (1 << (width - 1) | noise & ((1 << (width - 1)) - 1)) >> at % width
    other = type(address)(turned)
    one, two = NAMES.address(address), NAMES.address(other)

    def shared(a, b):
        return width - (int(a) ^ int(b)).bit_length()

    whole = {address, other} & {one, two}
    if not whole:
        assert shared(one, two) == shared(address, other)
    assert (one == two) == (address == other)


@given(addresses())
def test_an_address_stays_what_it_is_public_private_or_of_its_link(address):
    before, after = number_of(address), number_of(NAMES.address(address))
    assert is_public(after) == is_public(before)
    assert is_link_scope(after) == is_link_scope(before)


@given(addresses(), st.integers(0, 128))
def test_an_address_of_a_network_lies_in_the_pseudonym_of_that_network(address, length):
    network = ip_network((int(address), min(length, address.max_prefixlen)), strict=False) \
        if address.version == 4 else ip_network((address.packed, min(length, 128)), strict=False)  # fmt: skip
    assert NAMES.address(address) in NAMES.network(network)


@given(st.integers(0, (1 << 48) - 1))
def test_a_mac_becomes_a_local_one_and_groups_stay_groups(mac):
    made = NAMES.mac(mac)
    if mac not in (0, (1 << 48) - 1):
        assert made >> 41 & 1
        assert made >> 40 & 1 == mac >> 40 & 1


def test_another_key_gives_other_pseudonyms():
    other = Pseudonyms(bytes(32), roles={})
    assert other.address(IPv6Address("2001:db8::1")) != NAMES.address(IPv6Address("2001:db8::1"))
    assert other.name("zone", "lgwan") != NAMES.name("zone", "lgwan")


def check(bundle, key, *evidence, tmp_path, policy=ROOT / "zones.yaml", lang="ja"):
    return main.run([
        "check", *map(str, evidence), "--policy", str(policy), "--today", "2026-11-23", "--lang", lang,
        "--bundle", str(bundle), "--output", str(tmp_path / "out"), *(["--pseudonymise", str(key)] if key else []),
    ])  # fmt: skip


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "city.key"
    path.touch(0o600)
    path.write_text(f"zoneguard-pseudonym-key/1 {KEY.hex()}\n")
    return path


def test_nothing_of_the_original_is_left(tmp_path, key, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1775001600")
    policy_file = tmp_path / "zones.yaml"
    waiver = (
        "waivers:\n  - {id: W-SECRET, rule: ZG-A05, owner: 田中一郎, reason: 更改まで, until: 2027-03-31}\n"
    )
    text = (ROOT / "zones.yaml").read_text("utf-8")
    assert "\nwaivers: []\n" in text
    policy_file.write_text(text.replace("waivers: []\n", waiver), "utf-8")
    evidence = [*(ROOT / f"captures/{name}.pcap" for name in STORIES), ROOT / "exports/fortios/mistakes.conf"]
    plain, hidden = tmp_path / "plain", tmp_path / "hidden"
    for bundle, with_key in ((plain, None), (hidden, key)):
        assert check(bundle, with_key, *evidence, tmp_path=tmp_path, policy=policy_file) == ExitCode.FINDINGS
    assert main.run(["report", "verify", str(hidden)]) == ExitCode.CLEAN

    # Findings and frames keep their numbers: by them the city reads what a vendor answers.
    told = [json.loads((one / "report.json").read_text("utf-8"))["findings"] for one in (plain, hidden)]
    assert [one["rule"] for one in told[0]] == [one["rule"] for one in told[1]]
    frames = [
        json.loads((one / "manifest.json").read_text("utf-8"))["evidence"]["frames"]
        for one in (plain, hidden)
    ]
    assert [(one["original"], one["time"]) for one in frames[0]] == [
        (one["original"], one["time"]) for one in frames[1]
    ]
    report = json.loads((plain / "report.json").read_text("utf-8"))
    known = load_policy(policy_file)
    secrets = {
        known.organization.ja,
        known.organization.en,
        "田中一郎",
        "W-SECRET",
        "更改まで",
        str(key),
        KEY.hex(),
    }
    secrets |= {flow.id for flow in known.flows} | {gateway.id for gateway in known.gateways}
    secrets |= {device.id for device in known.devices} | {zone.name.ja for zone in known.zones}
    secrets |= {zone.id for zone in known.zones} - {zone.role for zone in known.zones}
    secrets |= {flow.approval.number for flow in known.flows if flow.approval and flow.approval.number}
    secrets |= {flow.approval.reason for flow in known.flows if flow.approval and flow.approval.reason}
    secrets |= {flow.approval.by for flow in known.flows if flow.approval and flow.approval.by}
    secrets |= {one["fingerprint"] for one in report["findings"]} | {report["policy"]["sha256"]}
    secrets |= {one["sha256"] for one in report["inputs"]} | {
        Path(one["path"]).stem for one in report["inputs"]
    }
    secrets |= {where["text"] for one in report["findings"] for where in one["locators"] if "text" in where}
    # What the ministry calls its zones stands in the catalogue, and says nothing of this city.
    public = json.dumps([report["rules"], [one["clauses"] for one in report["findings"]]], ensure_ascii=False)
    secrets = {one for one in secrets if one not in public}
    assert len(secrets) > 60
    plain_text = "".join(
        (plain / name).read_text("utf-8")
        for name in ("report.json", "report.txt", "policy.yaml", "manifest.json")
    )
    macs = set(re.findall(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", plain_text))
    found = {one for one in re.findall(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])", plain_text) if _is(one)}
    found |= {
        one for one in re.findall(r"[0-9a-f:]*:[0-9a-f:]*[0-9a-f]", plain_text) if _is(one) and "::" in one
    }
    kept = {one for one in found if NAMES.address(ip_address(one)) == ip_address(one)}
    assert kept <= {"255.255.255.255", "ff02::1", "ff02::2", "ff02::fb", "224.0.0.251", "0.0.0.0"}
    assert len(found) > 30
    assert len(macs) > 10
    octets = b"".join(one.read_bytes() for one in sorted(hidden.iterdir()))
    told = octets.decode("utf-8", "replace")
    for one in sorted(secrets | macs):
        assert one not in told, one
    for one in sorted(found - kept):
        assert not re.search(rf"(?<![\d.a-f:]){re.escape(one)}(?![\d.a-f:])", told), one
    capture = (hidden / "evidence.pcapng").read_bytes()
    for one in found - kept:
        assert ip_address(one).packed not in capture, one
    for one in macs:
        assert bytes.fromhex(one.replace(":", "")) not in capture, one


def _is(text):
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def test_report_policy_and_evidence_use_the_same_pseudonyms(tmp_path, key):
    evidence = ROOT / "captures/story-02-screen-reversed.pcap"
    bundle = tmp_path / "bundle"
    assert check(bundle, key, evidence, tmp_path=tmp_path) == ExitCode.FINDINGS
    report = json.loads((bundle / "report.json").read_text("utf-8"))
    finding = next(one for one in report["findings"] if one["rule"] == "ZG-A05")
    assert finding["orig"]["address"] == str(NAMES.address(ip_address("192.168.10.21")))
    policy = load_policy(bundle / "policy.yaml")
    zone = policy.zone(finding["zones"]["orig"])
    assert zone.id.startswith("internet-")
    assert any(ip_address(finding["orig"]["address"]) in segment.network for segment in zone.segments)
    assert finding["allowed_by"] in {flow.id for flow in policy.flows}
    fields = [word for name in ("ip.src", "ip.dst", "eth.src") for word in ("-e", name)]
    ran = subprocess.run(
        ["tshark", "-r", bundle / "evidence.pcapng", "-T", "fields", *fields],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert ran.stdout.split("\n")[0].split("\t") == [
        finding["orig"]["address"], finding["resp"]["address"], finding["orig"]["mac"]
    ]  # fmt: skip


def test_the_policy_under_pseudonyms_lints_for_every_model(tmp_path, key):
    for name in ("zones-alpha-prime", "zones-beta", "zones-beta-prime"):
        bundle = tmp_path / f"{name}.zip"
        code = check(bundle, key, ROOT / "captures/g01-dns-leak.pcap", tmp_path=tmp_path,
                     policy=ROOT / f"captures/{name}.yaml")  # fmt: skip
        assert code in (ExitCode.FINDINGS, ExitCode.INCONCLUSIVE, ExitCode.CLEAN)
        with zipfile.ZipFile(io.BytesIO(bundle.read_bytes())) as archive:
            (tmp_path / "told.yaml").write_bytes(archive.read("policy.yaml"))
        before, after = load_policy(ROOT / f"captures/{name}.yaml"), load_policy(tmp_path / "told.yaml")
        assert [len(zone.segments) for zone in after.zones] == [len(zone.segments) for zone in before.zones]
        assert [flow.services for flow in after.flows] == [flow.services for flow in before.flows]


def test_the_key_is_made_once_for_its_owner_alone_and_used_again(tmp_path):
    key = tmp_path / "new.key"
    evidence = ROOT / "captures/story-02-screen-reversed.pcap"
    for name in ("a", "b"):
        check(tmp_path / name, key, evidence, tmp_path=tmp_path)
    assert key.stat().st_mode & 0o777 == 0o600
    reports = [json.loads((tmp_path / name / "report.json").read_text("utf-8")) for name in ("a", "b")]
    assert reports[0]["findings"] == reports[1]["findings"]


@pytest.mark.parametrize(("text", "mode"), [("not a key", 0o600), (KEY.hex(), 0o600), (None, 0o644)])
def test_a_key_that_is_none_or_that_others_may_read_is_refused(text, mode, key, tmp_path, capfd):
    if text is not None:
        key.write_text(text)
    key.chmod(mode)
    code = check(tmp_path / "b", key, ROOT / "captures/g01-dns-leak.pcap", tmp_path=tmp_path, lang="en")
    assert code == ExitCode.REFUSED
    assert "cannot be used as a key file" in capfd.readouterr().err
    assert not (tmp_path / "b").exists()


def test_a_key_without_a_bundle_is_2_and_originals_need_the_whole_bundle(tmp_path, key, capfd):
    capture = ROOT / "captures/g01-dns-leak.pcap"
    assert main.run(["check", str(capture), "--pseudonymise", str(key)]) == ExitCode.USAGE
    check(tmp_path / "b", key, capture, tmp_path=tmp_path)
    assert (
        main.run(["report", "verify", str(tmp_path / "b"), "--original", str(capture), "--lang", "en"])
        == ExitCode.REFUSED
    )
    assert "A pseudonymised bundle cannot be held against" in capfd.readouterr().err


HOSTILE = (
    "\u202eevil",
    "=cmd|calc",
    "\x1b[31mred",
    "'; DROP TABLE",
    "<script>",
    "../../etc/passwd",
    "秘密の部署",
    "192.0.2.1-192.0.2.9",
)


def test_whatever_stands_in_a_field_is_replaced_and_the_contract_still_holds():
    policy = (ROOT / "zones.yaml").read_bytes()
    for word in HOSTILE:
        party = Party(zone=word, address=word, mac=word, port=1, vlan=1)
        finding = replace(
            WAIVED, orig=party, resp=party, device=word, line=word, service=word, allowed_by=word, title=_both(word),
            message=_both(word), remedy=_both(word), locators=(LineLocator(file=word, line=1, text=word),),
            waiver=AppliedWaiver(id=word, owner=word, reason=word, until="2027-03-31"),
        )  # fmt: skip
        report = sample("ja", findings=(finding,))
        report = replace(
            report,
            inputs=tuple(replace(one, path=word, notes=(_both(word),)) for one in report.inputs),
            coverage=replace(
                report.coverage,
                zones_observed=(word,),
                unverifiable=(Unverifiable(rule="ZG-A05", reason=_both(word)),),
            ),
            matrix=tuple(replace(one, orig=word, resp=word) for one in report.matrix),
            policy=replace(report.policy, path=word, organization=_both(word)),
            absent=(finding,),
        )
        concealed, _, _ = conceal(report, policy, Evidence(frames=(), missing=()), KEY)
        document = report_document(concealed)
        assert list(faults(document)) == []
        told = json.dumps(document, ensure_ascii=False)
        assert word not in told
        assert json.dumps(word)[1:-1] not in told


def _both(word):
    return Text(ja=word, en=word)
