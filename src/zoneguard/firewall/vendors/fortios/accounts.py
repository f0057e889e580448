"""What became of each line of a FortiOS configuration: read, harmless by its name, not modelled, or not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.firewall.model import LineState
from zoneguard.firewall.vendors.fortios import defaults, policy
from zoneguard.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from zoneguard.firewall.export import Export
    from zoneguard.firewall.vendors.fortios.tree import Entry, Table, Tree

MOST_FAULTS = 2000  # lines that are told one by one; all keep their state

# The settings that are read, by block; in these blocks every other one must be known as harmless.
_READ: dict[str, frozenset[str]] = {
    "firewall address": frozenset({
        "allow-routing", "cache-ttl", "country", "end-ip", "end-mac", "epg-name", "filter", "fqdn", "fsso-group", "hw-model",
        "hw-vendor", "interface", "macaddr", "node-ip-only", "obj-id", "obj-tag", "obj-type", "organization", "os",
        "policy-group", "route-tag", "sdn", "sdn-addr-type", "sdn-tag", "start-ip", "start-mac", "sub-type", "subnet",
        "subnet-name", "sw-version", "tag-detection-level", "tag-type", "tenant", "type", "wildcard", "wildcard-fqdn",
    }),
    "firewall address6": frozenset({
        "country", "end-ip", "end-mac", "fqdn", "host", "host-type", "ip6", "macaddr", "obj-id", "route-tag", "sdn", "sdn-tag",
        "start-ip", "start-mac", "template", "type",
    }),
    "firewall addrgrp": frozenset({"exclude", "exclude-member", "member", "type"}),
    "firewall addrgrp6": frozenset({"exclude", "exclude-member", "member", "type"}),
    "firewall central-snat-map": frozenset({
        "dst-addr", "dst-addr6", "dst-port", "dstintf", "nat", "nat-ippool", "nat-ippool6", "nat-port", "orig-addr",
        "orig-addr6", "orig-port", "protocol", "srcintf", "status", "type",
    }),
    "firewall consolidated policy": policy.UNDERSTOOD,
    "firewall ippool": frozenset({"endip", "endport", "source-endip", "source-startip", "startip", "startport", "type"}),
    "firewall ippool6": frozenset({"endip", "nat46", "startip"}),
    "firewall policy": policy.UNDERSTOOD,
    "firewall policy6": policy.UNDERSTOOD,
    "firewall schedule group": frozenset({"member"}),
    "firewall schedule onetime": frozenset({"end", "end-utc", "start", "start-utc"}),
    "firewall schedule recurring": frozenset({"day", "end", "start"}),
    "firewall service custom": frozenset({
        "app-category", "app-service-type", "application", "fqdn", "icmpcode", "icmptype", "iprange", "protocol",
        "protocol-number", "proxy", "sctp-portrange", "tcp-portrange", "udp-portrange", "udplite-portrange",
    }),
    "firewall service group": frozenset({"member", "proxy"}),
    "firewall vip": frozenset({
        "extaddr", "extintf", "extip", "extport", "mapped-addr", "mappedip", "mappedport", "nat-source-vip", "nat44",
        "nat46", "one-click-gslb-server", "portforward", "portmapping-type", "protocol", "server-type", "service",
        "src-filter", "srcintf-filter", "status", "type",
    }),
    "firewall vip6": frozenset({
        "extip", "extport", "mappedip", "mappedport", "nat-source-vip", "nat64", "nat66", "portforward", "protocol",
        "src-filter", "srcintf-filter", "status", "type",
    }),
    "firewall vipgrp": frozenset({"interface", "member"}),
    "firewall vipgrp6": frozenset({"member"}),
    "router static": frozenset({
        "bfd", "blackhole", "device", "dst", "dstaddr", "dynamic-gateway", "gateway", "internet-service", "internet-service-custom",
        "sdwan", "sdwan-zone", "src", "status", "vrf",
    }),
    "router static6": frozenset({
        "bfd", "blackhole", "device", "devindex", "dst", "dstaddr", "gateway", "sdwan", "sdwan-zone", "status", "vrf",
    }),
}  # fmt: skip

# Blocks whose settings are read where they matter and decide nothing otherwise.
_PARTLY: dict[str, frozenset[str]] = {
    "log setting": frozenset({"fwpolicy-implicit-log", "fwpolicy6-implicit-log"}),
    "system global": frozenset({"allow-traffic-redirect", "hostname", "ipv6-allow-traffic-redirect", "vdom-admin", "vdom-mode"}),
    "system interface": frozenset({
        "alias", "description", "interface", "ip", "ip6-address", "status", "vdom", "vlanid", "vrf",
    }),
    "system sdwan": frozenset({"interface", "status", "zone"}),
    "system settings": frozenset({"central-nat", "ngfw-mode", "opmode", "vdom-type"}),
    "system virtual-wan-link": frozenset({"interface", "status", "zone"}),
    "system zone": frozenset({"interface", "intrazone"}),
}  # fmt: skip
# Settings of a VDOM that change how packets are judged in a way that is not modelled, with the value that does.
_DISTURBING = {"asymroute": "enable", "asymroute6": "enable", "policy-mode": "consolidated"}


def account(
    export: Export, tree: Tree, shared: dict[str, Table], scopes: dict[str, dict[str, Table]]
) -> None:
    """Mark every line once, before the meaning of any is asked; meaning may make the state worse."""
    counting = _Accounting(export)
    for path in ("vdom", "global"):
        if path in tree.root.tables:
            wrapper = tree.root.tables[path]
            counting.frame(wrapper)
            for entry in (wrapper.body, *wrapper.entries.values()):
                counting.lines(entry.frame, LineState.PARSED)
                counting.settings(entry, frozenset(), path)
                counting.strays(entry)
    counting.settings(tree.root, frozenset(), "")
    counting.strays(tree.root)
    done: set[int] = set()
    for tables in (shared, *scopes.values()):
        for path, table in tables.items():
            if id(table) not in done:
                done.add(id(table))
                counting.block(path, table)


class _Accounting:
    def __init__(self, export: Export) -> None:
        self.export = export
        self.told = 0

    def lines(self, numbers: list[int], state: LineState) -> None:
        for number in numbers:
            self.export.mark(number, state)

    def frame(self, table: Table) -> None:
        self.lines(table.frame, LineState.PARSED)

    def block(self, path: str, table: Table) -> None:
        if path in _READ:
            self._read(table, _READ[path], path)
        elif path in _PARTLY:
            self._partly(table, _PARTLY[path], path)
        elif path in defaults.UNSUPPORTED_BLOCKS:
            self._whole(table, LineState.UNSUPPORTED)
            if path not in defaults.UNSUPPORTED_OBJECTS and table.entries:
                self.export.fault(table.line, LineState.UNSUPPORTED, _block_left_out(path))
        elif (
            path in defaults.HARMLESS_BLOCKS
            or path.split(" ", 1)[0] in defaults.HARMLESS_FAMILIES
            or path.startswith(defaults.HARMLESS_PREFIXES)
        ):
            self._whole(table, LineState.IRRELEVANT)
        else:
            self._whole(table, LineState.UNKNOWN)
            self._tell(table.line, _block_unknown(path))

    def _whole(self, table: Table, state: LineState) -> None:
        for first, last in table.blocks:
            for line in range(first, last + 1):
                self.export.mark(line, state)

    def _read(self, table: Table, keys: frozenset[str], path: str) -> None:
        self.frame(table)
        for entry in (table.body, *table.entries.values()):
            self.lines(entry.frame, LineState.PARSED)
            self.settings(entry, keys, path)
            self.strays(entry)
            for inner, nested in entry.tables.items():
                if inner in ("realservers", "tagging"):
                    self._whole(nested, LineState.PARSED if inner == "realservers" else LineState.IRRELEVANT)
                elif inner in ("list", "dynamic_mapping"):  # members that FortiOS fills in by itself
                    self._whole(nested, LineState.UNSUPPORTED)
                else:
                    self._whole(nested, LineState.UNKNOWN)
                    self._tell(nested.line, _block_unknown(f"{path} / {inner}"))

    def settings(self, entry: Entry, keys: frozenset[str], path: str) -> None:
        policies = "policy" in path
        for key, setting in (*entry.settings.items(), *(("", one) for one in entry.replaced)):
            if key in keys:
                state = LineState.PARSED
            elif (
                not key
                or key in defaults.HARMLESS_OBJECT
                or (policies and key in defaults.HARMLESS_POLICY)
                or setting.words == ("disable",)
                or path.startswith("router static")
            ):
                state = LineState.IRRELEVANT
            else:
                state = LineState.UNKNOWN
                if not policies:  # a policy tells its own
                    self._tell(setting.first, _setting_unknown(path, key))
            self.lines(list(range(setting.first, setting.last + 1)), state)

    def strays(self, entry: Entry) -> None:
        for line in entry.strays:
            self.export.mark(line, LineState.UNKNOWN)
            self._tell(line, _no_command())

    def _partly(self, table: Table, keys: frozenset[str], path: str) -> None:
        self._whole(table, LineState.IRRELEVANT)
        self.frame(table)
        for key, setting in table.body.settings.items():
            if _DISTURBING.get(key) == " ".join(setting.words) and path == "system settings":
                self.export.fault(setting.first, LineState.UNSUPPORTED, _disturbing(key))
        for entry in _every(table):
            self.lines(entry.frame, LineState.PARSED)
            for key, setting in entry.settings.items():
                if key in keys:
                    self.lines(list(range(setting.first, setting.last + 1)), LineState.PARSED)

    def _tell(self, line: int, message: Text) -> None:
        self.told += 1
        if self.told <= MOST_FAULTS:
            self.export.fault(line, LineState.UNKNOWN, message)


def _every(table: Table) -> Iterator[Entry]:
    """Yield the entries of a table and of the tables in it; the text bounds how deep."""
    for entry in (table.body, *table.entries.values()):
        yield entry
        for nested in entry.tables.values():
            yield from _every(nested)


def _block_left_out(path: str) -> Text:
    return Text(
        ja=f"ブロック「config {path}」は中継の可否や経路を変えうるものですが、扱えません。判定に含めません。",
        en=f"The block `config {path}` may permit, deny or divert forwarded packets and is not modelled; verdicts leave it "
        "out.",
    )


def _block_unknown(path: str) -> Text:
    return Text(
        ja=f"ブロック「config {path}」は知られていません。中継の可否に関わるかどうかは判断できません。",
        en=f"The block `config {path}` is not known; whether it bears on forwarded packets cannot be said.",
    )


def _setting_unknown(path: str, key: str) -> Text:
    return Text(
        ja=f"「config {path}」の設定「{key}」は知られていません。意味に含めません。",
        en=f"The setting {key!r} of `config {path}` is not known; it is left out of the meaning.",
    )


def _no_command() -> Text:
    return Text(
        ja="この行は FortiOS の設定コマンドとして読めません。意味に含めません。",
        en="This line cannot be read as a command of FortiOS; it is left out of the meaning.",
    )


def _disturbing(key: str) -> Text:
    return Text(
        ja=f"設定「{key}」により、ポリシーの判定のしかたが変わります。この動作は扱えません。",
        en=f"The setting {key!r} changes how policies are asked, in a way that is not modelled.",
    )
