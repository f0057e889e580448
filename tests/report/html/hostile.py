"""A report in which whoever made captures, exports or the policy wrote what should hurt the reader."""

from __future__ import annotations

from dataclasses import replace

from tests.report.filed import filed
from zoneguard.findings.finding import AppliedWaiver, Clause, LineLocator, PacketLocator, Party
from zoneguard.report.model import Unverifiable
from zoneguard.text import Text

SCRIPT = "<script>document.title='owned'</script>"
WORDS = (
    SCRIPT,
    "\"><img src=http://192.0.2.1/x onerror=document.title='owned'>",
    "</style><style>@import url(http://192.0.2.1/y);</style>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "a\u202egnp.exe\u2066b\u200e",
    "\x1b[2J\x00\x07\x9b31m",
    "x" * 3_000,
    "\ud800 lone",
    "&lt;b&gt;&#0;",
    "مرحبا שלום",
    "]]>--><!--",
)


def hostile(word, lang="en"):
    said = Text(ja=f"■{word}", en=f"x{word}")
    report = filed(lang)
    finding = replace(
        report.findings[0],
        rule=word,
        name=word,
        title=said,
        message=said,
        remedy=said,
        clauses=(Clause(document=word, edition=word, section=word, text=word),),
        orig=Party(zone=word, address=word, mac=word),
        resp=Party(zone=word, mac=word),
        service=word,
        device=word,
        line=word,
        locators=(PacketLocator(file=word, frame=1, time=0), LineLocator(file=word, line=1, text=word)),
        allowed_by=word,
        related=(word,),
        waiver=AppliedWaiver(id=word, owner=word, reason=word, until="2026-09-30"),
        fingerprint=word,
    )
    return replace(
        report,
        policy=replace(
            report.policy,
            path=word,
            sha256=word,
            organization=said,
            model=word,
            zones=tuple(replace(one, id=word, role=word, name=said) for one in report.policy.zones),
        ),
        inputs=(replace(report.inputs[0], path=word, format=word, sha256=word, notes=(said,)),),
        coverage=replace(
            report.coverage,
            not_decoded={word: 1},
            zones_observed=(word,),
            unverifiable=(Unverifiable(rule=word, reason=said),),
        ),
        matrix=(replace(report.matrix[0], orig=word, resp="b" + word, violations=2),),
        findings=(finding,) * 21,
        absent=(finding,),
        register=tuple(
            replace(
                one,
                id=word,
                kind=word,
                orig=word,
                resp=word,
                services=(word,),
                number=word,
                by=word,
                reason=word,
            )
            for one in report.register
        ),
        waivers=tuple(replace(one, id=word, rule=word, owner=word, reason=word) for one in report.waivers),
        rules=tuple(replace(one, id=word, title=said, shortfall=said) for one in report.rules),
        clauses=tuple(
            replace(
                one,
                clause=Clause(document=word, edition=word, section=word, text=word),
                rules=(word,),
                short=(word,),
            )
            for one in report.clauses
        ),
        baseline=replace(report.baseline, path=word, sha256=word, notes=(said,)),
    )
