"""`zoneguard policy init` from evidence: what is proposed, what is asked, what is held back."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from zoneguard.api.initiating import propose
from zoneguard.cli.policy import policy
from zoneguard.errors import InputRefusedError, UsageError
from zoneguard.policy.load import load_policy, parse_policy
from zoneguard.policy.model import Role

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "captures"
EXPORTS = ROOT / "exports"
FORTIGATE = EXPORTS / "fortios" / "clean.conf"
DAY = CAPTURES / "normal-day-alpha.pcapng"
WITH_INTERFACES = [
    path
    for path in sorted(EXPORTS.rglob("clean.*"))
    if path.parent.name != "azure"  # its export names no interface with an address
]


def proposed(*, exports=(), captures=(), sheet=None, model=None, lang="en"):
    text = propose(
        model=model,
        exports=[str(one) for one in exports],
        captures=[str(one) for one in captures],
        sheet=None if sheet is None else str(sheet),
        lang=lang,
    )
    return text, parse_policy(text.encode(), "zones.yaml")


def zones(policy):
    return {
        zone.id: (zone.role, {str(one.network): one.vlan for one in zone.segments}) for zone in policy.zones
    }


def comments(text):
    return [line.strip() for line in text.splitlines() if line.strip().startswith("#")]


def run(*words, lang="en"):
    return CliRunner().invoke(
        policy, [str(word) for word in words], obj=SimpleNamespace(lang=lang), catch_exceptions=True
    )


def test_a_capture_and_an_export_give_a_first_report_in_three_commands_and_a_minute(tmp_path):
    started = time.monotonic()
    for words, code in (
        (["policy", "init", "--from-export", FORTIGATE, "--from-capture", DAY], 0),
        (["policy", "lint"], 0),
        (["check", DAY, FORTIGATE, "--output", "report.txt"], 1),
    ):
        command = [sys.executable, "-c", "from zoneguard.cli.main import main; main()", *map(str, words)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
    assert time.monotonic() - started < 60
    assert "Between the zones" in (tmp_path / "report.txt").read_text("utf-8")


@pytest.mark.parametrize("path", WITH_INTERFACES, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_export_of_every_vendor_gives_a_policy_that_lints(path, lang):
    _, policy = proposed(exports=[path], lang=lang)
    assert policy.devices
    assert all(zone.to_decide for zone in policy.zones)


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.pcap*")), ids=lambda path: path.stem)
def test_every_sample_capture_gives_a_policy_that_lints_and_allows_nothing(path):
    try:
        text, policy = proposed(captures=[path])
    except InputRefusedError as error:  # nothing but IPv6: no range can be proposed, and that is said
        assert "names no range of addresses" in error.faults[0].en  # noqa: PT017
        return
    assert policy.flows == ()
    assert "flows: []" in text
    assert all(zone.to_decide and zone.role is Role.OTHER for zone in policy.zones)


def test_an_export_gives_zones_and_a_capture_their_vlans():
    _, policy = proposed(exports=[FORTIGATE], captures=[DAY])
    told = zones(policy)
    assert told["lgwan"] == (Role.LGWAN, {"172.16.10.0/24": 210, "172.16.20.0/22": 220})
    assert told["internet"] == (
        Role.INTERNET,
        {"192.168.10.0/26": 310, "192.168.20.0/22": 320, "192.168.250.0/27": 350},
    )
    assert told["border"] == (Role.BORDER, {"172.16.251.0/29": 251, "192.168.251.0/29": 351})
    assert told["vlan-110"] == (Role.OTHER, {"10.10.10.0/24": 110})
    assert dict(policy.devices[0].interfaces) == {"port1": "lgwan", "port2": "internet", "port3": "border"}


def test_what_is_behind_a_router_in_a_vlan_of_its_own_is_one_zone():
    _, policy = proposed(captures=[DAY])
    _, segments = zones(policy)["vlan-290"]
    assert segments["10.200.1.0/24"] == 290
    assert not any(zone.id.startswith("net-10-200") for zone in policy.zones)


def test_nothing_dangerous_is_proposed_and_each_is_told_with_its_reason():
    text, policy = proposed(exports=[FORTIGATE], captures=[CAPTURES])
    pairs = {(policy.role(one.source.zone), policy.role(one.destination.zone)) for one in policy.proposed}
    assert pairs
    assert not {(Role.LGWAN, Role.INTERNET), (Role.INTERNET, Role.LGWAN)} & pairs
    assert not any(Role.MYNUMBER in pair or Role.OTHER in pair for pair in pairs)
    ports = {service.ports[0] for flow in policy.proposed for service in flow.services}
    assert not {22, 23, 161, 445, 1080, 3389, 4789, 5900, 51820} & ports
    assert not any(service.protocol == 47 for flow in policy.proposed for service in flow.services)
    told = "\n".join(comments(text))
    for words in ("are divided", "remote control", "clear text", "file sharing", "directly"):
        assert words in told, words


def test_a_flow_of_a_zone_without_a_role_is_a_comment_until_the_role_is_decided():
    text, policy = proposed(exports=[FORTIGATE], captures=[DAY])
    held = re.findall(r"^  #- id: (OBS-\d+)$", text, re.MULTILINE)
    assert held
    assert not {flow.id for flow in policy.proposed} & set(held)
    uncommented = re.sub(r"^  #(- id|  [a-z])", r"  \1", text, flags=re.MULTILINE)
    assert set(held) <= {flow.id for flow in parse_policy(uncommented.encode(), "zones.yaml").proposed}


def test_a_my_number_interface_never_leads_to_a_proposal(tmp_path):
    export = tmp_path / "fw.conf"
    export.write_text(
        FORTIGATE.read_text("utf-8").replace(
            "config system admin\n",
            'config system interface\n    edit "port4"\n        set vdom "root"\n'
            '        set ip 10.10.10.254 255.255.255.0\n        set alias "マイナンバー"\n    next\nend\n'
            "config system admin\n",
        ),
        "utf-8",
    )
    text, policy = proposed(exports=[export], captures=[CAPTURES / "a01-mynumber-crossing.pcap", DAY])
    assert policy.role("mynumber") is Role.MYNUMBER
    assert not any("mynumber" in (one.source.zone, one.destination.zone) for one in policy.proposed)
    assert any("the My Number zone is isolated" in line for line in comments(text))


def test_with_a_model_what_zones_owe_follows_from_it():
    text, policy = proposed(exports=[FORTIGATE], model="alpha")
    assert "separations:" not in re.sub(r"#.*", "", text)
    assert any({"lgwan", "internet"} == set(one.between) for one in policy.separations)


def test_names_that_speak_of_two_roles_choose_none(tmp_path):
    export = tmp_path / "fw.conf"
    text = FORTIGATE.read_text("utf-8").replace('"LGWAN"', '"LGWAN-INTERNET"').replace("LGWAN接続系", "")
    export.write_text(text, "utf-8")
    _, policy = proposed(exports=[export])
    odd = next(
        zone for zone in policy.zones if "172.16.20.0/22" in {str(one.network) for one in zone.segments}
    )
    assert odd.role is Role.OTHER
    assert "several roles" in odd.to_decide


def test_the_comments_are_in_the_language_of_the_run():
    text, _ = proposed(exports=[FORTIGATE], captures=[DAY], lang="ja")
    assert "観測:" in text
    assert "seen:" not in text


def test_the_same_input_gives_the_same_bytes():
    assert (
        proposed(exports=[FORTIGATE], captures=[DAY])[0] == proposed(exports=[FORTIGATE], captures=[DAY])[0]
    )


def test_hostile_names_stay_values_and_comments(tmp_path):
    export = tmp_path / "fw.conf"
    evil = "x\u2028y: {role: lgwan} # \u202e\u001b[2J'}]"
    export.write_text(FORTIGATE.read_text("utf-8").replace('"LGWAN"', f'"{evil}"'), "utf-8")
    text, policy = proposed(exports=[export], captures=[DAY])
    assert all(char.isprintable() or char in "\n\u3000" for char in text)
    assert len(policy.zones) == len(proposed(exports=[FORTIGATE], captures=[DAY])[1].zones)


def test_init_never_overwrites_nor_leaves_a_draft_behind(tmp_path):
    file = tmp_path / "zones.yaml"
    assert run("init", "--from-export", FORTIGATE, "--output", file).exit_code == 0
    before = file.read_bytes()
    refused = run("init", "--from-export", FORTIGATE, "--output", file).exception
    assert isinstance(refused, UsageError)
    assert file.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["zones.yaml"]
    assert load_policy(file).devices


def test_init_without_anything_says_what_to_give(tmp_path):
    file = tmp_path / "zones.yaml"
    assert "Give one of" in run("init", "--output", file).exception.faults[0].en
    sheet_only = run("init", "--from-sheet", EXPORTS / "csv" / "clean.csv", "--output", file).exception
    assert "does not tell the zones" in sheet_only.faults[0].en


def test_what_is_no_export_is_refused_with_its_name(tmp_path):
    (tmp_path / "letter.txt").write_text("拝啓\n", "utf-8")
    refused = run("init", "--from-export", tmp_path / "letter.txt", "--output", tmp_path / "z").exception
    assert isinstance(refused, InputRefusedError)
    assert "letter.txt" in refused.faults[0].en
    assert not (tmp_path / "z").exists()


def test_a_run_by_zones_that_nobody_confirmed_is_never_clean(tmp_path):
    file = tmp_path / "zones.yaml"
    text = (ROOT / "zones.yaml").read_text("utf-8")
    said = {}
    for name, content in (
        ("decided", text),
        ("open", text.replace("    role: other\n", "    role: other\n    to_decide: Is it ours?\n")),
    ):
        file.write_text(content, "utf-8")
        command = [sys.executable, "-c", "from zoneguard.cli.main import main; main()", "check", str(DAY)]
        words = ["--policy", str(file), "--today", "2026-11-16", "--lang", "en"]
        done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
        said[name] = done.returncode, done.stderr
    assert said["decided"] == (0, "")
    assert said["open"][0] == 4
    assert "still to decide: 1;" in said["open"][1]


def test_lint_lists_what_is_to_decide_and_can_insist(tmp_path):
    file = tmp_path / "zones.yaml"
    run("init", "--from-export", FORTIGATE, "--from-capture", DAY, "--output", file)
    told = run("lint", file)
    assert told.exit_code == 0
    assert "still to decide: 18" in run("lint", file).output
    assert run("lint", "--decided", file).exit_code == 4
    assert run("lint", "--decided", ROOT / "zones.yaml").exit_code == 0


def test_a_route_to_what_is_connected_elsewhere_is_no_claim(tmp_path):
    export = tmp_path / "fw.conf"
    text = FORTIGATE.read_text("utf-8")
    back = '    edit 3\n        set dst 192.168.10.0 255.255.255.192\n        set device "port1"\n    next\nend\n'
    assert text.endswith("    next\nend\n")
    export.write_text(text.removesuffix("end\n") + back, "utf-8")
    told = zones(proposed(exports=[export])[1])
    assert "192.168.10.0/26" in told["internet"][1]
    assert "192.168.10.0/26" not in told["lgwan"][1]


def test_an_interface_whose_name_tells_nothing_joins_the_zone_it_shares_a_network_with(tmp_path):
    router = tmp_path / "rtx.txt"
    router.write_text(
        "# RTX1220 Rev.15.04.04\nip lan1 address 172.16.10.253/24\nip lan2 address 10.9.0.1/24\n", "utf-8"
    )
    told = zones(proposed(exports=[FORTIGATE, router])[1])
    assert told["lan2"] == (Role.OTHER, {"10.9.0.0/24": None})
    assert "lan1" not in told
