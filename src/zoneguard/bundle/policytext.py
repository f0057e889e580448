"""zones.yaml under pseudonyms: every value by what its key means, comments left out, whatever is unknown replaced."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Final

import yaml

from zoneguard.net.address import mac_number, mac_text
from zoneguard.policy.yamltext import read_yaml

if TYPE_CHECKING:
    from zoneguard.bundle.pseudonyms import Pseudonyms

# What a key holds, whatever it stands under; a key that is not here holds a name or free text.
_HOLDS: Final[dict[str, str]] = {
    **dict.fromkeys(("cidr", "addresses"), "network"),
    **dict.fromkeys(("macs", "next_hops", "routers"), "mac"),
    **dict.fromkeys(("zone", "zones", "between", "extends", "leg", "from", "to"), "zone"),
    **dict.fromkeys(("role", "principle", "sanitizes", "kind", "services", "protocol", "format"), "word"),
    **dict.fromkeys(("on", "until", "every", "rule", "severity", "model", "timezone"), "word"),
    "names": "host",
    "mode": "mode",
}
# Names that other parts of the file, or of the report, use as well.
_KINDS: Final = {one: one for one in ("sensor", "gateway", "vrf", "interface")}
# Whose keys are names: of what kind, and what the values below them are if these are not parts of their own.
_NAMED: Final = {"zones": "zone", "gateways": "gateway", "sensors": "sensor", "devices": "device"}
_IDS: Final = {"flows": "flow", "noise": "noise", "waivers": "waiver"}
_MODES: Final = frozenset({"text-only", "text-plus-sanitized-attachment", "rebuild"})


def conceal_policy(octets: bytes, names: Pseudonyms) -> bytes:
    """Write a policy anew under pseudonyms; raises InputRefusedError when it is no YAML."""
    document = read_yaml(octets, "zones.yaml").value
    concealed = {key: _part(key, value, names) for key, value in document.items()}
    text = yaml.safe_dump(concealed, allow_unicode=True, sort_keys=False, width=120)
    return text.encode()


def _part(key: str, value: Any, names: Pseudonyms) -> Any:  # noqa: ANN401 - what YAML gives
    if key in _NAMED and isinstance(value, dict):
        return {_key(key, str(name), names): _value("", one, key, names) for name, one in value.items()}
    if key == "organization":
        # By its Japanese name, as the report calls it.
        made = names.name("organization", str(value.get("ja"))) if isinstance(value, dict) else "organization"
        return {"ja": made, "en": made}
    return _value(key, value, key, names)


def _key(part: str, name: str, names: Pseudonyms) -> str:
    return names.zone(name) if part == "zones" else names.name(_NAMED[part], name)


def _value(key: str, value: Any, part: str, names: Pseudonyms) -> Any:  # noqa: ANN401 - what YAML gives
    if isinstance(value, dict):
        if key == "legs":
            return {
                names.zone(str(zone)): _value("addresses", one, part, names) for zone, one in value.items()
            }
        if key == "interfaces":
            return {names.name("interface", str(name)): names.zone(str(one)) for name, one in value.items()}
        return {str(name): _value(str(name), one, part, names) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_value(key, one, part, names) for one in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _scalar(key, str(value), part, names)


def _scalar(key: str, text: str, part: str, names: Pseudonyms) -> str:
    if key == "id" and part in _IDS:
        return names.name(_IDS[part], text)
    made = _BY_KIND.get(_HOLDS.get(key, ""))
    return made(text, names) if made is not None else names.name(_KINDS.get(key, "text"), text)


def _network(text: str, names: Pseudonyms) -> str:
    network = names.network(ip_network(text))
    return str(network) if "/" in text else str(network.network_address)


def _mac(text: str, names: Pseudonyms) -> str:
    return mac_text(names.mac(mac_number(text)))


def _zone(text: str, names: Pseudonyms) -> str:
    return names.zone(text)


def _host(text: str, names: Pseudonyms) -> str:
    return names.name("host", text) + ".example"


def _word(text: str, names: Pseudonyms) -> str:  # noqa: ARG001 - one of several alike
    return text


def _mode(text: str, names: Pseudonyms) -> str:
    return text if text in _MODES else names.name("text", text)


_BY_KIND: Final = {
    "network": _network,
    "mac": _mac,
    "zone": _zone,
    "host": _host,
    "word": _word,
    "mode": _mode,
}
