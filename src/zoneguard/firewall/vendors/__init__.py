"""Every format that is read, sorted by name; one module or package each, and none imports another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zoneguard.firewall.vendors.alliedware import FORMAT as ALLIEDWARE
from zoneguard.firewall.vendors.asa import FORMAT as ASA
from zoneguard.firewall.vendors.aws import FORMAT as AWS
from zoneguard.firewall.vendors.azure import FORMAT as AZURE
from zoneguard.firewall.vendors.csv import FORMAT as CSV
from zoneguard.firewall.vendors.fortios import FORMAT as FORTIOS
from zoneguard.firewall.vendors.ios import FORMAT as IOS
from zoneguard.firewall.vendors.iptables import FORMAT as IPTABLES
from zoneguard.firewall.vendors.junos import FORMAT as JUNOS
from zoneguard.firewall.vendors.nec_ix import FORMAT as NEC_IX
from zoneguard.firewall.vendors.nftables import FORMAT as NFTABLES
from zoneguard.firewall.vendors.panos import FORMAT as PANOS
from zoneguard.firewall.vendors.pfsense import FORMAT as PFSENSE
from zoneguard.firewall.vendors.yamaha import FORMAT as YAMAHA

if TYPE_CHECKING:
    from zoneguard.firewall.format import Format

FORMATS: tuple[Format, ...] = (
    ALLIEDWARE,
    ASA,
    AWS,
    AZURE,
    CSV,
    FORTIOS,
    IOS,
    IPTABLES,
    JUNOS,
    NEC_IX,
    NFTABLES,
    PANOS,
    PFSENSE,
    YAMAHA,
)
