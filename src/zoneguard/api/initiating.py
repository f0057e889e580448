"""A first policy from what is at hand: zones of exports, VLANs and flows of captures, approvals of a list."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from zoneguard.errors import InputRefusedError, UsageError, why
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zoneguard.firewall.model import ParseResult
    from zoneguard.onboarding.observed import Endpoints
    from zoneguard.onboarding.proposal import Draft
    from zoneguard.text import Lang

MOST_FAULTED = 10  # lines not understood that a remark names


def propose(
    *,
    model: str | None,
    exports: Sequence[str],
    captures: Sequence[str],
    sheet: str | None,
    lang: Lang,
    jobs: int = 1,
    progress: Callable[[int, int], None] = lambda octets, packets: None,
) -> str:
    """Give the text of a zones.yaml that lints, from at least one export or capture.

    Exports give the zones; captures fill VLANs in, add what no export names, and confirm; the list gives flows
    with their approvals; what was observed beyond it is proposed. Captures are read twice: the second time their
    flows are judged by the zones of the first. Raises InputRefusedError when one of them cannot be read.
    """
    from zoneguard.onboarding.devices import propose_zones
    from zoneguard.onboarding.proposal import Draft
    from zoneguard.onboarding.requirements import propose_flows
    from zoneguard.onboarding.spreadsheet import sheets_of
    from zoneguard.onboarding.writing import write
    from zoneguard.policy.load import parse_policy

    if not exports and not captures:
        raise UsageError(
            Text(
                ja="一覧だけではゾーンが分かりません。--from-export か --from-capture も指定してください。",
                en="A list of communication does not tell the zones; give --from-export or --from-capture as well.",
            )
        )
    draft = Draft(model=model)
    _tell_sources(draft, exports, captures, sheet)
    read = _exports(draft, exports)
    propose_zones(draft, read)
    listed = sheets_of(Path(sheet)) if sheet is not None else None
    if captures:
        _observe(draft, captures, jobs, progress)
    if not draft.zones:
        raise InputRefusedError(
            Text(
                ja="渡された資料にアドレスの範囲がありません。インターフェースのある設定か、通信のあるキャプチャを指定してください。",
                en="What was given names no range of addresses; give an export with interfaces, or a capture with traffic.",
            )
        )
    if listed is not None:
        propose_flows(draft, listed, Path(str(sheet)).name)
    if captures:
        _converse(draft, captures, jobs, progress)
    text = write(draft, lang)
    parse_policy(text.encode(), "zones.yaml")
    return text


def _tell_sources(draft: Draft, exports: Sequence[str], captures: Sequence[str], sheet: str | None) -> None:
    for ja, en, paths in (
        ("機器の設定", "exports", exports),
        ("キャプチャ", "captures", captures),
        ("通信要件一覧", "list", [sheet] if sheet else []),
    ):
        if paths:
            listed = ", ".join(Path(path).name for path in paths[:20]) + (" …" if len(paths) > 20 else "")
            draft.remarks.append(Text(ja=f"{ja}: {listed}", en=f"{en}: {listed}"))


def _exports(draft: Draft, paths: Sequence[str]) -> list[ParseResult]:
    from zoneguard.firewall.model import LineState
    from zoneguard.firewall.parse import parse

    read, faults = [], []
    for path in _files(paths):
        try:
            result = parse(str(path), path.read_bytes())
        except OSError as error:
            reason = why(error)
            faults.append(
                Text(
                    ja=f"{path}: 開けません（{reason.ja}）。パスと読み取りの権限を確かめてください。",
                    en=f"{path}: cannot be opened ({reason.en}); check the path and the permission to read it.",
                )
            )
            continue
        except InputRefusedError as error:
            faults += error.faults
            continue
        read.append(result)
        unread = [at for at, state in enumerate(result.states, 1) if state is LineState.UNKNOWN]
        if unread:
            lines = ", ".join(map(str, unread[:MOST_FAULTED])) + (" …" if len(unread) > MOST_FAULTED else "")
            draft.remarks.append(
                Text(
                    ja=f"{path.name}: 読み取れなかった行が {len(unread):,} 行あります（{lines}）。口や経路が抜けているかもしれません",
                    en=f"{path.name}: {len(unread):,} lines not understood ({lines}); an interface or a route may be missing",
                )
            )
    if faults:
        raise InputRefusedError(*faults)
    return read


def _files(paths: Sequence[str]) -> list[Path]:
    """Give the files named, and those in the folders named that are exports by their content."""
    from zoneguard.firewall.parse import HEAD, format_of

    files = []
    for path in map(Path, paths):
        if not path.is_dir():
            files.append(path)
            continue
        for inner in sorted(one for one in path.rglob("*") if one.is_file()):
            with inner.open("rb") as file:
                if format_of(file.read(HEAD)) is not None:
                    files.append(inner)
    return files


def _observe(draft: Draft, captures: Sequence[str], jobs: int, progress: Callable[[int, int], None]) -> None:
    from zoneguard.capture.gather import gather
    from zoneguard.capture.metering import Input, meter
    from zoneguard.onboarding.observed import Endpoints, fill

    endpoints: Endpoints = Endpoints()
    inputs = [Input(path=path) for path in gather(captures).captures]
    metered = meter(inputs, endpoints.add, jobs=jobs, digests=False, progress=progress)
    faults = [fault for one in metered.inputs for fault in one.reading.faults]
    if all(one.reading.refused for one in metered.inputs):
        raise InputRefusedError(*faults)
    draft.remarks += faults[:MOST_FAULTED]
    fill(draft, endpoints, endpoints.homes(metered.claims))


def _converse(draft: Draft, captures: Sequence[str], jobs: int, progress: Callable[[int, int], None]) -> None:
    """Judge the captures by the draft as if every listed flow were approved, and propose what remains."""
    from dataclasses import replace

    from zoneguard.capture.gather import gather
    from zoneguard.capture.metering import Input, meter
    from zoneguard.onboarding.conversations import Conversations
    from zoneguard.onboarding.writing import write
    from zoneguard.policy.decide import Decider
    from zoneguard.policy.domains import overlap_domains
    from zoneguard.policy.load import parse_policy
    from zoneguard.policy.zoning import Zoning

    policy = parse_policy(write(draft, "en").encode(), "zones.yaml")
    order = {flow.id: at for at, flow in enumerate(draft.flows)}
    listed = sorted((*policy.flows, *policy.proposed), key=lambda flow: order[flow.id])
    policy = replace(policy, flows=tuple(listed))
    zoning = Zoning(policy)
    conversations = Conversations(policy, zoning, Decider(policy, zoning))
    inputs = [Input(path=path) for path in gather(captures).captures]
    meter(
        inputs,
        conversations.add,
        jobs=jobs,
        domains=overlap_domains(policy),
        digests=False,
        progress=progress,
    )
    conversations.propose(draft)
