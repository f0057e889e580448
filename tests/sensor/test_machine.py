"""The sensor's machine by playbook: an event goes in, these commands come out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.sensor.building import (
    CONFIG,
    NOON,
    OTHER_POLICY,
    POLICY,
    SECOND,
    TEN_MINUTES_EACH_HOUR,
    at,
    config,
)
from zoneguard.errors import ExitCode
from zoneguard.sensor import events as ev
from zoneguard.sensor.commands import (
    AdoptConfig,
    AdoptPolicy,
    Announce,
    BeginPeriod,
    Blind,
    Blindness,
    CloseRing,
    Commit,
    Drain,
    Judge,
    Notify,
    OpenRing,
    PauseHistory,
    Prune,
    ReadFile,
    Reload,
    ReopenRing,
    ResumeHistory,
    Say,
    Stop,
    WriteStatus,
)
from zoneguard.sensor.config import Interface, Recurrence
from zoneguard.sensor.events import Link
from zoneguard.sensor.folder import File
from zoneguard.sensor.machine import DRAIN, PATIENCE, next_wake, step
from zoneguard.sensor.state import Phase, State
from zoneguard.text import Text

WHY = Text(ja="理由", en="a reason")
MISTAKE = Text(ja="誤り", en="a mistake")


class Play:
    """A machine being played with: each call gives the commands, without what is only said."""

    def __init__(self):
        self.state = State()
        self.stepped = 0
        self.said = []

    def __call__(self, event, seconds):
        self.state, commands = step(self.state, event, at(seconds, stepped=self.stepped))
        self.said = [c for c in commands if isinstance(c, Say | Announce)]
        return [c for c in commands if not isinstance(c, Say | Announce | WriteStatus)]

    def announced(self):
        return [(c.key, c.over) for c in self.said if isinstance(c, Announce)]


def started(settings=CONFIG, policy=POLICY, seconds=0) -> Play:
    play = Play()
    play(ev.Started(), seconds)
    play(ev.ConfigRead(config=settings), seconds)
    play(ev.PolicyRead(policy=policy), seconds)
    for interface in settings.interfaces:
        if play.state.phase is Phase.WATCHING:
            play(ev.RingOpened(interface=interface.name), seconds)
    return play


def only(kind, commands):
    return [command for command in commands if isinstance(command, kind)]


def test_a_start_reads_both_files_then_opens_the_rings_and_is_ready():
    play = Play()
    assert play(ev.Started(), 0) == [Reload()]
    assert play(ev.ConfigRead(config=CONFIG), 1) == []
    commands = play(ev.PolicyRead(policy=POLICY), 2)
    assert commands[0] == AdoptConfig(config=CONFIG)
    assert commands[1] == AdoptPolicy(policy=POLICY)
    assert commands[2:] == [
        BeginPeriod(period="2026-11-24"),
        Prune(),
        OpenRing(interface=CONFIG.interfaces[0]),
    ]
    (ready,) = play(ev.RingOpened(interface="eth1"), 3)
    assert ready.words == ("READY=1",)
    assert play(ev.Tick(), 4) == []


@pytest.mark.parametrize(
    "refusal", [ev.PolicyRefused(faults=(MISTAKE,)), ev.ConfigRefused(faults=(MISTAKE,))]
)
def test_a_start_with_mistakes_ends_with_their_exit_code(refusal):
    play = Play()
    play(ev.Started(), 0)
    good = (
        ev.ConfigRead(config=CONFIG)
        if isinstance(refusal, ev.PolicyRefused)
        else ev.PolicyRead(policy=POLICY)
    )
    play(good, 0)
    assert play(refusal, 0) == [Stop(code=ExitCode.REFUSED)]
    assert [c.text for c in play.said] == [MISTAKE]


def test_every_window_is_judged_and_committed_and_the_next_begins_where_it_ended():
    play = started()
    judged, commit = play(ev.Tick(), 60)
    assert judged.window.begun == at(0)
    assert judged.window.ended == at(60)
    assert (judged.window.number, judged.window.policy, judged.final) == (1, POLICY.sha256, False)
    assert commit == Commit(numbers=(1,), attempt=1)
    play(ev.Committed(through=1), 61)
    assert only(Judge, play(ev.Tick(), 120))[0].window.begun == at(60)


def test_nothing_is_judged_before_the_window_ends():
    play = started()
    assert play(ev.Tick(), 59) == []
    assert next_wake(play.state) == at(60).mono


def test_a_failed_commit_is_tried_again_and_nothing_is_judged_meanwhile():
    play = started()
    play(ev.Tick(), 60)
    assert play(ev.StoreFailed(reason=WHY), 60) == []
    assert play.announced() == [("store", False)]
    assert play(ev.Tick(), 60.5) == []
    assert play(ev.Tick(), 61) == [Commit(numbers=(1,), attempt=2)]
    play(ev.StoreFailed(reason=WHY), 61)
    assert play(ev.Tick(), 150) == [Commit(numbers=(1,), attempt=3)]
    commands = play(ev.Committed(through=1), 151)
    assert play.announced() == [("store", True)]
    assert only(Judge, commands)[0].window.begun == at(60)
    assert only(Judge, commands)[0].window.ended == at(151)


def test_a_store_that_is_back_is_tried_at_once():
    play = started()
    play(ev.Tick(), 60)
    for attempt in range(2, 9):
        play(ev.StoreFailed(reason=WHY), 60)
        assert play(ev.StoreBack(), 60) == [Commit(numbers=(1,), attempt=attempt)]


def test_a_stop_takes_what_is_left_judges_it_commits_it_and_only_then_ends():
    play = started()
    commands = play(ev.StopAsked(), 30)
    assert only(Notify, commands)[0].words == ("STOPPING=1",)
    assert commands[-1] == Drain()
    assert play(ev.StopAsked(), 30) == []
    judged, closed, commit = play(ev.DrainDone(), 31)
    assert judged.final
    assert (judged.window.begun, judged.window.ended) == (at(0), at(31))
    assert (closed, commit) == (CloseRing(interface="eth1"), Commit(numbers=(1,), attempt=1))
    assert play(ev.Committed(through=1), 32)[-1] == Stop(code=ExitCode.CLEAN)
    assert play(ev.Tick(), 33) == []


def test_a_stop_does_not_wait_for_rings_that_never_answer():
    play = started()
    play(ev.StopAsked(), 30)
    assert play(ev.Tick(), 30 + DRAIN / SECOND - 1) == []
    assert only(Judge, play(ev.Tick(), 30 + DRAIN / SECOND))[0].final


def test_a_stop_with_a_store_that_never_answers_says_so_and_ends_with_5():
    play = started()
    play(ev.StopAsked(), 30)
    play(ev.DrainDone(), 30)
    play(ev.StoreFailed(reason=WHY), 30)
    assert only(Stop, play(ev.Tick(), 29 + PATIENCE / SECOND)) == []
    play(ev.StoreFailed(reason=WHY), 29 + PATIENCE / SECOND)
    assert only(Stop, play(ev.Tick(), 31 + PATIENCE / SECOND)) == [Stop(code=ExitCode.LACKING)]
    assert any("could not be committed" in c.text.en for c in play.said)


def test_a_reload_changes_policy_between_two_windows():
    play = started()
    asked = play(ev.ReloadAsked(), 10)
    assert asked == [Notify(words=("RELOADING=1", f"MONOTONIC_USEC={at(10).mono // 1000}")), Reload()]
    play(ev.ConfigRead(config=CONFIG), 11)
    commands = play(ev.PolicyRead(policy=OTHER_POLICY), 11)
    judged, adopted = commands[:2]
    assert (judged.window.policy, judged.window.ended) == (POLICY.sha256, at(11))
    assert adopted == AdoptPolicy(policy=OTHER_POLICY)
    assert only(OpenRing, commands) == []
    assert only(Commit, commands) == [Commit(numbers=(1,), attempt=1)]
    play(ev.Committed(through=1), 12)
    later = only(Judge, play(ev.Tick(), 71))[0].window
    assert (later.begun, later.policy) == (at(11), OTHER_POLICY.sha256)


@pytest.mark.parametrize("bad", ["policy", "config"])
def test_a_broken_policy_or_configuration_never_replaces_a_good_one(bad):
    play = started()
    play(ev.ReloadAsked(), 10)
    new = config(memory=1 << 31)
    if bad == "policy":
        play(ev.ConfigRead(config=new), 11)
        commands = play(ev.PolicyRefused(faults=(MISTAKE,)), 11)
    else:
        play(ev.PolicyRead(policy=OTHER_POLICY), 11)
        commands = play(ev.ConfigRefused(faults=(MISTAKE,)), 11)
    assert [notify.words for notify in only(Notify, commands)] == [("READY=1",)]
    assert only(AdoptConfig | AdoptPolicy | Judge, commands) == []
    assert play.announced() == [("reload", False)]
    assert play.state.config == CONFIG
    assert play.state.policy == POLICY
    assert play.state.refused == (MISTAKE,)
    assert "1 mistakes" in only(Notify, commands)[0].status.en
    play(ev.ReloadAsked(), 20)
    play(ev.ConfigRead(config=CONFIG), 21)
    play(ev.PolicyRead(policy=POLICY), 21)
    assert play.announced() == [("reload", True)]
    assert play.state.refused == ()


def test_a_reload_asked_for_during_a_reload_follows_it():
    play = started()
    play(ev.ReloadAsked(), 10)
    assert play(ev.ReloadAsked(), 10) == []
    play(ev.ConfigRead(config=CONFIG), 11)
    assert Reload() in play(ev.PolicyRead(policy=POLICY), 11)


def test_a_new_interface_is_opened_by_a_reload():
    play = started()
    both = config(interfaces=(*CONFIG.interfaces, Interface(name="eth2", sensor="S2")))
    play(ev.ReloadAsked(), 10)
    play(ev.PolicyRead(policy=POLICY), 10)
    commands = play(ev.ConfigRead(config=both), 10)
    assert only(Judge, commands)[0].window.ended == at(10)
    assert [c.interface.name for c in only(OpenRing, commands)] == ["eth1", "eth2"]


def test_a_link_that_was_down_leaves_a_stated_blind_stretch():
    play = started()
    play(ev.LinkChanged(interface="eth1", link=Link.DOWN), 10)
    assert play.announced() == [("link:eth1", False)]
    assert play(ev.LinkChanged(interface="eth1", link=Link.UP), 25) == []
    assert play.announced() == [("link:eth1", True)]
    window = only(Judge, play(ev.Tick(), 60))[0].window
    assert window.blind == (
        Blind(interface="eth1", begun=at(10).mono, ended=at(25).mono, reason=Blindness.DOWN),
    )


def test_a_deleted_interface_gets_a_new_ring_when_it_is_back():
    play = started()
    assert play(ev.LinkChanged(interface="eth1", link=Link.GONE), 10) == [CloseRing(interface="eth1")]
    play(ev.RingFailed(interface="eth1", reason=WHY), 11)
    assert play(ev.Tick(), 59) == []
    first = only(Judge, play(ev.Tick(), 60))[0].window
    play(ev.Committed(through=1), 61)
    back = play(ev.LinkChanged(interface="eth1", link=Link.UP), 70)
    assert back == [ReopenRing(interface=CONFIG.interfaces[0])]
    play(ev.RingOpened(interface="eth1"), 71)
    second = only(Judge, play(ev.Tick(), 120))[0].window
    stretches = [(b.begun, b.ended, b.reason) for b in (*first.blind, *second.blind)]
    assert stretches == [
        (at(10).mono, at(60).mono, Blindness.GONE),
        (at(60).mono, at(70).mono, Blindness.GONE),
        (at(70).mono, at(71).mono, Blindness.OPENING),
    ]


def test_a_ring_that_cannot_be_opened_is_tried_again():
    play = Play()
    play(ev.Started(), 0)
    play(ev.ConfigRead(config=CONFIG), 0)
    play(ev.PolicyRead(policy=POLICY), 0)
    play(ev.RingFailed(interface="eth1", reason=WHY), 0)
    assert play.announced() == [("ring:eth1", False)]
    assert play(ev.Tick(), 1) == [ReopenRing(interface=CONFIG.interfaces[0])]
    play(ev.RingFailed(interface="eth1", reason=WHY), 1)
    assert play.announced() == []
    assert play(ev.Tick(), 2) == []
    assert play(ev.Tick(), 3) == [ReopenRing(interface=CONFIG.interfaces[0])]
    play(ev.RingOpened(interface="eth1"), 3)
    assert play.announced() == [("ring:eth1", True)]


def test_a_start_without_the_right_to_capture_ends_with_5():
    play = Play()
    play(ev.Started(), 0)
    play(ev.ConfigRead(config=CONFIG), 0)
    play(ev.PolicyRead(policy=POLICY), 0)
    commands = play(ev.RingFailed(interface="eth1", reason=WHY, denied=True), 0)
    assert only(Judge, commands)[0].final
    assert ("READY=1",) not in [notify.words for notify in only(Notify, commands)]
    assert play(ev.Committed(through=1), 0)[-1] == Stop(code=ExitCode.LACKING)


def test_a_right_that_was_given_up_does_not_end_a_sensor_that_hears_elsewhere():
    play = started()
    play(ev.LinkChanged(interface="eth1", link=Link.GONE), 10)
    play(ev.LinkChanged(interface="eth1", link=Link.UP), 11)
    play(ev.RingFailed(interface="eth1", reason=WHY, denied=True), 11)
    assert play.state.phase is Phase.WATCHING


def test_lost_packets_are_counted_in_their_window_and_announced_once_until_it_is_over():
    play = started()
    play(ev.RingLoss(interface="eth1", dropped=5), 10)
    assert play.announced() == [("loss:eth1", False)]
    play(ev.RingLoss(interface="eth1", dropped=7), 20)
    assert play.announced() == []
    assert only(Judge, play(ev.Tick(), 60))[0].window.dropped == (("eth1", 12),)
    play(ev.Committed(through=1), 60)
    assert only(Judge, play(ev.Tick(), 120))[0].window.dropped == ()
    assert play.announced() == [("loss:eth1", True)]


def test_a_step_of_the_wall_clock_neither_ends_nor_lengthens_a_window():
    play = started()
    play(ev.Tick(), 30)
    play.stepped = 3600
    assert play(ev.Tick(), 31) == []
    assert play.announced() == [("clock", False)]
    window = only(Judge, play(ev.Tick(), 60))[0].window
    assert window.ended.mono - window.begun.mono == 60 * SECOND
    assert window.stepped == 3600 * SECOND


def test_a_scheduled_watch_opens_and_closes_the_rings():
    play = started(config(schedule=TEN_MINUTES_EACH_HOUR), seconds=1200)
    assert play.state.phase is Phase.IDLE
    assert next_wake(play.state) <= at(3600).mono
    assert only(OpenRing, play(ev.Tick(), 3600))
    play(ev.RingOpened(interface="eth1"), 3600)
    play(ev.Tick(), 3660)
    play(ev.Committed(through=1), 3661)
    commands = play(ev.Tick(), 4200)
    assert only(Judge, commands)[0].window.ended == at(4200)
    assert only(CloseRing, commands) == [CloseRing(interface="eth1")]
    assert play.state.phase is Phase.IDLE


def test_a_start_inside_a_scheduled_watch_keeps_the_rest_of_it():
    play = started(config(schedule=TEN_MINUTES_EACH_HOUR), seconds=300)
    assert play.state.phase is Phase.WATCHING
    assert only(CloseRing, play(ev.Tick(), 599)) == []
    assert only(CloseRing, play(ev.Tick(), 600))


@pytest.mark.parametrize("stepped", [3600, 1800])
def test_a_watch_over_which_the_clock_stepped_is_kept_late_at_full_length(stepped):
    play = started(config(schedule=TEN_MINUTES_EACH_HOUR), seconds=2400)
    play.stepped = stepped
    assert only(OpenRing, play(ev.Tick(), 2401))
    assert play.state.until == at(3001, stepped=0).mono


def test_a_watch_is_not_repeated_when_the_clock_steps_back():
    play = started(config(schedule=TEN_MINUTES_EACH_HOUR), seconds=3500)
    assert only(OpenRing, play(ev.Tick(), 3600))
    assert only(CloseRing, play(ev.Tick(), 4200))
    play.stepped = -3600
    for seconds in range(4201, 4201 + 6000, 50):
        assert only(OpenRing, play(ev.Tick(), seconds)) == []
    assert only(OpenRing, play(ev.Tick(), 2 * 3600 + 3600))


def test_a_clock_that_was_years_ahead_does_not_keep_the_sensor_idle_for_years():
    play = Play()
    play.stepped = 10 * 365 * 86400
    play(ev.Started(), 1200)
    play(ev.ConfigRead(config=config(schedule=TEN_MINUTES_EACH_HOUR)), 1200)
    play(ev.PolicyRead(policy=POLICY), 1200)
    assert play.state.period.startswith("2036")
    play.stepped = 0
    assert BeginPeriod(period="2026-11-24") in play(ev.Tick(), 1201)
    assert only(OpenRing, play(ev.Tick(), 3600))


def test_a_new_day_begins_the_judgement_anew_between_two_windows():
    play = started(seconds=0)
    play(ev.Tick(), 60)
    play(ev.Committed(through=1), 60)
    midnight = 12 * 3600
    play(ev.Tick(), midnight - 10)
    play(ev.Committed(through=2), midnight - 10)
    commands = play(ev.Tick(), midnight)
    assert commands[0].window.period == "2026-11-24"
    assert commands[1:3] == [BeginPeriod(period="2026-11-25"), Prune()]
    assert only(BeginPeriod, play(ev.Tick(), midnight + 1)) == []
    play.stepped = -3600
    assert only(BeginPeriod, play(ev.Tick(), midnight + 2)) == []


def test_low_disk_stops_what_is_optional_and_says_so_once():
    play = started()
    assert play(ev.DiskLow(free=1 << 20), 10) == [PauseHistory(), Prune()]
    assert play.announced() == [("disk", False)]
    assert play(ev.DiskLow(free=1 << 19), 11) == []
    assert play(ev.DiskOk(), 12) == [ResumeHistory()]
    assert play.announced() == [("disk", True)]


def test_status_is_written_when_asked_for():
    play = started()
    play.state, commands = step(play.state, ev.StatusAsked(), at(5))
    assert WriteStatus() in commands
    assert any("watching" in c.text.en for c in only(Say, commands))


def test_the_watchdog_is_fed_at_half_its_limit():
    play = Play()
    assert Notify(words=("WATCHDOG=1",)) in play(ev.Started(watchdog=20 * SECOND), 0)
    assert play(ev.Tick(), 9) == []
    assert play(ev.Tick(), 10) == [Notify(words=("WATCHDOG=1",))]
    assert next_wake(play.state) == at(20).mono


FILES = tuple(
    File(path=f"/p/{name}.pcap", inode=number, size=9, mtime=NOON) for number, name in enumerate("abc", 1)
)


def test_files_are_read_one_after_the_other_and_committed_with_their_window():
    play = started(config(interfaces=()))
    assert play(ev.FilesSettled(files=FILES[:2]), 10) == [ReadFile(file=FILES[0])]
    assert play(ev.FilesSettled(files=FILES), 11) == []
    assert play(ev.Tick(), 65) == []  # a window ends between files
    commands = play(ev.FileDone(file=FILES[0]), 70)
    assert only(Judge, commands)[0].window.files == FILES[:1]
    assert only(ReadFile, commands) == []  # the commit has to say where the meter stands after the first
    assert only(ReadFile, play(ev.Committed(through=1), 71)) == [ReadFile(file=FILES[1])]
    play(ev.FileRefused(file=FILES[1], faults=(MISTAKE,)), 80)
    assert play.announced() == [("file:/p/b.pcap", False)]
    play(ev.FileDone(file=FILES[2]), 90)
    window = only(Judge, play(ev.Tick(), 140))[0].window
    assert (window.files, window.refused) == (FILES[2:], FILES[1:2])


def test_a_file_that_cannot_be_opened_now_keeps_no_other_waiting_and_does_not_count_as_done():
    play = started(config(interfaces=()))
    play(ev.FilesSettled(files=FILES[:2]), 10)
    assert only(ReadFile, play(ev.FileLeft(file=FILES[0]), 11)) == [ReadFile(file=FILES[1])]
    play(ev.FileDone(file=FILES[1]), 12)
    assert only(Judge, play(ev.Tick(), 60))[0].window.files == FILES[1:2]
    play(ev.Committed(through=1), 60)
    assert only(ReadFile, play(ev.FilesSettled(files=FILES[:1]), 61)) == [ReadFile(file=FILES[0])]


def test_files_wait_in_their_folder_while_the_store_does_not_answer():
    play = started(config(interfaces=()))
    play(ev.Tick(), 60)
    play(ev.StoreFailed(reason=WHY), 60)
    assert play(ev.FilesSettled(files=FILES), 60) == []
    assert play(ev.Tick(), 61) == [Commit(numbers=(1,), attempt=2)]
    assert only(ReadFile, play(ev.Committed(through=1), 62)) == [ReadFile(file=FILES[0])]


def test_a_file_is_not_read_again_though_an_older_list_still_names_it():
    play = started(config(interfaces=()))
    play(ev.FilesSettled(files=FILES[:1]), 10)
    play(ev.FileDone(file=FILES[0]), 11)
    assert play(ev.FilesSettled(files=FILES[:1]), 12) == []
    play(ev.Tick(), 60)
    play(ev.Committed(through=1), 60)
    assert play(ev.FilesSettled(files=FILES[:1]), 61) == []


def test_a_file_that_has_changed_is_another_one():
    play = started(config(interfaces=()))
    play(ev.FilesSettled(files=FILES[:1]), 10)
    play(ev.FileDone(file=FILES[0]), 11)
    grown = replace(FILES[0], size=10)
    assert play(ev.FilesSettled(files=(grown,)), 12) == [ReadFile(file=grown)]


def test_no_file_is_read_outside_the_schedule():
    play = started(config(interfaces=(), schedule=(Recurrence(begin="0 3 * * *", seconds=3600),)))
    assert play(ev.FilesSettled(files=FILES), 10) == []
    assert only(ReadFile, play(ev.Tick(), 15 * 3600)) == [ReadFile(file=FILES[0])]


def test_a_stop_waits_for_the_file_that_is_being_read():
    play = started(config(interfaces=()))
    play(ev.FilesSettled(files=FILES), 10)
    assert only(Judge, play(ev.StopAsked(), 11)) == []
    commands = play(ev.FileDone(file=FILES[0]), 12)
    assert only(Judge, commands)[0].window.files == FILES[:1]
    assert only(ReadFile, commands) == []


def test_monotonic_time_never_goes_back():
    play = started()
    play(ev.Tick(), 30)
    play(ev.Tick(), 20)
    assert play.state.now.mono == at(30).mono
