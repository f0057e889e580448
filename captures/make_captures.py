"""The sample captures, made again: the same bytes every time."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import days
import samples
from wire import write_pcap, write_pcapng

if TYPE_CHECKING:
    from collections.abc import Callable

    from wire import Tape

INTERFACE = "core-trunk"

CAPTURES: dict[str, Callable[[], Tape]] = {
    "a01-mynumber-crossing.pcap": samples.mynumber_crossing,
    "a02-attempt-refused.pcap": samples.attempt_refused,
    "a03-direct-flow.pcap": samples.direct_flow,
    "a04-public-address.pcap": samples.public_address,
    "a06-other-service.pcap": samples.other_service,
    "a07-one-way.pcap": samples.one_way,
    "a08-out-of-scope.pcap": samples.out_of_scope,
    "b01-foreign-leg.pcap": samples.foreign_leg,
    "b01-mail-bypass.pcap": samples.mail_bypass,
    "c04-expired-approval.pcap": samples.expired_approval,
    "c07-required-missing.pcap": samples.required_missing,
    "d03-second-exit.pcap": samples.second_exit,
    "e02-unmanaged-address.pcap": samples.unmanaged_address,
    "e03-wrong-vlan.pcap": samples.wrong_vlan,
    "e04-rogue-dhcp.pcap": samples.rogue_dhcp,
    "e04-rogue-router.pcap": samples.rogue_router,
    "e05-leaking-broadcasts.pcap": samples.leaking_broadcasts,
    "f01-gre.pcap": samples.gre_tunnel,
    "f01-wireguard.pcap": samples.wireguard_tunnel,
    "f03-ipv6-leak.pcap": samples.ipv6_leak,
    "g01-dns-leak.pcap": samples.dns_leak,
    "g02-ntp-leak.pcap": samples.ntp_leak,
    "g03-management-crossing.pcap": samples.management_crossing,
    "noise-known.pcap": samples.known_noise,
    "normal-day-alpha-prime.pcapng": days.alpha_prime,
    "normal-day-alpha.pcapng": days.alpha,
    "normal-day-beta-prime.pcapng": days.beta_prime,
    "normal-day-beta.pcapng": days.beta,
    "story-01-screen-alpha.pcap": samples.screen_alpha,
    "story-02-screen-reversed.pcap": samples.screen_reversed,
    "story-03-screen-beta.pcap": samples.screen_beta,
    "story-04-smb-crossing.pcap": samples.smb_crossing,
    "story-05a-tokutei-registered-mac.pcap": samples.tokutei_registered,
    "story-05b-tokutei-other-mac.pcap": samples.tokutei_other_mac,
    "story-06-attempts.pcap": samples.attempts,
    "story-07-mail-html.pcap": samples.mail_html,
    "story-08-vxlan-smb.pcap": samples.vxlan_smb,
    "story-09-ssh-on-screen-port.pcap": samples.ssh_on_screen_port,
    "story-10-dual-homed.pcap": samples.dual_homed,
    "story-11-denied-by-config.pcap": samples.denied_by_config,
}


def main() -> None:
    """Write every capture into a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder to write to")
    output: Path = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    for name, play in CAPTURES.items():
        tape = play()
        if name.endswith(".pcapng"):
            write_pcapng(output / name, tape, INTERFACE)
        else:
            write_pcap(output / name, tape)
        print(f"{name}: {len(tape.frames):,} packets, {(output / name).stat().st_size:,} octets")


if __name__ == "__main__":
    main()
