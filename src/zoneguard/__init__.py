"""ZoneGuard: proves with evidence whether a network keeps its zones apart."""

__version__ = "0.1.0"
