"""What was seen of the sanitising gateways, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.report.harmless import harmless
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.findings.passage import Passage
    from zoneguard.report.model import Report

_KINDS = {
    "mail": Text(ja="メール", en="mail"),
    "file": Text(ja="ファイル", en="files"),
    "screen": Text(ja="画面", en="screens"),
}


def gateway_rows(report: Report) -> Iterator[tuple[str, str]]:
    """Give a label and what is to be said of each gateway."""
    for passage in report.gateways:
        kind = _KINDS[passage.sanitizes].in_(report.lang)
        yield harmless(f"{passage.gateway} ({kind})"), gateway_words(passage).in_(report.lang)


def gateway_words(passage: Passage) -> Text:
    """Say which legs were seen, how much could be paired, and what went past."""
    unseen = [leg.zone for leg in passage.legs if leg.first_seen is None]
    if len(unseen) == len(passage.legs):
        told = Text(ja="どの脚の通信も観測されていません。", en="No traffic of any leg was observed.")
    elif not passage.carried:
        told = Text(ja="装置を出たデータは観測されていません。", en="No data was seen to come out of it.")
    elif not passage.is_seen_whole:
        zones = ", ".join(unseen) or "-"
        told = Text(
            ja=f"装置を出たデータは {passage.carried:,} フローですが、{zones} 側の脚が観測されていないため、"
            "装置に入ったものとの対応は確かめられません。",
            en=f"{passage.carried:,} flows brought data out of it; since its leg towards {zones} was not observed, they"
            " cannot be held against what went in.",
        )
    else:
        more = "" if passage.whole else "（下限）"
        told = Text(
            ja=f"装置を出たデータ {passage.carried:,} フローのうち {passage.paired:,} フロー{more}に、別の脚から入った"
            "時刻と量の合うフローがあります。",
            en=f"For {passage.paired:,}{'' if passage.whole else ' or more'} of {passage.carried:,} flows that brought data"
            " out of it, one that went in at another leg agrees in time and volume.",
        )
    if not passage.past:
        return told
    crossings = passage.carried + passage.past
    share = passage.carried / crossings
    return Text(
        ja=f"{told.ja}装置を通らずに脚の両側の領域の間で成立した、許可のない通信が {passage.past:,} フローあります"
        f"（装置を通った割合 {share:.0%}）。",
        en=f"{told.en} Forbidden flows with data that went between the zones of its legs without it: {passage.past:,}"
        f" (share that passed through it: {share:.0%}).",
    )
