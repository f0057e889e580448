"""XML exports as a tree in file order, each element with its line; no entities, no document type, bounded depth.

Expat itself, because every object of an export needs its line, which neither ElementTree nor defusedxml keeps
and lxml keeps only to line 65,535.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

if TYPE_CHECKING:
    from collections.abc import Iterator

DEEPEST = 128
MOST_ELEMENTS = 5_000_000


class XmlRefusedError(ValueError):
    """The text is not XML that an export may hold; `line` says where."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


@dataclass(slots=True)
class Element:
    """An element: its tag, attributes, own text (stripped), children in file order, first and last line."""

    tag: str
    attributes: dict[str, str]
    line: int
    last_line: int = 0
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def find(self, *path: str) -> Element | None:
        """Give the first element at a path of tags; None when there is none."""
        return next(self.all(*path), None)

    def all(self, *path: str) -> Iterator[Element]:
        """Yield every element at a path of tags, in file order."""
        if not path:
            yield self
            return
        for child in self.children:
            if child.tag == path[0]:
                yield from child.all(*path[1:])

    def words(self, *path: str) -> list[str]:
        """Give the texts of every element at a path of tags."""
        return [one.text for one in self.all(*path)]

    def word(self, *path: str) -> str | None:
        """Give the text of the first element at a path of tags."""
        found = self.find(*path)
        return None if found is None else found.text


def read(text: str) -> Element:
    """Read a document. Raises XmlRefusedError, with the line, for everything else."""
    parser = expat.ParserCreate("utf-8")
    building = _Building(parser)
    parser.StartElementHandler = building.begin
    parser.EndElementHandler = building.end
    parser.CharacterDataHandler = building.characters
    parser.StartDoctypeDeclHandler = building.refuse_doctype
    parser.EntityDeclHandler = building.refuse_entity
    parser.buffer_text = True
    try:
        # A declared encoding is that of the file; the text has been decoded.
        parser.Parse(text.encode("utf-8", "replace"), True)  # noqa: FBT003 - expat takes positions only
    except expat.ExpatError as error:
        raise XmlRefusedError(expat.errors.messages[error.code], error.lineno) from None
    if building.root is None:
        raise XmlRefusedError("no element", 1)
    return building.root


class _Building:
    def __init__(self, parser: expat.XMLParserType) -> None:
        self.parser = parser
        self.open: list[Element] = []
        self.texts: list[list[str]] = []
        self.root: Element | None = None
        self.count = 0

    def begin(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if len(self.open) >= DEEPEST or self.count > MOST_ELEMENTS:
            raise XmlRefusedError("too deep or too many elements", self.parser.CurrentLineNumber)
        element = Element(tag=tag, attributes=attributes, line=self.parser.CurrentLineNumber)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)
        self.texts.append([])

    def end(self, tag: str) -> None:  # noqa: ARG002 - expat has matched it
        element = self.open.pop()
        element.text = "".join(self.texts.pop()).strip()
        element.last_line = self.parser.CurrentLineNumber

    def characters(self, text: str) -> None:
        if self.texts:
            self.texts[-1].append(text)

    def refuse_doctype(self, *_: object) -> None:
        raise XmlRefusedError("a document type", self.parser.CurrentLineNumber)

    def refuse_entity(self, *_: object) -> None:
        raise XmlRefusedError("an entity", self.parser.CurrentLineNumber)
