"""The policy as a drawing in words: Graphviz DOT and Mermaid, zones as nodes, allowed flows as arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.policy.graph import build_graph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.policy.model import Policy
    from zoneguard.text import Lang

    Arrow = tuple[str, str, tuple[str, ...]]  # from, to, flow ids


def dot(policy: Policy, lang: Lang) -> str:
    """Draw for Graphviz."""
    lines = ["digraph policy {", "  rankdir=LR;", "  node [shape=box, style=rounded];"]
    lines += [f"  {_quoted(name)} [label={_quoted(label)}];" for name, label in _zones(policy, lang)]
    lines += [
        f"  {_quoted(f'gateway {gateway.id}')} [label={_quoted(gateway.id)}, shape=hexagon];"
        for gateway in policy.gateways
    ]
    lines += [
        f"  {_quoted(orig)} -> {_quoted(resp)} [label={_quoted(', '.join(flows))}];"
        for orig, resp, flows in _arrows(policy)
    ]
    return "\n".join([*lines, "}", ""])


def mermaid(policy: Policy, lang: Lang) -> str:
    """Draw for Mermaid, as wikis and Git hosts show it."""
    nodes = [
        *((name, label, "[", "]") for name, label in _zones(policy, lang)),
        *((f"gateway {gateway.id}", gateway.id, "{{", "}}") for gateway in policy.gateways),
    ]
    number = {name: f"n{index}" for index, (name, *_) in enumerate(nodes)}
    lines = ["flowchart LR"]
    lines += [f'  {number[name]}{left}"{_escaped(label)}"{right}' for name, label, left, right in nodes]
    lines += [
        f'  {number[orig]} -->|"{_escaped(", ".join(flows))}"| {number[resp]}'
        for orig, resp, flows in _arrows(policy)
    ]
    return "\n".join([*lines, ""])


def _zones(policy: Policy, lang: Lang) -> Iterator[tuple[str, str]]:
    for kind, name in build_graph(policy):
        zone = policy.zone(name)
        if kind == "zone":
            yield name, f"{zone.name.in_(lang)} ({name})" if zone else name


def _arrows(policy: Policy) -> list[Arrow]:
    """Gather the flows of each pair, in the order of the graph."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for orig, resp, flow, relation in build_graph(policy).edges(keys=True, data="relation"):
        if relation == "flow" and orig != resp:
            arrows.setdefault((_name(orig), _name(resp)), []).append(flow)
    return [(orig, resp, tuple(flows)) for (orig, resp), flows in arrows.items()]


def _name(node: tuple[str, str]) -> str:
    kind, name = node
    return name if kind == "zone" else f"{kind} {name}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _escaped(text: str) -> str:
    for sign, entity in (("&", "&amp;"), ('"', "&quot;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;")):
        text = text.replace(sign, entity)
    return text
