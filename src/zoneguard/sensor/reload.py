"""Reading configuration and policy, at the start and on SIGHUP: both are taken, or neither."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from zoneguard.errors import ExitCode
from zoneguard.sensor import ears, windows
from zoneguard.sensor import events as ev
from zoneguard.sensor import sentences as say
from zoneguard.sensor.commands import AdoptConfig, AdoptPolicy, Level, Notify, Reload, WriteStatus
from zoneguard.sensor.state import Ear, Phase, Reloading

if TYPE_CHECKING:
    from zoneguard.sensor.config import Config
    from zoneguard.sensor.events import PolicyVersion
    from zoneguard.sensor.turn import Turn
    from zoneguard.text import Text


def started(turn: Turn, event: ev.Started) -> None:
    if turn.state.reloading is not None or turn.state.config is not None:
        return
    life = None if event.watchdog is None else event.watchdog // 2
    turn.set(watchdog=life, watchdog_at=turn.now.mono, reloading=Reloading())
    turn.commands.append(Reload())


def reload_asked(turn: Turn) -> None:
    if turn.state.phase is Phase.DRAINING:
        return
    if turn.state.reloading is not None:
        turn.set(reloading=replace(turn.state.reloading, again=True))
        return
    if turn.state.config is None:
        return
    turn.set(reloading=Reloading())
    turn.commands += [Notify(words=("RELOADING=1", f"MONOTONIC_USEC={turn.now.mono // 1000}")), Reload()]


def answered(turn: Turn, event: ev.ConfigRead | ev.ConfigRefused | ev.PolicyRead | ev.PolicyRefused) -> None:
    answers = turn.state.reloading
    if answers is None:
        return
    match event:
        case ev.ConfigRead():
            answers = replace(answers, config=event.config, config_faults=None)
        case ev.ConfigRefused():
            answers = replace(answers, config=None, config_faults=event.faults)
        case ev.PolicyRead():
            answers = replace(answers, policy=event.policy, policy_faults=None)
        case ev.PolicyRefused():
            answers = replace(answers, policy=None, policy_faults=event.faults)
        case _:
            assert_never(event)
    turn.set(reloading=answers)


def finish_reload(turn: Turn, answers: Reloading) -> None:
    """Take both files or neither: a configuration belongs to the policy that it was read with."""
    if turn.state.phase is Phase.DRAINING:
        turn.set(reloading=None)
        return
    if answers.config is None or answers.policy is None:
        _keep_old(turn, (*(answers.config_faults or ()), *(answers.policy_faults or ())))
    elif turn.state.reading is not None:
        return  # a window ends between files
    else:
        _adopt(turn, answers.config, answers.policy)
    if turn.state.phase is Phase.STOPPED:
        return
    turn.set(reloading=None, ready=False)
    turn.commands.append(WriteStatus())
    if answers.again:
        reload_asked(turn)


def _keep_old(turn: Turn, faults: tuple[Text, ...]) -> None:
    for fault in faults:
        turn.say(Level.ERROR, fault)
    if turn.state.config is None:
        turn.stop(ExitCode.REFUSED)
        return
    turn.announce("reload", say.kept_old(len(faults)))
    turn.set(refused=faults)


def _adopt(turn: Turn, config: Config, policy: PolicyVersion) -> None:
    old_config, old_policy = turn.state.config, turn.state.policy
    if turn.state.refused:
        turn.announce("reload", say.adopted(), over=True)
    turn.set(refused=())
    if config == old_config and policy == old_policy:
        turn.say(Level.INFO, say.unchanged())
        return
    windows.close_window(turn)
    if turn.state.phase is Phase.STARTING or (old_config and config.interfaces != old_config.interfaces):
        ears.close_rings(turn)
        links = {ear.interface.name: ear.link for ear in turn.state.ears}
        shut = [Ear(interface=one, link=links.get(one.name, ev.Link.UP)) for one in config.interfaces]
        turn.set(phase=Phase.IDLE, ears=tuple(shut))
    if old_config is None or config.schedule != old_config.schedule:
        turn.set(begins=(), until=None)
    turn.set(config=config, policy=policy, anew=True)
    if config != old_config:
        turn.commands.append(AdoptConfig(config=config))
    if policy != old_policy:
        turn.commands.append(AdoptPolicy(policy=policy))
    turn.say(Level.INFO, say.adopted())
