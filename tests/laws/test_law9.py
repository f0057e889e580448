"""Law 9: the sensor's machine loses no window, whatever the order of events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import pairwise

from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from tests.sensor.building import CONFIG, OTHER_POLICY, POLICY, SECOND, TEN_MINUTES_EACH_HOUR, at, config
from zoneguard.errors import ExitCode
from zoneguard.sensor import commands as do
from zoneguard.sensor import events as ev
from zoneguard.sensor.config import Interface
from zoneguard.sensor.events import Link
from zoneguard.sensor.folder import File
from zoneguard.sensor.machine import next_wake, step
from zoneguard.sensor.state import Phase, State
from zoneguard.text import Text

WHY = Text(ja="理由", en="a reason")
NAMES = ("eth1", "eth2")
BOTH = tuple(Interface(name=name, sensor="S1") for name in NAMES)
CONFIGS = (
    config(interfaces=BOTH),
    config(interfaces=BOTH[:1], sha256="d" * 64),
    config(interfaces=BOTH, schedule=TEN_MINUTES_EACH_HOUR),
)
FILES = tuple(File(path=f"{n}", inode=n, size=1, mtime=n) for n in range(4))

EVENTS = st.one_of(
    st.just(ev.Tick()),
    st.just(ev.Tick()),
    st.builds(ev.RingOpened, interface=st.sampled_from(NAMES)),
    st.builds(ev.RingFailed, interface=st.sampled_from(NAMES), reason=st.just(WHY), denied=st.booleans()),
    st.builds(ev.LinkChanged, interface=st.sampled_from(NAMES), link=st.sampled_from(Link)),
    st.builds(ev.RingLoss, interface=st.sampled_from(NAMES), dropped=st.integers(0, 9)),
    st.just(ev.ReloadAsked()),
    st.just(ev.StatusAsked()),
    st.builds(ev.ConfigRead, config=st.sampled_from(CONFIGS)),
    st.just(ev.ConfigRefused(faults=(WHY,))),
    st.builds(ev.PolicyRead, policy=st.sampled_from([POLICY, OTHER_POLICY])),
    st.just(ev.PolicyRefused(faults=(WHY,))),
    st.builds(ev.Committed, through=st.integers(0, 30)),
    st.just(ev.StoreFailed(reason=WHY)),
    st.just(ev.StoreBack()),
    st.just(ev.DiskLow(free=1)),
    st.just(ev.DiskOk()),
    st.builds(ev.FilesSettled, files=st.lists(st.sampled_from(FILES), unique=True).map(tuple)),
    st.builds(ev.FileDone, file=st.sampled_from(FILES)),
    st.builds(ev.FileRefused, file=st.sampled_from(FILES), faults=st.just((WHY,))),
    st.builds(ev.FileLeft, file=st.sampled_from(FILES)),
    st.just(ev.DrainDone()),
)
PAUSES = st.one_of(st.integers(0, 90), st.integers(0, 4000))
STEPS = st.sampled_from([0, 0, 0, 0, 0, 1, -3600, 3600, 3, -3])
STORIES = st.lists(st.tuples(EVENTS, PAUSES, STEPS), max_size=60)


@dataclass
class Observer:
    """The naive twin: from events and commands alone, second by second, what each interface really saw."""

    seconds: int = 0
    stepped: int = 0
    state: State = field(default_factory=State)
    rings: dict[str, str] = field(default_factory=dict)  # asked, open
    links: dict[str, Link] = field(default_factory=lambda: dict.fromkeys(NAMES, Link.UP))
    watched: list[tuple[int, int]] = field(default_factory=list)
    seen: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: {name: [] for name in NAMES})
    since: int | None = None
    judged: list[do.Window] = field(default_factory=list)
    finals: int = 0
    commits: list[tuple[int, ...]] = field(default_factory=list)
    held: set[int] = field(default_factory=set)
    lost: dict[str, int] = field(default_factory=lambda: dict.fromkeys(NAMES, 0))
    read: list[File] = field(default_factory=list)
    finished: list[File] = field(default_factory=list)
    adopted: list[object] = field(default_factory=list)
    stop: do.Stop | None = None
    went: str | None = None  # the interface that goes in this step, until its ring is closed for that

    def feed(self, happened: ev.Event, pause: int = 0, stepped: int = 0) -> None:
        self._pass(pause)
        self.stepped += stepped
        self.went = None
        if self.stop is None:
            self._truth(happened)
        before = self.state
        self.state, commands = step(before, happened, at(self.seconds, stepped=self.stepped))
        for command in commands:
            self._obey(command)

    def _pass(self, pause: int) -> None:
        begun, self.seconds = self.seconds, self.seconds + pause
        if self.stop is not None or not pause:
            return
        for name, ring in self.rings.items():
            if ring == "open" and self.links[name] is Link.UP:
                self.seen[name].append((begun, self.seconds))

    def _truth(self, happened: ev.Event) -> None:
        match happened:
            case ev.RingOpened(interface=name) if name in self.rings and self.links[name] is not Link.GONE:
                self.rings[name] = "open"
            case ev.RingFailed(interface=name) if name in self.rings:
                self.rings[name] = "failed"
            case ev.LinkChanged(interface=name, link=link) if name in self.names():
                self.went = name if link is Link.GONE and self.links[name] is not Link.GONE else None
                self.links[name] = link
            case ev.RingLoss(interface=name, dropped=dropped):
                self.lost[name] += dropped
            case ev.Committed(through=through) if self.commits and self.sent():
                self.held |= {number for number in self.commits[-1] if number <= through}
            case ev.FileDone(file=file) | ev.FileRefused(file=file) if self.state.reading == file:
                self.finished.append(file)
            case _:
                pass

    def names(self) -> set[str]:
        return {interface.name for interface in self.state.config.interfaces} if self.state.config else set()

    def sent(self) -> bool:
        return bool(self.state.outstanding.sent)

    def _obey(self, command: do.Command) -> None:
        match command:
            case do.OpenRing(interface=interface):
                assert interface.name not in self.rings, "opened twice"
                self.rings[interface.name] = "asked"
                if self.links[interface.name] is Link.GONE:
                    self.links[interface.name] = Link.UP
            case do.ReopenRing(interface=interface):
                assert interface.name in self.rings, "reopened though closed for good"
                self.rings[interface.name] = "asked"
            case do.CloseRing(interface=name):
                if name == self.went:
                    self.rings[name] = "failed"  # the watch goes on without it
                    self.went = None  # a second close in the same step is for good
                else:
                    self.rings.pop(name)
            case do.Judge(window=window, final=final):
                self.judged.append(window)
                self.finals += final
            case do.Commit(numbers=numbers):
                assert set(numbers) <= {window.number for window in self.judged}, "committed unjudged"
                assert not set(numbers) & self.held, "committed twice"
                self.commits.append(numbers)
            case do.ReadFile(file=file):
                self.read.append(file)
            case do.AdoptConfig() | do.AdoptPolicy():
                self.adopted.append(command)
            case do.Stop():
                assert self.stop is None
                self.stop = command
            case _:
                pass

    def live(self) -> None:
        """Let a world that answers everything run to the end after a stop was asked for."""
        self.feed(ev.StopAsked())
        for _ in range(200):
            if self.stop is not None:
                return
            reading, sent = self.state.reading, self.state.outstanding.sent
            if reading is not None:
                self.feed(ev.FileDone(file=reading), 1)
            elif sent:
                self.feed(ev.Committed(through=sent[-1]), 1)
            else:
                self.feed(ev.DrainDone(), 1)
        raise AssertionError("the sensor never stopped")


STOPPED = st.builds(lambda a, b: [*a, (ev.StopAsked(), 0, 0), *b], STORIES, STORIES)


def begun(settings_: object = CONFIGS[0]) -> Observer:
    world = Observer()
    world.feed(ev.Started())
    world.feed(ev.ConfigRead(config=settings_))
    world.feed(ev.PolicyRead(policy=POLICY))
    return world


def told(story, settings_=CONFIGS[0]) -> Observer:
    world = begun(settings_)
    for happened, pause, stepped in story:
        world.feed(happened, pause, stepped)
    world.live()
    return world


law = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@law
@given(story=STORIES | STOPPED, settings_=st.sampled_from(CONFIGS))
def test_every_moment_seen_lies_in_exactly_one_judged_window_and_the_rest_is_stated_blind(story, settings_):
    world = told(story, settings_)
    spans = [(second(w.begun.mono), second(w.ended.mono)) for w in world.judged]
    assert all(a[1] <= b[0] for a, b in pairwise(spans)), "two windows overlap"
    for name in NAMES:
        claimed = {
            moment
            for window in world.judged
            for moment in range(second(window.begun.mono), second(window.ended.mono))
            if not any(
                b.interface == name and second(b.begun) <= moment < second(b.ended) for b in window.blind
            )
        }
        seen = {moment for span in world.seen[name] for moment in range(*span)}
        if all(name in {i.name for i in c.config.interfaces} for c in configs(world)):
            assert claimed == seen, name
        else:
            assert seen <= claimed, name
    event(f"windows {min(len(world.judged), 9)}")


@law
@given(story=STORIES | STOPPED, settings_=st.sampled_from(CONFIGS))
def test_every_window_is_judged_once_and_committed_and_a_stop_ends_in_a_last_judgement(story, settings_):
    world = told(story, settings_)
    numbers = [window.number for window in world.judged]
    assert numbers == sorted(set(numbers))
    if world.stop.code is ExitCode.CLEAN:
        assert world.held == set(numbers)
    assert world.state.window is None
    assert world.finals <= 1
    assert world.finals == 1 or not world.rings
    for window in world.judged:
        assert window.begun.mono <= window.ended.mono


@law
@given(story=STOPPED, settings_=st.sampled_from(CONFIGS))
def test_a_stop_at_any_time_judges_what_is_open_once_and_gives_up_only_on_a_store_that_fails(
    story, settings_
):
    world, open_, failed = begun(settings_), None, False
    for happened, pause, stepped in story:
        if isinstance(happened, ev.StopAsked) and world.state.phase is Phase.WATCHING:
            open_ = world.state.window
        world.feed(happened, pause, stepped)
        failed = failed or isinstance(happened, ev.StoreFailed)
    world.live()
    if open_ is not None:
        assert world.finals == 1
        assert open_.number in {window.number for window in world.judged}
    unheld = {window.number for window in world.judged} - world.held
    assert not unheld or world.stop.code is ExitCode.LACKING
    assert not unheld or failed or world.seconds > 60


@law
@given(story=STORIES | STOPPED, settings_=st.sampled_from(CONFIGS))
def test_every_lost_packet_is_stated_in_one_window(story, settings_):
    world = told([*story, (ev.Tick(), 4000, 0)], settings_)
    stated = dict.fromkeys(NAMES, 0)
    for window in world.judged:
        for name, dropped in window.dropped:
            stated[name] += dropped
    left = dict(world.state.gathered.dropped)
    assert {name: stated[name] + left.get(name, 0) for name in NAMES} == world.lost
    assert not left or not world.judged or world.state.window is None


def test_an_interface_that_went_is_closed_for_good_and_opened_anew_by_another_configuration():
    world = begun(CONFIGS[0])
    world.feed(ev.LinkChanged(interface="eth1", link=Link.GONE))
    assert world.rings["eth1"] == "failed"
    world.feed(ev.ReloadAsked())
    world.feed(ev.PolicyRead(policy=POLICY))
    world.feed(ev.ConfigRead(config=CONFIGS[1]))
    assert world.rings == {"eth1": "asked"}


@law
@given(story=STORIES)
def test_every_file_is_read_once_and_stated_in_one_window(story):
    world = told(story)
    stated = [file for window in world.judged for file in (*window.files, *window.refused)]
    assert sorted(stated, key=str) == sorted(world.finished, key=str)


FRESH = st.lists(st.tuples(EVENTS.filter(lambda e: not isinstance(e, ev.FilesSettled)), PAUSES, STEPS))


@law
@given(story=FRESH)
def test_no_file_is_read_twice_when_the_store_tells_which_it_holds(story):
    world = begun()
    for happened, pause, stepped in story:
        world.feed(happened, pause, stepped)
        kept = {f for w in world.judged if w.number in world.held for f in (*w.files, *w.refused)}
        world.feed(ev.FilesSettled(files=tuple(file for file in FILES if file not in kept)))
    world.live()
    assert len(world.read) == len(set(world.read))


@law
@given(story=STORIES)
def test_only_what_was_read_whole_is_ever_adopted(story):
    world = begun()
    for happened, pause, stepped in story:
        before = (world.state.config, world.state.policy)
        world.feed(happened, pause, stepped)
        after = (world.state.config, world.state.policy)
        if isinstance(happened, ev.PolicyRefused | ev.ConfigRefused):
            assert after == before
    assert world.state.config in CONFIGS
    assert world.state.policy in {POLICY, OTHER_POLICY}


@law
@given(pauses=st.lists(st.integers(0, 1500), min_size=1, max_size=60))
def test_the_sensor_watches_when_the_schedule_says_and_only_then(pauses):
    world = begun(CONFIGS[2])
    late = 0  # until when a watch is kept that nobody woke us for
    for pause in pauses:
        before = world.seconds
        world.feed(ev.Tick(), pause)
        hour = world.seconds // 3600 * 3600
        if before < hour and world.seconds - hour >= 600:
            late = world.seconds + 600
        due = world.seconds - hour < 600 or world.seconds < late
        assert (world.state.phase is Phase.WATCHING) is due
        assert set(world.rings) == (set(NAMES) if due else set())


@settings(max_examples=25, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 5 * 3600), st.sampled_from([-3600, 3600])), max_size=4))
@example(steps=[(2400, 3600)])
@example(steps=[(4500, -3600)])
@example(steps=[(17970, 3600)])
def test_steps_of_an_hour_neither_lose_nor_repeat_a_scheduled_watch(steps):
    world = begun(CONFIGS[2])
    due = dict(sorted(steps))
    entered = []
    for seconds in range(0, 6 * 3600, 30):
        jump = next((jump for when, jump in due.items() if seconds <= when < seconds + 30), 0)
        before = dict(world.state.begins)
        world.feed(ev.Tick(), 30, jump)
        for interface in world.rings:
            world.feed(ev.RingOpened(interface=interface))
        if world.state.outstanding.sent:
            world.feed(ev.Committed(through=99))
        entered += [begin for r, begin in world.state.begins if before.get(r) != begin]
    assert len(entered) == len(set(entered)), "a watch was repeated"
    hour = 3600 * SECOND
    gaps = [b - a for a, b in pairwise(entered)]
    # A step that lands where the next watch begins passes over two begins at once; the later one is kept.
    at_once = sum(jump > 0 and (when // 30 + 1) * 30 % 3600 == 0 for when, jump in due.items())
    assert set(gaps) <= {hour, 2 * hour}
    assert gaps.count(2 * hour) <= at_once, "one was lost"
    world.live()
    held = sum(second(w.ended.mono) - second(w.begun.mono) for w in world.judged)
    # Each watch entered is kept: whole, or up to the stop; a step into the next one lets two run side by side.
    assert held >= 600 * (len(entered) - 1 - sum(jump > 0 for jump in due.values()))


@law
@given(story=STORIES)
def test_the_machine_wakes_in_time_for_what_is_due(story):
    world = begun(CONFIGS[2])
    for happened, pause, stepped in story:
        world.feed(happened, pause, stepped)
        if world.state.phase is not Phase.STOPPED:
            wake = next_wake(world.state)
            assert world.state.now.mono < wake <= world.state.now.mono + 10 * SECOND


def second(mono: int) -> int:
    return mono // SECOND - 1000


def configs(world: Observer) -> list[do.AdoptConfig]:
    return [command for command in world.adopted if isinstance(command, do.AdoptConfig)]


def test_the_observer_would_notice_a_window_that_is_lost():
    world = begun()
    world.feed(ev.RingOpened(interface="eth1"))
    world.feed(ev.Tick(), 60)
    world.judged[0] = replace(world.judged[0], ended=at(30))
    assert world.seen["eth1"] == [(0, 60)]
    assert second(world.judged[0].ended.mono) == 30
    assert CONFIG.interfaces[0].name == "eth1"
