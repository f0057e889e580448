"""A configuration of PAN-OS to a ruleset for each virtual system or device group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.firewall.model import Rewrite, Ruleset
from zoneguard.firewall.vendors.panos.accounts import account
from zoneguard.firewall.vendors.panos.config import read
from zoneguard.firewall.vendors.panos.nat import translations
from zoneguard.firewall.vendors.panos.network import net_of
from zoneguard.firewall.vendors.panos.objects import Objects
from zoneguard.firewall.vendors.panos.rules import Rulebase, security

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.vendors.panos.config import Config
    from zoneguard.firewall.xmltree import Element

DEEPEST = 16  # device groups nest four deep


def parse(export: Export) -> tuple[Ruleset, ...]:
    """Read a configuration."""
    config = read(export)
    account(config)
    device = config.root.find("devices", "entry")
    shared = [one for tag in ("panorama", "shared") for one in config.root.all(tag)]
    host = (device.word("deviceconfig", "system", "hostname") if device else None) or "pan-os"
    groups = list(device.all("device-group", "entry")) if device else []
    if groups:
        return tuple(_of_group(config, host, group, groups, shared) for group in groups)
    vsys = list(device.all("vsys", "entry")) if device else []
    return tuple(
        _ruleset(
            config,
            f"{host}/{_name(one)}" if len(vsys) > 1 else host,
            [one, *_pushed(config, one), *shared],
            device,
        )
        for one in vsys
    )


def _name(entry: Element) -> str:
    return entry.attributes.get("name", "")


def _pushed(config: Config, vsys: Element) -> list[Element]:
    """Give what Panorama pushed to one vsys, as a merged configuration holds it."""
    return [one for one in config.root.all("panorama", "vsys", "entry") if _name(one) == _name(vsys)]


def _of_group(
    config: Config, host: str, group: Element, groups: list[Element], shared: list[Element]
) -> Ruleset:
    """Give the rules of one device group of Panorama, within those of the groups above it."""
    parents = {
        _name(one): one.word("parent-dg") or ""
        for one in config.root.all("readonly", "devices", "entry", "device-group", "entry")
    }
    by_name = {_name(one): one for one in groups}
    chain = [group]
    while len(chain) < DEEPEST:
        above = by_name.get(parents.get(_name(chain[-1])) or chain[-1].word("parent-dg") or "")
        if above is None or above in chain:
            break
        chain.append(above)
    return _ruleset(config, f"{host}/{_name(group)}", [*chain, *shared], None)


def _ruleset(config: Config, device_name: str, scopes: list[Element], device: Element | None) -> Ruleset:
    """Make the ruleset of scopes, the innermost first: outer rules before, inner ones between, outer ones after."""
    objects = Objects(config, scopes)
    stack = [
        *(("pre ", scope, "pre-rulebase") for scope in reversed(scopes)),
        *(("", scope, "rulebase") for scope in scopes),
        *(("post ", scope, "post-rulebase") for scope in scopes),
    ]
    bases = [
        Rulebase(said=said, rules=list(scope.all(tag, "security", "rules", "entry")))
        for said, scope, tag in stack
    ]
    nat = [(said, entry) for said, scope, tag in stack for entry in scope.all(tag, "nat", "rules", "entry")]
    defaults = [
        entry
        for scope in scopes
        for tag in ("rulebase", "post-rulebase")
        for entry in scope.all(tag, "default-security-rules", "rules", "entry")
    ]
    named = {
        word
        for entry in (*(rule for base in bases for rule in base.rules), *(rule for _, rule in nat))
        for key in ("from", "to")
        for word in entry.words(key, "member")
        if word != "any"
    }
    net = net_of(config, scopes, device, objects, named)
    rewrite = tuple(translations(config, nat, net, objects))
    return Ruleset(
        device=device_name,
        format="panos",
        steps=(
            security(config, bases, defaults, net, objects),
            *([Rewrite(name="nat", translations=rewrite)] if rewrite else []),
        ),
        interfaces=net.interfaces,
        routes=net.routes,
        version=config.version,
    )
