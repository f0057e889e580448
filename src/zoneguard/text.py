"""Words in Japanese and English, kept side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Lang = Literal["ja", "en"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One sentence in both languages; an empty language is refused."""

    ja: str
    en: str

    def __post_init__(self) -> None:
        if not self.ja.strip() or not self.en.strip():
            raise ValueError("A text needs both its Japanese and its English wording.")

    def in_(self, lang: Lang) -> str:
        """Give the wording in one language."""
        return self.ja if lang == "ja" else self.en
