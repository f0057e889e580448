"""What became of each part of a PAN-OS configuration: read, harmless by its name, not modelled, or not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.firewall.model import LineState
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.vendors.panos.config import Config
    from zoneguard.firewall.xmltree import Element

_OBJECTS = frozenset({"address", "address-group", "schedule", "service", "service-group", "zone"})
_RULEBASES = frozenset({"post-rulebase", "pre-rulebase", "rulebase"})
_READ_RULES = frozenset({"default-security-rules", "nat", "security"})
_HARMLESS_RULES = frozenset({
    "application-override", "authentication", "captive-portal", "decryption", "qos", "tunnel-inspect",
})  # fmt: skip
_LEFT_OUT_RULES = frozenset({"dos", "network-packet-broker", "pbf", "sdwan"})
_HARMLESS = {
    "config": frozenset({"mgt-config", "predefined", "readonly"}),
    "device": frozenset({
        "authentication-profile", "certificate", "certificate-profile", "deviceconfig", "log-collector", "log-collector-group",
        "platform", "plugins", "server-profile", "vm-info-source", "wildfire-appliance", "wildfire-appliance-cluster",
    }),
    "network": frozenset({
        "dhcp", "dns-proxy", "gre", "ike", "lldp", "profiles", "proxy", "qos", "routing-profile", "shared-gateway", "tunnel",
        "underlay-net", "virtual-wire", "vlan",
    }),
    "scope": frozenset({
        "admin-role", "alg-override", "allow-forward-decrypted-content", "application", "application-filter", "application-group",
        "application-group-override", "application-status", "application-tag", "application-type", "authentication-object",
        "authentication-profile", "authentication-sequence", "botnet", "captive-portal", "certificate",
        "certificate-profile", "cloud-identity-engine", "content-preview", "description", "device-object", "devices", "display-name", "dns-proxy",
        "dynamic-user-group", "email-scheduler", "external-list", "global-protect", "group-mapping", "hip-objects",
        "hip-profiles", "iot", "ipsec-crypto-profiles", "ldap", "local-user-database", "log-settings", "mfa-server-profile",
        "ocsp-responder", "override", "parent-dg", "pdf-summary-report", "profile-group", "profiles", "redistribution-agent",
        "redistribution-collector", "reference-templates", "region", "report-group", "reports", "response-page",
        "saml-idp", "sdwan", "sdwan-interface-profile", "server-profile", "setting", "ssl-decrypt", "ssl-exclude-cert",
        "ssl-tls-service-profile", "ssl-tls-profile", "sso", "tag", "threats", "to-sw-version", "ts-agent", "url-admin-override", "url-content-types",
        "user-id-agent", "user-id-agent-sequence", "user-id-collector", "user-id-hub", "user-id-ssl-auth", "vm-info-source",
        "vm-info-sources", "workflow",
    }),
}  # fmt: skip


def account(config: Config) -> None:
    """Mark every part once, before its meaning is asked; meaning may make the state worse."""
    root = config.root
    config.mark_frame(root, LineState.PARSED)
    for child in root.children:
        if child.tag in ("shared", "panorama"):
            _scope(config, child)
        elif child.tag == "devices":
            config.mark_frame(child, LineState.PARSED)
            for device in child.all("entry"):
                _device(config, device)
        else:
            _by_name(config, child, "config")


def _device(config: Config, device: Element) -> None:
    config.mark_frame(device, LineState.PARSED)
    for child in device.children:
        if child.tag in ("vsys", "device-group"):
            config.mark_frame(child, LineState.PARSED)
            for entry in child.all("entry"):
                _scope(config, entry)
        elif child.tag == "network":
            config.mark_frame(child, LineState.PARSED)
            for one in child.children:
                if one.tag in ("interface", "virtual-router", "logical-router"):
                    config.mark(one, LineState.PARSED)
                else:
                    _by_name(config, one, "network")
        elif child.tag in ("template", "template-stack"):
            config.mark(child, LineState.UNSUPPORTED)
            config.fault(child, LineState.UNSUPPORTED, _templates())
        else:
            _by_name(config, child, "device")


def _scope(config: Config, scope: Element) -> None:
    config.mark_frame(scope, LineState.PARSED)
    for child in scope.children:
        if child.tag in _OBJECTS:
            config.mark(child, LineState.PARSED)
        elif child.tag in _RULEBASES:
            _rulebase(config, child)
        elif child.tag == "import" or (scope.tag == "panorama" and child.tag in ("vsys", "device-group")):
            config.mark_frame(child, LineState.PARSED)
            if child.tag == "import":
                config.mark(child, LineState.IRRELEVANT)
                continue
            for entry in child.all("entry"):
                _scope(config, entry)
        else:
            _by_name(config, child, "scope")


def _rulebase(config: Config, base: Element) -> None:
    config.mark_frame(base, LineState.PARSED)
    for child in base.children:
        if child.tag in _READ_RULES:
            config.mark(child, LineState.PARSED)
        elif child.tag in _HARMLESS_RULES:
            config.mark(child, LineState.IRRELEVANT)
        elif child.tag in _LEFT_OUT_RULES:
            config.mark(child, LineState.UNSUPPORTED)
            if child.find("rules", "entry") is not None:
                config.fault(child, LineState.UNSUPPORTED, _rules_left_out(child.tag))
        else:
            config.fault(child, LineState.UNKNOWN, _part_unknown(child.tag))


def _by_name(config: Config, element: Element, where: str) -> None:
    if element.tag in _HARMLESS[where]:
        config.mark(element, LineState.IRRELEVANT)
    else:
        config.fault(element, LineState.UNKNOWN, _part_unknown(element.tag))


def _templates() -> Text:
    return Text(
        ja="Panorama のテンプレートは扱えません。インターフェースと経路はファイアウォール本体の設定から読んでください。",
        en="Templates of Panorama are not modelled; read interfaces and routes from the firewalls' own exports.",
    )


def _rules_left_out(tag: str) -> Text:
    return Text(
        ja=f"ルールベース「{tag}」は中継の可否や経路を変えうるものですが、扱えません。判定に含めません。",
        en=f"The rulebase {tag!r} may deny or divert forwarded packets and is not modelled; verdicts leave it out.",
    )


def _part_unknown(tag: str) -> Text:
    return Text(
        ja=f"「{tag[:80]}」は知られていません。中継の可否に関わるかどうかは判断できません。",
        en=f"{tag[:80]!r} is not known; whether it bears on forwarded packets cannot be said.",
    )
