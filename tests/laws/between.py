"""Random exports between a few zones, and what they let pass packet by packet: every turn of what is unknown tried.

Apart from the engine: no sets, no indexes. A packet is followed step by step over every pair of interfaces; at each
entry whose condition is not understood both ways are taken.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from ipaddress import ip_address, ip_network

from tests import policies
from tests.firewall import rulesets
from zoneguard.firewall.model import Action, Filter, Interface, ParseResult
from zoneguard.firewall.parse import parse
from zoneguard.net.address import LOCAL_SPANS, address_at
from zoneguard.net.product import Probe
from zoneguard.net.service import Point
from zoneguard.policy.model import PUBLIC, Device, Principle, Separation
from zoneguard.policy.verdict import Decision, Packet, verdict

# Each zone has the addresses of one prefix; the widest of `rulesets` spans them all.
ZONES = {"north": "10.0.0.0/30", "east": "10.0.0.4/30", "south": "10.0.0.8/30"}
FACES = {"north": "a", "east": "b", "south": "c"}
OPENINGS = [one for one in rulesets.points() if one.flags in (0, 2)]
UDP_FROM = [Point(17, port, 49152) for port in rulesets.PORTS]  # what an answer looks like
POINTS = [*OPENINGS, *UDP_FROM, Point(1, 49152, 8 * 256)]


def zone_of(number):
    address = address_at(number)
    if any(first <= number <= last for first, last in LOCAL_SPANS):
        return next((zone for zone, cidr in ZONES.items() if address in ip_network(cidr)), None)
    return PUBLIC


def random_end(random, zone):
    first = int(ip_network(ZONES[zone]).network_address)
    chosen = random.choice((None, "net", "host"))
    if chosen is None:
        return policies.end(zone)
    if chosen == "net":
        return policies.end(zone, f"{ip_address(first + random.choice((0, 2)))}/31")
    return policies.end(zone, f"{ip_address(first + random.randrange(4))}/32")


def random_policy(random, *, devices=()):
    flows = []
    for number in range(random.randint(0, 4)):
        source, target = random.sample(sorted(ZONES), 2)
        port = random.choice(rulesets.PORTS)
        service = random.choice((policies.tcp(port), policies.udp(port), policies.tcp(22, 443)))
        ends = random_end(random, source), random_end(random, target)
        flows.append(policies.allowed(f"F{number}", *ends, service))
    zones = [policies.zone(zone, policies.segment(cidr)) for zone, cidr in ZONES.items()]
    apart = Separation(between=("north", "south"), principle=Principle.DIVISION)
    made = policies.policy(zones, flows)
    return replace(made, devices=tuple(devices), separations=(apart,))


def allows(policy, probe):
    orig, resp = zone_of(probe.source), zone_of(probe.destination)
    packet = Packet(
        orig=address_at(probe.source),
        resp=address_at(probe.destination),
        orig_zone=orig,
        resp_zone=resp,
        protocol=probe.service.protocol,
        port=probe.service.dport,
    )
    return verdict(policy, packet).decision is Decision.ALLOWED


def answers(policy, probe):
    """Tell whether a packet may be the answer to an allowed one that no stateless filter tells from an opening."""
    if probe.service.protocol == 6:
        return False
    service = probe.service
    if service.protocol != 1:
        service = service._replace(sport=service.dport, dport=service.sport)
    return allows(policy, Probe(probe.destination, probe.source, service))


def is_stateless(ruleset):
    return any(
        isinstance(one, Filter) and not one.stateful and not one.tells_replies for one in ruleset.steps
    )


# --- one packet -----------------------------------------------------------------------------------------


def endings(ruleset, probe, ingress, egress):
    """Give every packet that this one can become, and None where it can be denied."""
    if not ruleset.forwards:
        return {None}
    pending, steps = {probe}, list(ruleset.steps)
    found = set()
    for step in steps:
        after = set()
        for one in pending:
            if isinstance(step, Filter):
                if (step.ingress is not None and ingress not in step.ingress) or (
                    step.egress is not None and egress not in step.egress
                ):
                    after.add(one)
                    continue
                for action in _actions(step, one, ingress, egress):
                    (after.add(one) if action is Action.PERMIT else found.add(None))
            else:
                after |= set(_rewritten(step, one, ingress, egress))
        pending = after
    return found | pending


def _meets(match, probe, ingress, egress):
    service = probe.service
    return (
        (match.ingress is None or ingress in match.ingress)
        and (match.egress is None or egress in match.egress)
        and any(first <= probe.source <= last for first, last in match.source)
        and any(first <= probe.destination <= last for first, last in match.destination)
        and any(
            one.protocol[0] <= service.protocol <= one.protocol[1]
            and one.sport[0] <= service.sport <= one.sport[1]
            and one.dport[0] <= service.dport <= one.dport[1]
            and one.flags >> service.flags & 1
            and one.states & service.state
            for one in match.services
        )
    )


def _actions(step, probe, ingress, egress):
    for line in step.lines:
        if line.enabled and _meets(line.match, probe, ingress, egress):
            yield line.action
            if not line.match.unknown:
                return
    yield step.default


def _rewritten(step, probe, ingress, egress):
    for one in step.translations:
        if one.enabled and _meets(one.match, probe, ingress, egress):
            made = probe
            if one.source is not None:
                address, port = _mapped(one.source, one.match.source, probe.source, probe.service.sport)
                made = made._replace(source=address, service=made.service._replace(sport=port))
            if one.destination is not None:
                address, port = _mapped(
                    one.destination, one.match.destination, probe.destination, probe.service.dport
                )
                made = made._replace(destination=address, service=made.service._replace(dport=port))
            yield made
            if not one.match.unknown:
                return
    yield probe


def _mapped(to, matched, address, port):
    if to.address is not None:
        first, last = to.address
        address = first + (address - matched[0][0] if last > first else 0)
    if to.port is not None:
        port = to.port[0]
    return address, port


def passes(ruleset, probe, ways):
    """Yield (packet as judged, sure) for each way that lets a packet pass: its own source, where it leaves to."""
    for way in ways:
        ends = endings(ruleset, probe, *way)
        for left in ends:
            if left is not None:
                yield left._replace(source=probe.source), ends == {left}, way


def ways(faces, orig, resp):
    for ingress in faces[orig]:
        for egress in faces[resp]:
            # A pattern stands for several interfaces, and so does no name at all.
            if ingress != egress or ingress is None or ingress.endswith("*"):
                yield ingress, egress


# --- exports --------------------------------------------------------------------------------------------


def model(random, **options):
    made = rulesets.random_ruleset(random, **options)
    steps = tuple(
        replace(one, stateful=random.random() < 0.7) if isinstance(one, Filter) else one for one in made.steps
    )
    interfaces = tuple(
        Interface(name=FACES[zone], networks=(ip_network(cidr),)) for zone, cidr in ZONES.items()
    )
    made = replace(made, steps=steps, interfaces=interfaces)
    return ParseResult(file="random.conf", format="model", rulesets=(made,), states=())


def _prefix(random):
    last = random.randrange(rulesets.HOSTS)
    return random.choice(
        (f"10.0.0.{last}/32", f"10.0.0.{last & ~1}/31", f"10.0.0.{last & ~3}/30", "0.0.0.0/0")
    )


def nftables(random):
    """Name interfaces whole, by pattern, by what they are not, or not at all; with `ip addr` or without."""
    listed = random.random() < 0.5
    sides = ("", 'iifname "{0}"', 'iifname != "{0}"', 'iifname "lan*"', 'oifname "{0}"', 'oifname != "lan*"')
    rules = []
    for _ in range(random.randint(1, 6)):
        side = random.choice(sides).format(random.choice(("lan0", "lan1", "wan")))
        port = random.choice(rulesets.PORTS)
        service = random.choice(
            (
                "",
                f"tcp dport {port}",
                f"udp dport {port}",
                f"udp sport {port}",
                f"tcp dport 22-{max(port, 23)}",
            )
        )
        state = random.choice(("", "", "ct state new", "ct state established,related", "meta skuid 1000"))
        verdict = random.choice(("accept", "accept", "drop"))
        rules.append(
            f"{side} ip saddr {_prefix(random)} ip daddr {_prefix(random)} {service} {state} {verdict}"
        )
    nat = ""
    if random.random() < 0.4:
        outer, inner = random.sample(range(rulesets.HOSTS), 2)
        nat = (
            "chain pre {\n type nat hook prerouting priority dstnat; policy accept;\n"
            f" ip daddr 10.0.0.{outer} tcp dport 8443 dnat ip to 10.0.0.{inner}:443\n}}\n"
        )
    text = (
        f"table inet t {{\n{nat}chain forward {{\n type filter hook forward priority filter; "
        f"policy {random.choice(('drop', 'accept'))};\n " + "\n ".join(rules) + "\n}\n}\n"
    )
    names = {"north": "lan0", "east": "lan1", "south": "wan"}
    if listed:
        text += "".join(
            f"{at}: {names[zone]}: <UP> mtu 1500\n    inet {_first(cidr)} scope global {names[zone]}\n"
            for at, (zone, cidr) in enumerate(ZONES.items(), 1)
        )
    return text, names


def _first(cidr):
    network = ip_network(cidr)
    return f"{network[1]}/{network.prefixlen}"


def _masked(random, *, wildcard):
    network = ip_network(_prefix(random))
    if network.prefixlen == 0:
        return "any"
    if network.prefixlen == 32:
        return f"host {network[0]}"
    return f"{network[0]} {network.hostmask if wildcard else network.netmask}"


def _entry(random, *, wildcard):
    port = random.choice(rulesets.PORTS)
    protocol = random.choice(("ip", "tcp", "udp", "icmp"))
    before = f"eq {port}" if protocol == "udp" and random.random() < 0.3 else ""
    behind = f"eq {port}" if protocol in ("tcp", "udp") and random.random() < 0.6 else ""
    action = random.choice(("permit", "permit", "deny"))
    addresses = _masked(random, wildcard=wildcard), _masked(random, wildcard=wildcard)
    more = random.choice(("", "", " time-range NIGHT"))
    if protocol == "tcp" and wildcard and random.random() < 0.3:
        more = " established"
    return f"{action} {protocol} {addresses[0]} {before} {addresses[1]} {behind}{more}"


def ios(random):
    names = {"north": "Gi0/0", "east": "Gi0/1", "south": "Gi0/2"}
    text = "hostname fw\n"
    lists = []
    for at, (zone, cidr) in enumerate(ZONES.items()):
        network = ip_network(cidr)
        text += f"interface GigabitEthernet0/{at}\n ip address {network[1]} {network.netmask}\n"
        names[zone] = f"GigabitEthernet0/{at}"
        for way in ("in", "out"):
            if random.random() < 0.5:
                text += f" ip access-group L{at}{way} {way}\n"
                lists.append(f"L{at}{way}")
    for name in lists:
        text += f"ip access-list extended {name}\n"
        text += "".join(f" {_entry(random, wildcard=True)}\n" for _ in range(random.randint(1, 4)))
    text += "time-range NIGHT\n periodic daily 22:00 to 23:00\n"
    return text, names


def asa(random):
    names = {"north": "inside", "east": "dmz", "south": "outside"}
    text = "ASA Version 9.16(4)\nhostname fw\n"
    for at, (zone, cidr) in enumerate(ZONES.items()):
        network = ip_network(cidr)
        text += (
            f"interface GigabitEthernet0/{at}\n nameif {names[zone]}\n security-level {random.choice((0, 50, 100))}\n"
            f" ip address {network[1]} {network.netmask}\n"
        )
    text += "time-range NIGHT\n periodic daily 22:00 to 23:00\n"
    if random.random() < 0.4:
        outer, inner = random.sample(range(rulesets.HOSTS), 2)
        text += f"object network SERVER\n host 10.0.0.{inner}\n nat (any,any) static 10.0.0.{outer} service tcp 443 8443\n"
    bound = [f"{way} interface {name}" for name in names.values() for way in ("in", "out")] + ["global"]
    groups = ""
    for at, where in enumerate(one for one in bound if random.random() < 0.4):
        for _ in range(random.randint(1, 4)):
            text += f"access-list L{at} extended {_entry(random, wildcard=False)}"
            text += " inactive\n" if random.random() < 0.1 else "\n"
        groups += f"access-group L{at} {where}\n"
    if random.random() < 0.5:
        text += "same-security-traffic permit inter-interface\n"
    return text + groups, names


def csv(random):
    """Name the zones of a row, or have no such columns."""
    zoned = random.random() < 0.6
    head = "項番,送信元ゾーン,送信元,宛先ゾーン,宛先,プロトコル,ポート,動作\n"
    rows = []
    for at in range(1, random.randint(2, 7)):
        zone = [random.choice((*ZONES, "any")) for _ in range(2)]
        protocol = random.choice(("TCP", "UDP", "any"))
        port = random.choice(rulesets.PORTS) if protocol != "any" else "any"
        address = [_prefix(random).replace("0.0.0.0/0", "any") for _ in range(2)]
        if random.random() < 0.2:
            address[0] = "srv-group"
        action = random.choice(("許可", "許可", "拒否"))
        rows.append([at, zone[0], address[0], zone[1], address[1], protocol, port, action])
    table = [head.strip().split(","), *rows]
    if not zoned:
        table = [[cell for at, cell in enumerate(row) if at not in (1, 3)] for row in table]
    text = f"# default: {random.choice(('deny', 'permit'))}\n"
    text += "".join(",".join(map(str, row)) + "\n" for row in table)
    names = {zone: zone for zone in ZONES} if zoned else None
    return text, names


def read(text, kind):
    return parse("fw", text.encode(), format_name=kind)


def edited(random, result):
    """Edit a ruleset of the model once or twice."""
    (ruleset,) = result.rulesets
    for _ in range(random.randint(1, 2)):
        at = random.randrange(len(ruleset.steps))
        step = _edited_step(random, ruleset.steps[at])
        ruleset = replace(ruleset, steps=(*ruleset.steps[:at], *step, *ruleset.steps[at + 1 :]))
        if not ruleset.steps:
            ruleset = replace(ruleset, steps=(rulesets.random_filter(random),))
    chance = random.random()
    if chance < 0.05:
        ruleset = replace(ruleset, forwards=not ruleset.forwards)
    elif chance < 0.1:
        ruleset = replace(ruleset, interfaces=ruleset.interfaces[1:])
    return replace(result, rulesets=(ruleset,))


def _edited_step(random, step):
    if random.random() < 0.05:
        return ()
    if not isinstance(step, Filter):
        return (rulesets.random_rewrite(random),) if random.random() < 0.5 else (step,)
    chance = random.random()
    lines = list(step.lines)
    at = random.randrange(len(lines))
    if chance < 0.1:
        return (replace(step, default=random.choice(tuple(Action))),)
    if chance < 0.2:
        return (replace(step, ingress=rulesets.random_interfaces(random)),)
    if chance < 0.25:
        return (step, rulesets.random_filter(random))
    if chance < 0.4:
        lines[at] = replace(lines[at], enabled=not lines[at].enabled)
    elif chance < 0.5:
        lines[at] = replace(
            lines[at], log=True, name="renamed", id=f"{lines[at].id}a", expires=date(2026, 3, 31)
        )
    elif chance < 0.6:
        unknown = () if lines[at].match.unknown else ("application",)
        lines[at] = replace(lines[at], match=replace(lines[at].match, unknown=unknown))
    elif chance < 0.75:
        lines.insert(random.randrange(len(lines)), lines.pop(at))
    elif chance < 0.85:
        lines.insert(at, rulesets.random_filter(random, unknown=0.2).lines[0])
    elif len(lines) > 1:
        del lines[at]
    return (replace(step, lines=tuple(lines)),)


def edited_text(random, text):
    """Move, repeat or leave out one line, or turn one around."""
    lines = text.splitlines()
    ruling = [
        at
        for at, line in enumerate(lines)
        if re.search(r"accept|drop|permit|deny|許可|拒否|access-group", line)
    ]
    at = random.choice(ruling or [0])
    chance = random.random()
    if chance < 0.3:
        del lines[at]
    elif chance < 0.6:
        lines.insert(random.choice(ruling or [0]), lines.pop(at))
    elif chance < 0.9:
        turns = {
            "accept": "drop",
            "drop": "accept",
            "permit": "deny",
            "deny": "permit",
            "許可": "拒否",
            "拒否": "許可",
        }
        lines[at] = re.sub("|".join(turns), lambda found: turns[found[0]], lines[at])
    return "\n".join(lines) + "\n"


def device(names, result):
    """Declare which interface faces which zone, as a policy does."""
    faces = tuple((name, zone) for zone, name in names.items())
    return Device(id=result.rulesets[0].device, format=result.format, interfaces=faces)


def is_placed(kind, ruleset):
    """Tell whether an export says by itself which interface faces which zone; nftables does where `ip addr` stands by."""
    return kind != "nftables" or any(one.networks for one in ruleset.interfaces)


def known_faces(names, ruleset):
    """Give the interfaces by which each zone is met: its own, or, where nothing is known, any that lines speak of."""
    if names is None:
        every = [one.name for one in ruleset.interfaces] or [None]
        return dict.fromkeys(ZONES, every)
    return {zone: [as_named(name, ruleset)] for zone, name in names.items()}


def as_named(name, ruleset):
    """Give the name of an interface, or of the pattern that stands for it."""
    if name is None or any(one.name == name for one in ruleset.interfaces):
        return name
    patterns = [
        one.name for one in ruleset.interfaces if one.stands_for_others and name.startswith(one.name[:-1])
    ]
    return max(patterns, key=len, default=name)


def probes(random, count):
    for _ in range(count):
        source, destination = (rulesets.at(random.randrange(rulesets.HOSTS)) for _ in range(2))
        yield Probe(source, destination, random.choice(POINTS))
