"""Every platform that a policy is generated for: its file, the device around it, and what the generator gets wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from zoneguard.net.service import Service
from zoneguard.net.spans import spans_from

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.aerleon.meaning import Term
    from zoneguard.net.address import Span


class Platform(NamedTuple):
    """One platform. Aerleon writes the policy; `device` puts interfaces around it, as an export has them.

    `wrong` gives terms as the generator in fact wrote them: themselves where that is right. `is_open` tells a
    term that it words so that no configuration alone says of which services they speak.
    """

    name: str
    format: str
    suffix: str
    way: tuple[str | None, str | None]
    device: Callable[[str], str]
    wrong: Callable[[list[Term]], list[Term]] = lambda terms: terms
    is_open: Callable[[Term], bool] = lambda term: False


def _is_bare(term: Term) -> bool:
    """Tell a term that names a protocol and neither ports nor kinds of ICMP."""
    return all(one.protocol != (0, 255) and one.sport == one.dport == (0, 65535) for one in term.services)


def _fortigate_device(text: str) -> str:
    return f"""#config-version=FGT60F-7.2.8-FW-build1639-240313:opmode=0:vdom=0:user=admin
config system global
    set hostname "fw-border"
end
config system interface
    edit "lgwan"
        set vdom "root"
        set ip 172.16.20.254 255.255.252.0
    next
    edit "internet"
        set vdom "root"
        set ip 192.168.10.62 255.255.255.192
    next
end
{text}
"""


def _fortigate_wrong(terms: list[Term]) -> list[Term]:
    """Read `set service ALL`, which Aerleon 1.18.0 writes for any term without ports or kinds of ICMP."""
    return [term._replace(services=(Service(),)) if _is_bare(term) else term for term in terms]


def _names_kinds(term: Term) -> bool:
    """Tell a term of several kinds of ICMP: `set icmptype 0 8`, where the device takes one number."""
    return len(term.services) > 1 and term.services[0].protocol == (1, 1)


def _asa_device(text: str) -> str:
    # What clears an older list before is typed but never shown by the device.
    body = "\n".join(line for line in text.splitlines() if not line.startswith("clear configure"))
    return f"""ASA Version 9.16(4)
hostname asa-border
interface GigabitEthernet0/0
 nameif lgwan
 security-level 100
 ip address 172.16.20.254 255.255.252.0
interface GigabitEthernet0/1
 nameif internet
 security-level 0
 ip address 192.168.10.62 255.255.255.192
{body}
access-group LGWAN-IN in interface lgwan
"""


def _ios_device(text: str) -> str:
    # What removes an older list before, and leaves it after, is typed but never shown by the device.
    shown = [
        line for line in text.splitlines() if line != "exit" and not line.startswith("no ip access-list")
    ]
    body = "\n".join(shown)
    return f"""version 15.7
hostname rt-border
interface Vlan220
 ip address 172.16.20.254 255.255.252.0
 ip access-group LGWAN-IN in
interface Vlan310
 ip address 192.168.10.62 255.255.255.192
{body}
"""


def _srx_device(text: str) -> str:
    return f"""version 21.4R3-S5.4;
system {{
    host-name srx-border;
}}
interfaces {{
    ge-0/0/1 {{
        unit 0 {{
            family inet {{
                address 172.16.20.254/22;
            }}
        }}
    }}
    ge-0/0/2 {{
        unit 0 {{
            family inet {{
                address 192.168.10.62/26;
            }}
        }}
    }}
}}
security {{
    zones {{
        security-zone lgwan {{
            interfaces {{
                ge-0/0/1.0;
            }}
        }}
        security-zone internet {{
            interfaces {{
                ge-0/0/2.0;
            }}
        }}
    }}
}}
{text}
"""


def _panos_device(text: str) -> str:
    zones = "".join(
        f'<entry name="{zone}"><network><layer3><member>{interface}</member></layer3></network></entry>\n'
        for zone, interface in (("lgwan", "ethernet1/1"), ("internet", "ethernet1/2"))
    )
    return text.replace('<entry name="vsys1">', f'<entry name="vsys1">\n<zone>\n{zones}</zone>', 1)


def _panos_wrong(terms: list[Term]) -> list[Term]:
    """Read address groups by name alone: Aerleon 1.18.0 puts what exclusions leave, of all terms, into one named ""."""
    groups: dict[str, set[Span]] = {}
    for term in terms:
        for name, spans in (*term.source.items(), *term.destination.items()):
            groups.setdefault(name, set()).update(spans)
    whole = {name: spans_from(spans) for name, spans in groups.items()}
    return [
        term._replace(
            source={name: whole[name] for name in term.source},
            destination={name: whole[name] for name in term.destination},
        )
        for term in terms
    ]


def _is_by_application(term: Term) -> bool:
    """Tell a term that becomes App-ID and `application-default`: only TCP and UDP have services of their own."""
    return any(one.protocol not in ((0, 255), (6, 6), (17, 17)) for one in term.services)


PLATFORMS: tuple[Platform, ...] = (
    Platform(name="asa", format="asa", suffix=".asa", way=("lgwan", "internet"), device=_asa_device),
    Platform(
        name="fortigate",
        format="fortios",
        suffix=".fgacl",
        way=("lgwan", "internet"),
        device=_fortigate_device,
        wrong=_fortigate_wrong,
        is_open=_names_kinds,
    ),
    Platform(name="ios", format="ios", suffix=".acl", way=("Vlan220", "Vlan310"), device=_ios_device),
    # Speedway is Aerleon's iptables in the words of iptables-save, which is what devices are exported in.
    Platform(name="iptables", format="iptables", suffix=".ipt", way=(None, None), device=str),
    Platform(name="nftables", format="nftables", suffix=".nft", way=(None, None), device=str),
    Platform(
        name="panos",
        format="panos",
        suffix=".xml",
        way=("ethernet1/1", "ethernet1/2"),
        device=_panos_device,
        wrong=_panos_wrong,
        is_open=_is_by_application,
    ),
    Platform(name="srx", format="junos", suffix=".srx", way=("ge-0/0/1.0", "ge-0/0/2.0"), device=_srx_device),
)
