"""A sensor's configuration as values: where it listens, when, what it keeps and whom it tells.

`load.py` reads sensor.yaml into `document.py` (the file's shape, pydantic) and resolves it into these;
everything else sees only these. Sizes are octets, spans are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - pydantic looks into Secret
from typing import TYPE_CHECKING

from zoneguard.dissect.record import MOST_LOOKS
from zoneguard.findings.finding import Severity

if TYPE_CHECKING:
    from zoneguard.policy.model import Place
    from zoneguard.text import Lang


class Period(StrEnum):
    """How long one judgement goes on before it begins anew, by the calendar of the policy's time zone."""

    DAY = "day"
    WEEK = "week"  # from Monday


class Transport(StrEnum):
    """How syslog travels: RFC 5426, RFC 6587 with octet counting, RFC 5425."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class MailSecurity(StrEnum):
    """How SMTP is protected: not at all, from STARTTLS on, from the first octet."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Where a secret stands; its value is read when it is used and never kept here. One of the two is set."""

    file: Path | None = None
    environment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A live interface and the observation point (`sensors:` of zones.yaml) it is."""

    name: str
    sensor: str
    ring: int = 64 << 20
    promiscuous: bool = True
    fanout: int | None = None  # sensors that name the same number share the interface's packets
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder into which another sensor rotates its captures."""

    path: Path
    sensor: str
    glob: str = "*.pcap*"
    settle: int = 10  # seconds without change after which a file counts as complete
    place: Place | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """Times of beginning, as cron writes them, and how long each lasts."""

    begin: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """How often to judge and commit, when to begin anew, after how long without a sighting a finding is gone.

    `look`: flows that are opened for each question, where folders alone are watched; 0 opens none.
    """

    window: int = 60
    period: Period = Period.DAY
    gone_after: int = 7 * 86400
    look: int = MOST_LOOKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """When a flow ends (RFC 7011: idle and active timeout), as for files unless said otherwise."""

    idle_tcp: int = 3600
    idle_other: int = 600
    active: int = 0  # 0: flows are not cut by age


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Where findings are kept: a database by its URL, without the password."""

    url: str
    password: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long to keep what; 0 keeps no flow history at all."""

    history: int = 30 * 86400  # flows, as Parquet by day
    aggregates: int = 400 * 86400  # flows of a day, summed: a fiscal year and its audit
    findings: int = 400 * 86400  # after they are gone
    runs: int = 30 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class RotatedFile:
    """A file of JSON lines that is set aside when it has grown, and of which so many are kept."""

    path: Path
    rotate: int = 100 << 20
    keep: int = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLines(RotatedFile):
    """Findings as JSON lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eve(RotatedFile):
    """Findings in the shape of Suricata's EVE."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Syslog:
    """RFC 5424 to a syslog server."""

    host: str
    port: int
    transport: Transport
    facility: int = 13  # log audit
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Batches of findings as JSON, by HTTP POST."""

    url: str
    token: Secret | None = None  # sent as a bearer token
    ca: Path | None = None
    timeout: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A digest by SMTP."""

    host: str
    port: int
    security: MailSecurity
    sender: str
    to: tuple[str, ...]
    user: str | None = None
    password: Secret | None = None
    ca: Path | None = None
    every: int = 3600  # seconds for which findings are gathered into one mail


Sink = JsonLines | Eve | Syslog | Webhook | Mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most so many messages in so many seconds; the rest is gathered into one."""

    messages: int = 30
    per: int = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Whom to tell what: a sink under its own name, which is also the name of its spool."""

    name: str
    sink: Sink
    min_severity: Severity = Severity.LOW
    lang: Lang = "ja"
    rate: Rate = field(default_factory=Rate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Where Prometheus may ask."""

    host: str = "127.0.0.1"
    port: int = 9473


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration, resolved: relative paths are taken from the folder of the file."""

    path: str
    sha256: str
    name: str
    policy: Path
    state: Path
    interfaces: tuple[Interface, ...]
    folders: tuple[Folder, ...]
    schedule: tuple[Recurrence, ...]  # empty: continuously
    judge: Judging
    timeouts: Timeouts
    memory: int
    store: Store
    retention: Retention
    outputs: tuple[Output, ...]
    metrics: Metrics | None
    low_water: int  # free octets where the state folder lies, below which nothing optional is written
    status: Path

    @property
    def looks(self) -> int:
        """Flows that are opened for each question: packets of an interface are gone when they were metered."""
        return 0 if self.interfaces else self.judge.look
