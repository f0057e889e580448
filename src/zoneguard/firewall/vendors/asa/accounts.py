"""What became of the statements of a Cisco ASA configuration that no reader takes, and where its secrets stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from zoneguard.firewall.indented import all_below, mark_all
from zoneguard.firewall.model import LineState
from zoneguard.text import Text

if TYPE_CHECKING:
    from zoneguard.firewall.export import Export
    from zoneguard.firewall.indented import Statement

# Top-level statements that decide no forwarded packet, by how they begin.
_IRRELEVANT = re.compile(
    r"""(?x) (?:no\ |default\ )?(?: aaa\ (?:accounting|local|authorization\ (?:exec|command|http)
          |authentication\ (?:enable|http|login-history|secure-http-client|serial|ssh|telnet))
      | aaa-server | access-list\ (?:alert-interval|deny-flow-max) | anyconnect | anyconnect-custom | app-agent | arp
      | arp-inspection | as-path | asdm | auth-prompt | auto-update | banner | bfd | boot | call-home | certificate
      | checkheaps | class-map | client-update | clock | cluster | community-list | compression | console | coredump
      | crashinfo | crypto | csd | ctl-file | ctl-provider | ddns | dhcp-client | dhcpd | dhcprelay | dns | dns-group
      | dns-guard | domain-name | dynamic-access-policy-config | dynamic-access-policy-record
      | dynamic-filter\ (?!drop) | eigrp | enable | event | exit | failover | fips | firewall\ routed | flow-export
      | flow-offload | fragment | ftp | group-policy | hpm | http | hw-module | icmp | igmp | imap4s
      | ip\ (?:audit\ (?:attack|info|name|signature)|local) | ipsec | ipv6\ (?:dhcp|dhcprelay|enforce-eui64|icmp|local
          |nd|neighbor|ospf|prefix-list|router) | isakmp | isis | jumbo-frame | key | lacp | ldap | license | lldp
      | logging | logout | mac-address | mac-address-table | mac-learn | management-access | map-name
      | media-termination | migration | monitor-interface | mroute | mtu | multicast-routing | nac-policy | names
      | nat-control(?<=no\ nat-control) | ntp | nve | object-group-search | ospf | ospfv3 | pager | passwd
      | password-policy | phone-proxy | pim | policy-list | policy-map | pop3s | prefix-list | priority-queue
      | privilege | profile | prompt | quit | quota | redundancy | regex | rest-api | rip | route-map | router | saml
      | scansafe\ general-options | service | service-policy | session | show | sla | smtp-server | smtps | snmp
      | snmp-map | snmp-server | software | ssh | ssl | sso-server | sunrpc-server | sw-reset-button | sysopt
      | tcp-map | telemetry | telnet | terminal | tftp-server | threat-detection | timeout | tls-proxy | track
      | tunnel-group | tunnel-group-map | url-block | url-cache | url-server | user-identity\ (?!enable) | username
      | virtual | vpdn | vpn | vpn-addr-assign | vpn-sessiondb | vpnclient\ (?!enable) | vpnsetup | webvpn | write | xlate | zone
      )\b.* | end | Cryptochecksum:.* | :.* | [\w./-]+[\#>].* | \[OK\]
    """
)
# What may bear on a packet and is not modelled; most of it only denies more.
_NOT_MODELLED = (
    "aaa authentication", "aaa authorization", "aaa mac-exempt", "access-group", "access-list", "dynamic-filter drop",
    "established ", "filter ", "ip audit interface", "ip verify", "ipv6 access-list", "nat-control", "scansafe", "shun ",
    "user-identity enable", "vpnclient enable", "wccp ",
)  # fmt: skip
# The words that make a line within an otherwise harmless block bear on a packet.
_WITHIN = re.compile(
    r"(?x) (?:cxsc|ips|sfr|csc)\ (?:inline|fail-open|fail-close|promiscuous).* | scansafe\ .* | drop(?:-connection)?(?:\ .*)? | reset(?:\ .*)?"
    r" | set\ connection\ advanced-options\ tcp-state-bypass | .*\ action\ (?:drop|reset).*"
)
_VPN_FILTER = re.compile(r"vpn-filter value \S+")
_SECRETS = re.compile(
    r"""(?x) (?: ^passwd | ^\s*key(?:\ [08])?(?=\ \S+$) | ^key\ config-key\ \S+ | failover\ key(?:\ hex|\ [08])?
      | ldap-login-password(?:\ [08])? | community(?:\ [08])? | auth\ (?:md5|sha\d*)(?:\ encrypted)?
      | priv\ (?:des|3des|aes(?:\ \d+)?) | message-digest-key\ \d+\ md5(?:\ [08])?
      | authentication-key(?:\ \d+\ \S+)?(?:\ [08])? | authentication\ key(?:\ eigrp\ \d+)?(?:\ [08])?
      | isakmp\ key | radius-common-pw | idtoken | passphrase | policy-server-secret | server-key | shared-secret
      | pre-shared-key\ (?:<redacted>|[08])(?=\ \S) | ^scansafe\ license | ^\s+license(?=\ [0-9a-fA-F]{16,}$) )
    \ (?P<secret>\S+)"""
)
_URL = re.compile(r"://[^\s:/@]{1,128}:(?P<secret>[^\s@]{1,128})@")


def redact(export: Export) -> None:
    """Put the secrets of this format out of sight."""
    for number, line in enumerate(export.lines, 1):
        for pattern in (_SECRETS, _URL):
            for found in pattern.finditer(line):
                export.redact(number, found["secret"])


def state_other(export: Export, statement: Statement, *, tunnels_bypass: bool) -> None:
    """State what became of a statement that no reader takes; `tunnels_bypass` is `sysopt connection permit-vpn`."""
    text = statement.text
    shuns = text.startswith("threat-detection scanning-threat shun")
    if shuns or not _IRRELEVANT.fullmatch(text):
        known = shuns or text.startswith(_NOT_MODELLED)
        state = LineState.UNSUPPORTED if known else LineState.UNKNOWN
        mark_all(export, statement, state)
        export.fault(statement.number, state, not_modelled(text))
        return
    mark_all(export, statement, LineState.IRRELEVANT)
    words = statement.words
    if tunnels_bypass and words[:2] == ["crypto", "map"] and words[-2:-1] == ["interface"]:
        export.fault(statement.number, LineState.UNSUPPORTED, tunnelled(text))
    for one in all_below(statement):
        if one is statement:
            continue
        if tunnels_bypass and words[0] == "webvpn" and one.words[0] == "enable":
            export.fault(one.number, LineState.UNSUPPORTED, tunnelled(f"webvpn {one.text}"))
        elif _VPN_FILTER.fullmatch(one.text) or (words[0] == "policy-map" and _WITHIN.fullmatch(one.text)):
            export.fault(one.number, LineState.UNSUPPORTED, not_modelled(one.text))


def not_modelled(what: str) -> Text:
    """Say that a line is left out of the verdict."""
    return Text(
        ja=f"「{what}」は読み取れません。この設定が通信に与える影響は、判定に含めていません。",
        en=f"{what!r} is not modelled; what it does to traffic is left out of the verdict.",
    )


def tunnelled(what: str) -> Text:
    """Say that packets out of a tunnel are asked of no access list."""
    return Text(
        ja=f"「{what}」により VPN が終端されています。`sysopt connection permit-vpn`（既定）では、トンネルから出た通信に"
        "インタフェースのアクセスリストは適用されません。VPN の通信は、判定に含めていません。",
        en=f"{what!r} ends tunnels here. With `sysopt connection permit-vpn` (the default) no interface access list is "
        "asked about packets out of a tunnel; traffic of tunnels is left out of the verdict.",
    )
