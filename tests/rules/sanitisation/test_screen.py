"""Screen sessions that were opened, and their volume."""

from dataclasses import replace

from tests.rules.building import DAY, LG, SECOND, VDI, allowed, city, end, judged, only, opened, talk
from zoneguard.dissect.record import ScreenSeen, Sight, Spoken, TlsSeen
from zoneguard.findings.finding import Verdict
from zoneguard.net.flow import Payload
from zoneguard.policy.model import FlowKind
from zoneguard.rules.choosing import Ask
from zoneguard.rules.evidence import Decision

RDP = allowed("A-SCR", end("lgwan"), end("internet"), 3389, kind=FlowKind.SCREEN)
POLICY = city(replace(RDP, protocol="rdp"))
SESSION = talk(
    LG,
    VDI,
    3389,
    decision=Decision.ALLOWED,
    allowed_by="A-SCR",
    orig_payload=Payload.RDP,
    resp_payload=Payload.RDP,
)


def screen(conversation=SESSION, **seen):
    return opened(conversation, ask=Ask.SCREEN, **seen)


def test_an_rdp_opening_proves_the_screen_protocol():
    look = screen(spoken=Spoken.RDP, screen=ScreenSeen(protocol=Spoken.RDP, security="credssp"))
    assert judged(SESSION, policy=POLICY, looks=(look,), opened=True) == ()


def test_another_protocol_on_the_screen_port_is_a_violation():
    odd = replace(SESSION, orig_payload=Payload.OTHER, resp_payload=Payload.OTHER)
    finding = only(odd, policy=POLICY, looks=(screen(odd, spoken=Spoken.SMB),), opened=True)
    assert (finding.rule, finding.verdict) == ("ZG-B02", Verdict.VIOLATED)
    assert "what is spoken there is smb" in finding.message.en


def test_an_opened_session_that_speaks_as_declared_is_not_for_review_for_its_first_octets():
    odd = replace(SESSION, orig_payload=Payload.OTHER)
    assert only(odd, policy=POLICY).verdict is Verdict.REVIEW
    assert judged(odd, policy=POLICY, looks=(screen(odd, spoken=Spoken.RDP),), opened=True) == ()


def test_tls_from_the_first_octet_is_consistent_and_not_proof():
    sealed = replace(SESSION, orig_payload=Payload.TLS_CLIENT, resp_payload=Payload.TLS_SERVER)
    look = screen(sealed, spoken=Spoken.TLS, tls=TlsSeen(server_name="vdi.example"))
    finding = only(sealed, policy=POLICY, looks=(look,), opened=True)
    assert (finding.rule, finding.verdict) == ("ZG-B02", Verdict.UNVERIFIABLE)
    assert "consistent with rdp" in finding.message.en


def test_a_shared_drive_seen_in_the_opening_is_for_review():
    look = screen(
        spoken=Spoken.RDP,
        screen=ScreenSeen(protocol=Spoken.RDP, security="rdp", channels=("rdpdr", "rdpsnd")),
    )
    finding = only(SESSION, policy=POLICY, looks=(look,), opened=True)
    assert (finding.name, finding.verdict) == ("screen-port-misuse-rdpdr", Verdict.REVIEW)


def test_a_session_that_sends_much_and_receives_little_is_for_review():
    much = replace(SESSION, bytes=500 << 20, orig_bytes=480 << 20, last_seen=DAY + 600 * SECOND)
    finding = only(much, policy=POLICY)
    assert (finding.rule, finding.verdict) == ("ZG-B03", Verdict.REVIEW)
    assert judged(replace(much, orig_bytes=20 << 20), policy=POLICY) == ()


def test_a_declared_bound_takes_the_place_of_the_usual_one():
    much = replace(SESSION, bytes=500 << 20, orig_bytes=480 << 20)
    wide = city(replace(RDP, protocol="rdp", most_upload=600 << 20))
    assert judged(much, policy=wide) == ()
    narrow = city(replace(RDP, protocol="rdp", most_upload=1 << 20))
    assert only(replace(much, orig_bytes=2 << 20), policy=narrow).rule == "ZG-B03"


def test_nothing_seen_of_a_udp_side_channel_says_nothing():
    side = replace(SESSION, protocol=17, service="udp/3389")
    assert judged(side, policy=POLICY, looks=(screen(side, sight=Sight.NOTHING),), opened=True) == ()


def test_another_protocol_is_found_where_many_terminals_were_gathered_into_one_line():
    gathered = replace(SESSION, orig=replace(SESSION.orig, address="40 addresses"), peers=40, flows=400)
    look = screen(SESSION, spoken=Spoken.SMB)
    (finding,) = judged(gathered, policy=POLICY, looks=(look,), opened=True)
    assert (finding.rule, finding.orig.address) == ("ZG-B02", LG)
