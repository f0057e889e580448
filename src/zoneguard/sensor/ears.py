"""The ears of a sensor: rings, links, losses, and what is blind from when to when."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from zoneguard.errors import ExitCode
from zoneguard.sensor import events as ev
from zoneguard.sensor import sentences as say
from zoneguard.sensor.commands import Blind, CloseRing, OpenRing, ReopenRing, WriteStatus
from zoneguard.sensor.state import Ear, Ring
from zoneguard.sensor.turn import wait

if TYPE_CHECKING:
    from zoneguard.sensor.commands import Window
    from zoneguard.sensor.turn import Turn

_MOST_BLIND = 256  # stretches told apart in one window


def open_rings(turn: Turn) -> None:
    config, _ = turn.in_use()
    links = {ear.interface.name: ear.link for ear in turn.state.ears}
    ears = []
    for interface in config.interfaces:
        link = links.get(interface.name, ev.Link.UP)
        # Whether one that had gone is back, opening its ring will tell.
        link = ev.Link.UP if link is ev.Link.GONE else link
        ears.append(Ear(interface=interface, ring=Ring.OPENING, link=link, blind_since=turn.now.mono))
        turn.commands.append(OpenRing(interface=interface))
    turn.set(ears=tuple(ears))


def close_rings(turn: Turn) -> None:
    for ear in turn.state.ears:
        if ear.ring is not Ring.CLOSED:
            turn.commands.append(CloseRing(interface=ear.interface.name))
            _change_ear(turn, ear, ring=Ring.CLOSED, retry_at=None, attempts=0)


def retry_rings(turn: Turn) -> None:
    for ear in turn.state.ears:
        if ear.ring is Ring.FAILED and ear.retry_at is not None and turn.now.mono >= ear.retry_at:
            turn.commands.append(ReopenRing(interface=ear.interface))
            _change_ear(turn, ear, ring=Ring.OPENING, retry_at=None)


def ring_opened(turn: Turn, event: ev.RingOpened) -> None:
    ear = _ear(turn, event.interface)
    if ear is None or ear.ring is Ring.CLOSED:
        return
    if ear.attempts:
        turn.announce(f"ring:{event.interface}", say.ring_opened(event.interface), over=True)
    _change_ear(turn, ear, ring=Ring.OPEN, attempts=0, retry_at=None)
    turn.set(heard=True)


def ring_failed(turn: Turn, event: ev.RingFailed) -> None:
    ear = _ear(turn, event.interface)
    if ear is None or ear.ring is Ring.CLOSED:
        return
    if ear.attempts == 0:
        turn.announce(f"ring:{event.interface}", say.ring_failed(event.interface, event.reason))
    gone = ear.link is ev.Link.GONE  # then its return is what is waited for
    retry_at = None if gone else turn.now.mono + wait(ear.attempts + 1)
    _change_ear(turn, ear, ring=Ring.FAILED, attempts=ear.attempts + 1, retry_at=retry_at)
    if event.denied and not turn.state.heard:
        turn.set(code=ExitCode.LACKING)


def link_changed(turn: Turn, event: ev.LinkChanged) -> None:
    ear = _ear(turn, event.interface)
    if ear is None or ear.link is event.link:
        return
    deaf = ear.link is ev.Link.GONE or ear.ring is Ring.FAILED
    up = event.link is ev.Link.UP
    turn.announce(f"link:{event.interface}", say.link(event.interface, event.link), over=up)
    if ear.ring is Ring.CLOSED:
        _change_ear(turn, ear, link=event.link)
    elif event.link is ev.Link.GONE:
        turn.commands.append(CloseRing(interface=event.interface))
        _change_ear(turn, ear, link=event.link, ring=Ring.FAILED, retry_at=None)
    elif deaf:
        turn.commands.append(ReopenRing(interface=ear.interface))
        _change_ear(turn, ear, link=event.link, ring=Ring.OPENING, retry_at=None)
    else:
        _change_ear(turn, ear, link=event.link)
    turn.commands.append(WriteStatus())


def ring_loss(turn: Turn, event: ev.RingLoss) -> None:
    if event.dropped <= 0:
        return
    dropped = dict(turn.state.gathered.dropped)
    dropped[event.interface] = dropped.get(event.interface, 0) + event.dropped
    turn.set(gathered=replace(turn.state.gathered, dropped=tuple(sorted(dropped.items()))))
    if event.interface not in turn.state.lossy:
        turn.announce(f"loss:{event.interface}", say.loss(event.interface, event.dropped))
        turn.set(lossy=turn.state.lossy | {event.interface})


def end_of_loss(turn: Turn, window: Window) -> None:
    """Call the matter over where a window had no loss."""
    lost = {interface for interface, _ in window.dropped}
    for interface in sorted(turn.state.lossy - lost):
        turn.announce(f"loss:{interface}", say.no_loss(interface), over=True)
    turn.set(lossy=turn.state.lossy & lost)


def end_blindness(turn: Turn, ear: Ear) -> None:
    """State an ear's blindness up to now; if it goes on, it goes on in the next window."""
    if ear.blind_since is not None:
        _state_blindness(turn, ear)
        _put_ear(turn, replace(ear, blind_since=turn.now.mono))


def _ear(turn: Turn, interface: str) -> Ear | None:
    return next((ear for ear in turn.state.ears if ear.interface.name == interface), None)


def _change_ear(turn: Turn, ear: Ear, **changes: Any) -> None:  # noqa: ANN401 - the fields of an Ear
    """Change an ear; where that changes why it is blind, the stretch until now is stated."""
    changed = replace(ear, **changes)
    if changed.blindness is not ear.blindness:
        _state_blindness(turn, ear)
        changed = replace(changed, blind_since=None if changed.blindness is None else turn.now.mono)
    _put_ear(turn, changed)


def _put_ear(turn: Turn, ear: Ear) -> None:
    name = ear.interface.name
    turn.set(ears=tuple(ear if one.interface.name == name else one for one in turn.state.ears))


def _state_blindness(turn: Turn, ear: Ear) -> None:
    if ear.blindness is None or ear.blind_since is None or ear.blind_since == turn.now.mono:
        return
    blind = Blind(
        interface=ear.interface.name, begun=ear.blind_since, ended=turn.now.mono, reason=ear.blindness
    )
    turn.set(gathered=replace(turn.state.gathered, blind=_with(turn.state.gathered.blind, blind)))


def _with(stretches: tuple[Blind, ...], blind: Blind) -> tuple[Blind, ...]:
    """Add a stretch; of too many, the last of the interface is drawn out: more is called blind, never less."""
    if len(stretches) < _MOST_BLIND:
        return (*stretches, blind)
    for at in range(len(stretches) - 1, -1, -1):
        if stretches[at].interface == blind.interface:
            return (*stretches[:at], replace(stretches[at], ended=blind.ended), *stretches[at + 1 :])
    return (*stretches, blind)
