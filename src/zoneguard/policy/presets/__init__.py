"""Complete policies to start from, one for each model, and what each model's zones owe one another."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from zoneguard.policy.model import Model, Principle, Role, Separation
from zoneguard.policy.yamltext import read_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

PRESETS = (
    "alpha",
    "alpha-prime",
    "beta",
    "beta-prime",
    "four-zone",
)


def preset(name: str) -> str:
    """Give the text of a preset; `name` is one of PRESETS."""
    if name not in PRESETS:
        raise ValueError(f"There is no preset {name!r}; there are {', '.join(PRESETS)}.")
    return files(__package__).joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def default_separations(model: Model, zones: Mapping[str, Role]) -> tuple[Separation, ...]:
    """Give what the model's zones owe one another, for a policy's own zone names.

    A custom model owes what it writes itself, so it has no defaults.
    """
    if model is Model.CUSTOM:
        return ()
    return tuple(
        Separation(between=(one, other), principle=principle)
        for first, second, principle in _owed(model)
        for one in _named(first, zones)
        for other in _named(second, zones)
    )


@cache
def _owed(model: Model) -> tuple[tuple[str, str, Principle], ...]:
    """Read the preset's separations, with each zone written as its role."""
    value = read_yaml(preset(model.value).encode(), f"{model.value}.yaml").value
    roles = {name: zone["role"] for name, zone in value["zones"].items() if "role" in zone} | {"*": "*"}
    return tuple(
        (roles[first], roles[second], Principle(row["principle"]))
        for row in value["separations"]
        for first, second in [row["between"]]
    )


def _named(role: str, zones: Mapping[str, Role]) -> tuple[str, ...]:
    return ("*",) if role == "*" else tuple(name for name, own in zones.items() if own == role)
