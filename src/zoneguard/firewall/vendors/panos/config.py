"""A PAN-OS configuration as one tree, whether it was exported as XML or as `set` commands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from zoneguard.errors import InputRefusedError
from zoneguard.firewall import xmltree
from zoneguard.firewall.model import LineState
from zoneguard.firewall.secrets import REDACTED
from zoneguard.firewall.xmltree import Element
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.export import Export

MOST_FAULTS = 2000  # lines that are told one by one; all keep their state
MOST_MOVED = 4_000_000  # rules that moves of all rulebases may pass over together
_DEEPEST = 32

_SECRET_TAGS = frozenset({
    "agent-user-override-key", "api-key", "auth-code", "auth-key", "authentication-key", "authkey", "bind-password", "client-secret", "community", "enc-key", "ha1-key", "hash",
    "kerberos-keytab", "key", "keytab", "md5", "passphrase", "password", "phash", "privpwd", "authpwd", "private-key", "pre-shared-key", "secret",
    "secret-access-key", "secure-proxy-password", "shared-secret", "snmp-community-string", "token", "vm-auth-key",
})  # fmt: skip
_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(\[)|(\])|([^\s"\[\]][^\s]*)|(.))')
_PROMPT = re.compile(r"^(?:\S+@\S+[>#]|\[edit[^\]]*\])(?: |$)")

# In `set` commands: what holds entries by name, what takes a list, and what takes one value, by where it stands.
_NAMED_IN_SCOPE = frozenset({
    "address", "address-group", "application", "application-filter", "application-group", "external-list", "profile-group",
    "region", "schedule", "service", "service-group", "tag", "zone",
})  # fmt: skip
_NAMED = frozenset({
    "aggregate-ethernet", "device-group", "ethernet", "logical-router", "rules", "static-route", "units",
    "virtual-router", "virtual-wire", "vrf", "vsys",
})  # fmt: skip
_LISTS = frozenset({
    "application", "category", "destination", "destination-hip", "dynamic-ip-list", "from", "hip-profiles", "interface-list",
    "members", "non-recurring", "service", "source", "source-hip", "source-user", "static", "tag", "to",
})  # fmt: skip
_RULE_SCALARS = frozenset({
    "action", "description", "disabled", "group-tag", "icmp-unreachable", "log-end", "log-setting", "log-start",
    "nat-type", "negate-destination", "negate-source", "rule-type", "schedule", "to-interface", "uuid",
})  # fmt: skip
_SCALARS = _RULE_SCALARS | frozenset({
    "bi-directional", "comment", "destination", "fqdn", "filter", "hostname", "interface", "ip-address", "ip-netmask",
    "ip-range", "ip-wildcard", "metric", "next-vr", "parent-dg", "port", "source-port", "translated-port",
})  # fmt: skip


@dataclass(slots=True)
class Config:
    """The tree, with the lines that each element stands on."""

    export: Export
    root: Element  # `config`
    version: str
    lines: dict[int, list[int]] | None = None  # of `set` commands: the lines that wrote an element, by its id
    told: int = 0
    _faulted: set[tuple[int, str]] = field(default_factory=set)

    def mark(self, element: Element, state: LineState) -> None:
        """State what became of an element and all that stands in it."""
        if self.lines is None:
            for line in range(element.line, element.last_line + 1):
                self.export.mark(line, state)
            return
        waiting = [element]
        while waiting:
            one = waiting.pop()
            for line in self.lines.get(id(one), ()):
                self.export.mark(line, state)
            waiting += one.children

    def mark_frame(self, element: Element, state: LineState) -> None:
        """State what became of an element without what stands in it."""
        if self.lines is None:
            self.export.mark(element.line, state)
            self.export.mark(element.last_line, state)
        else:
            for line in self.lines.get(id(element), ()):
                self.export.mark(line, state)

    def fault(self, element: Element, state: LineState, message: Text) -> None:
        """Tell that an element was not understood, once."""
        self.mark(element, state)
        key = (element.line, message.en)
        if key in self._faulted or self.told >= MOST_FAULTS:
            return
        self._faulted.add(key)
        self.told += 1
        self.export.fault(element.line, state, message)


def read(export: Export) -> Config:
    """Read an export in either form. Raises InputRefusedError when XML is broken as a whole."""
    first = next((line.lstrip() for line in export.lines if line.strip()), "")
    if first.startswith("<") or any(line.lstrip().startswith("<config") for line in export.lines[:64]):
        return _from_xml(export)
    return _SetCommands(export).config()


def _from_xml(export: Export) -> Config:
    lines = [line.replace(REDACTED, "redacted") for line in export.lines]
    for at, line in enumerate(lines):  # what a terminal wrote before
        if line.lstrip().startswith("<"):
            break
        if _PROMPT.match(line):
            export.mark(at + 1, LineState.IRRELEVANT)
        lines[at] = ""
    try:
        root = xmltree.read("\n".join(lines))
    except xmltree.XmlRefusedError as error:
        raise InputRefusedError(_broken(export.file, error.line, str(error))) from None
    found = root if root.tag == "config" else _first_config(root)
    if found is None:
        raise InputRefusedError(_no_config(export.file))
    config = Config(
        export, found, found.attributes.get("detail-version") or found.attributes.get("version", "")
    )
    _put_away(export, root)
    _mark_comments(export)
    if root is not found:  # the envelope of an API answer
        for number in (*range(root.line, found.line + 1), *range(found.last_line, root.last_line + 1)):
            export.mark(number, LineState.IRRELEVANT)
    return config


def _put_away(export: Export, root: Element) -> None:
    """Put the secrets of an XML configuration out of sight, which stand between tags."""
    for element in _every(root):
        if element.tag not in _SECRET_TAGS or element.children:
            continue
        for part in element.text.splitlines():
            for number in range(element.line, element.last_line + 1):
                if (
                    len(part.strip()) > 1
                    and part.strip() != "redacted"
                    and part.strip() in export.lines[number - 1]
                ):
                    export.redact(number, part.strip())


def _mark_comments(export: Export) -> None:
    """Mark the lines of XML that hold nothing but the declaration or comments."""
    inside = False
    for at, line in enumerate(export.lines):
        stripped = line.strip()
        if inside or stripped.startswith(("<?xml", "<!--")):
            export.mark(at + 1, LineState.IRRELEVANT)
            begins, ends = stripped.rfind("<!--"), stripped.rfind("-->")
            inside = ends < begins if begins >= 0 else (inside and ends < 0)


def _first_config(root: Element) -> Element | None:
    return next((one for one in _every(root) if one.tag == "config" and one.children), None)


def _every(root: Element) -> Iterator[Element]:
    waiting = [root]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += reversed(one.children)


class _SetCommands:
    """Builds the tree from `set` commands, in which names and values stand without tags."""

    def __init__(self, export: Export) -> None:
        self.export = export
        self.root = Element(tag="config", attributes={}, line=1)
        self.lines: dict[int, list[int]] = {}
        self.index: dict[tuple[int, str, str], Element] = {}
        self.moved = 0
        self.gone: list[Element] = []

    def config(self) -> Config:
        config = Config(self.export, self.root, "", self.lines)
        for at, line in enumerate(self.export.lines):
            stripped = line.strip()
            if not stripped or stripped[0] in "#!" or _PROMPT.match(stripped):
                self.export.mark(at + 1, LineState.IRRELEVANT)
                continue
            words = _words(stripped)
            verb = words[0] if words else ""
            if verb == "set" and len(words) > 1:
                self._set(words[1:], at + 1)
            elif verb in ("delete", "move") and len(words) > 2 and self._rearrange(verb, words[1:]):
                self.export.mark(at + 1, LineState.PARSED)
            elif verb in ("configure", "commit", "exit", "quit", "show", "edit", "top"):
                self.export.mark(at + 1, LineState.IRRELEVANT)
            else:
                self.export.mark(at + 1, LineState.UNKNOWN)
                if config.told < MOST_FAULTS:
                    config.told += 1
                    self.export.fault(at + 1, LineState.UNKNOWN, _no_command())
        return config

    def _start(self, words: list[str]) -> tuple[Element, list[str]]:
        """Find where a command begins: a firewall without vsys writes as if in its only one."""
        if words[0] in ("shared", "mgt-config", "panorama", "readonly", "predefined"):
            return self.root, words
        device = self._child(self._child(self.root, "devices", 0), "entry", 0, "localhost.localdomain")
        if words[0] in (
            "vsys",
            "device-group",
            "network",
            "deviceconfig",
            "template",
            "template-stack",
            "log-collector-group",
        ):
            return device, words
        return self._child(self._child(device, "vsys", 0), "entry", 0, "vsys1"), words

    def _set(self, words: list[str], line: int) -> None:
        node, words = self._start(words)
        parent, at, depth = node, 0, 0
        path: list[str] = [node.tag]
        while at < len(words) and depth < _DEEPEST:
            word, depth = words[at], depth + 1
            in_rule = len(path) > 1 and path[-2] == "rules"
            kind = _kind(path, word, in_rule=in_rule)
            child = self._child(node, word, line)
            if word in _SECRET_TAGS and at + 1 < len(words):
                for secret in words[at + 1 :]:
                    if len(secret) > 1:
                        self.export.redact(line, secret)
                self._wrote(child, line)
                return
            if kind == "named" and at + 1 < len(words):
                child = self._child(child, "entry", line, words[at + 1])
                parent, node, path = child, child, [*path, word, "entry"]
                at += 2
            elif kind in ("list", "scalar") and at + 1 < len(words):
                values, at = _values(words, at + 1)
                if kind == "scalar":
                    child.text = " ".join(values)
                    self._wrote(child, line)
                    continue
                for value in values:
                    key = (id(child), "member", value)
                    if key not in self.index:
                        member = Element(tag="member", attributes={}, line=line, last_line=line, text=value)
                        self.index[key] = member
                        child.children.append(member)
                    self._wrote(self.index[key], line)
            else:
                node, path = child, [*path, word]
                at += 1
        self._wrote(node if node is not parent else parent, line)

    def _child(self, node: Element, tag: str, line: int, name: str | None = None) -> Element:
        key = (id(node), tag, name or "")
        if key not in self.index:
            attributes = {} if name is None else {"name": name}
            self.index[key] = Element(tag=tag, attributes=attributes, line=line, last_line=line)
            node.children.append(self.index[key])
        return self.index[key]

    def _wrote(self, element: Element, line: int) -> None:
        self.lines.setdefault(id(element), []).append(line)

    def _rearrange(self, verb: str, words: list[str]) -> bool:
        """Delete or move one rule; anything else is not followed."""
        if "rules" not in words[:-1]:
            return False
        start, words = self._start(words)
        at = words.index("rules")
        node = self._walk(start, words[: at + 1])
        if node is None:
            return False
        names = {one.attributes.get("name", ""): one for one in node.children}
        rule, rest = names.get(words[at + 1]), words[at + 2 :]
        self.moved += len(names)
        if rule is None or self.moved > MOST_MOVED:
            return False
        if verb == "delete":
            return not rest and self._delete(node, rule)
        return bool(rest) and _move(node, rule, rest, names)

    def _walk(self, node: Element | None, words: list[str]) -> Element | None:
        """Follow tags and names of entries from an element downwards."""
        for word in words:
            if node is None:
                return None
            named = any(one.tag == "entry" for one in node.children)
            node = self.index.get((id(node), "entry", word) if named else (id(node), word, ""))
        return node

    def _delete(self, node: Element, rule: Element) -> bool:
        node.children = [one for one in node.children if one is not rule]
        self.index.pop((id(node), "entry", rule.attributes["name"]), None)
        self.gone.append(rule)  # kept, so that its id stays its own
        for one in _every(rule):
            for line in self.lines.get(id(one), ()):
                self.export.mark(line, LineState.IRRELEVANT)
        return True


def _move(node: Element, rule: Element, rest: list[str], names: dict[str, Element]) -> bool:
    others = [one for one in node.children if one is not rule]
    if rest[0] in ("top", "bottom"):
        others.insert(0 if rest[0] == "top" else len(others), rule)
    elif rest[0] in ("before", "after") and len(rest) == 2 and names.get(rest[1], rule) is not rule:
        at = next(at for at, one in enumerate(others) if one is names[rest[1]])
        others.insert(at + (rest[0] == "after"), rule)
    else:
        return False
    node.children = others
    return True


def _kind(path: list[str], word: str, *, in_rule: bool) -> str:
    """Tell what a word of a `set` command is by where it stands: a named entry, a list, one value, or a tag."""
    if in_rule:
        if word in _RULE_SCALARS or (word == "service" and "nat" in path):
            return "scalar"
        return "list" if word in _LISTS else "tag"
    group = path[-1] if path[-1] != "entry" else path[-2] if len(path) > 1 else ""
    if group in ("address-group", "service-group"):
        return "list" if word in ("static", "members") else "scalar" if word in _SCALARS else "tag"
    scope = path[-1] in ("entry", "shared", "panorama") and len(path) < 6 and "network" not in path
    if scope and word in _NAMED_IN_SCOPE and group not in _NAMED_IN_SCOPE:
        return "named"
    return _kind_within(path, word)


def _kind_within(path: list[str], word: str) -> str:
    """Tell what a word is below zones, interfaces, routers and translations."""
    here, router = path[-1], path[-2:] in (["virtual-router", "entry"], ["vrf", "entry"])
    if word == "interface" and here == "network":
        return "tag"
    if word in _NAMED or (word in ("ip", "address") and "interface" in path and "network" in path):
        return "list" if path[-3:] == ["zone", "entry", "network"] else "named"
    if word == "translated-address":
        return "scalar" if "destination-translation" in path or here == "static-ip" else "list"
    if (
        path[-3:] == ["zone", "entry", "network"]
        or (router and word == "interface")
        or word == "non-recurring"
        or here == "recurring"
        or (word == "tag" and "units" not in path)
    ):
        return "list"
    return "scalar" if word in _SCALARS or word == "tag" else "tag"


def _words(text: str) -> list[str]:
    return [
        quoted.replace('\\"', '"') if quoted else (opening or closing or bare or rest)
        for quoted, opening, closing, bare, rest in _TOKEN.findall(text)
        if quoted or opening or closing or bare or rest.strip()
    ]


def _values(words: list[str], at: int) -> tuple[list[str], int]:
    """Take one value, or all between brackets."""
    if words[at] != "[":
        return [words[at]], at + 1
    end = words.index("]", at) if "]" in words[at:] else len(words)
    return words[at + 1 : end], end + 1


def _broken(file: str, line: int, why: str) -> Text:
    return Text(
        ja=f"{file}:{line}: XML として読めません（{why}）。PAN-OS の設定を XML のまま書き出し直してください。",
        en=f"{file}:{line}: this cannot be read as XML ({why}); export the PAN-OS configuration again, as it is.",
    )


def _no_config(file: str) -> Text:
    return Text(
        ja=f"{file}: <config> がありません。PAN-OS の設定（running-config など）を XML で書き出してください。",
        en=f"{file}: there is no <config>; export the PAN-OS configuration (running-config) as XML.",
    )


def _no_command() -> Text:
    return Text(
        ja="この行は PAN-OS の設定コマンドとして読めません。意味に含めません。",
        en="This line cannot be read as a command of PAN-OS; it is left out of the meaning.",
    )
