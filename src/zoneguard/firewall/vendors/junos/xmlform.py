"""`show configuration | display xml` as the same tree: element names are the words, keys of lists are left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.errors import InputRefusedError
from zoneguard.firewall import xmltree
from zoneguard.firewall.model import LineState
from zoneguard.firewall.secrets import REDACTED
from zoneguard.firewall.vendors.junos.tree import DEEPEST, Node, Tree
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.xmltree import Element

# Elements whose text is the word, because the command line names no key there.
_KEYS = frozenset({
    "addr-prefix", "address-value", "dst-addr", "filter-name", "from-zone-name", "ip-prefix", "ipaddr", "name",
    "pool-name", "range-high", "range-low", "src-addr", "to-zone-name", "dest-port", "high", "low", "to-port",
    "value-list", "edit-list",
})  # fmt: skip
_RENAMED = {"dest-nat-rule-match": "match", "src-nat-rule-match": "match", "static-nat-rule-match": "match"}
# Lists that the command line writes without the name of the list.
_LEFT_OUT = {
    ("interfaces", "interface"),
    ("routing-instances", "instance"),
    ("logical-systems", "logical-system"),
}


def read_xml(export: Export) -> Tree:
    """Read a configuration in XML. Raises InputRefusedError when it is none."""
    try:
        document = xmltree.read("\n".join(export.lines).replace(REDACTED, "-"))
    except xmltree.XmlRefusedError as error:
        raise InputRefusedError(_broken(export.file, error.line, str(error))) from None
    tree = Tree()
    configuration = _configuration(document)
    if configuration is None:
        raise InputRefusedError(_broken(export.file, 1, "no <configuration>"))
    for number in range(1, len(export.lines) + 1):
        if not configuration.line < number < configuration.last_line:
            export.mark(number, LineState.IRRELEVANT)
    waiting: list[tuple[Element, Node, str, int]] = [
        (one, tree.root, "configuration", 1) for one in reversed(configuration.children)
    ]
    while waiting:
        element, under, around, depth = waiting.pop()
        if depth > DEEPEST:
            export.mark(element.line, LineState.UNKNOWN)
            continue
        node, keys = _word(element, under, around)
        node.inactive |= element.attributes.get("inactive") == "inactive"
        node.comment = node.comment or element.attributes.get("comment", "")
        own = [element, *(one for one in element.children if id(one) in keys)]
        for line in sorted({line for one in own for line in (one.line, one.last_line)}):
            tree.statements.append((line, node))
        waiting += [
            (one, node, element.tag, depth + 1) for one in reversed(element.children) if id(one) not in keys
        ]
    return tree


def _configuration(document: Element) -> Element | None:
    waiting = [document]
    for _ in range(100_000):
        if not waiting:
            return None
        one = waiting.pop()
        if one.tag.rpartition(":")[2] == "configuration":
            return one
        waiting += reversed(one.children)
    return None


def _word(element: Element, under: Node, around: str) -> tuple[Node, frozenset[int]]:
    """Place the words of one element; give the last one and the children that were its keys."""
    tag = element.tag.rpartition(":")[2]
    tag = _RENAMED.get(tag, tag)
    keys: list[Element] = []
    if tag == "policy" and element.find("from-zone-name") is not None:
        source, destination = element.find("from-zone-name"), element.find("to-zone-name")
        keys = [one for one in (source, destination) if one is not None]
        words = ["from-zone", keys[0].text, "to-zone", keys[1].text] if len(keys) == 2 else [tag]
    elif tag in _KEYS:
        words = [element.text] if element.text else []
    else:
        words = [] if (around, tag) in _LEFT_OUT else [tag]
        name = element.find("name")
        if name is not None and name.text:
            keys = [name]
            words.append(name.text)
        elif element.text and not element.children:
            words.append(element.text)
    at = under
    for word in words:
        at = at.child(word, element.line)
    for one in keys:
        one.tag = "name"
    return at, frozenset(id(one) for one in keys)


def _broken(file: str, line: int, said: str) -> Text:
    return Text(
        ja=f"{file}:{line}: Junos の XML として読めません（{said}）。show configuration | display set の出力を渡してください。",
        en=f"{file}:{line}: this is no Junos configuration in XML ({said}); give the output of show configuration | display set.",
    )
