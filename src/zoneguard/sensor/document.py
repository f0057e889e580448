"""The shape of sensor.yaml: what may be written where, before paths and names are resolved."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from zoneguard.dissect.record import MOST_LOOKS
from zoneguard.findings.finding import Severity
from zoneguard.policy.document import Shape
from zoneguard.policy.values import Identifier, OneOf, SpanText
from zoneguard.sensor import config, values


class Language(StrEnum):
    """The language of an output."""

    JA = "ja"
    EN = "en"


Port = Annotated[int, Field(ge=1, le=65535)]
SeverityWord = Annotated[Severity, OneOf(Severity)]
PeriodWord = Annotated[config.Period, OneOf(config.Period)]
LanguageWord = Annotated[Language, OneOf(Language)]
TransportWord = Annotated[config.Transport, OneOf(config.Transport)]
SecurityWord = Annotated[config.MailSecurity, OneOf(config.MailSecurity)]


class InterfaceShape(Shape):
    """A live interface on a mirror port."""

    interface: values.InterfaceText
    sensor: Identifier = Field(description="the observation point: an id under sensors: in zones.yaml")
    ring: values.SizeText = Field(default="64MiB", validate_default=True)
    promiscuous: bool = True
    fanout: Annotated[int, Field(ge=1, le=65_535)] | None = Field(
        default=None,
        description="a number of your choice: sensors that give the same one share the interface's packets,"
        " both directions of a conversation always going to the same sensor",
    )


class FolderShape(Shape):
    """A folder into which another sensor rotates captures."""

    path: values.PathText
    sensor: Identifier = Field(description="the observation point: an id under sensors: in zones.yaml")
    glob: Identifier = "*.pcap*"
    settle: SpanText = Field(
        default="10s", validate_default=True, description="without change for so long, a file is complete"
    )


class WatchShape(Shape):
    """Where to listen."""

    interfaces: tuple[InterfaceShape, ...] = ()
    folders: tuple[FolderShape, ...] = ()


class RecurrenceShape(Shape):
    """A watch that begins when cron says and lasts for a while."""

    begin: values.CronText
    lasting: SpanText = Field(alias="for")


class EachHourShape(Shape):
    """So many minutes each hour, from a minute on."""

    minutes: Annotated[int, Field(ge=1, le=59)]
    at: Annotated[int, Field(ge=0, le=59)] = 0


class ScheduleShape(Shape):
    """When to watch; without it, continuously."""

    windows: tuple[RecurrenceShape, ...] = ()
    each_hour: EachHourShape | None = None


class JudgeShape(Shape):
    """How often to judge and commit."""

    window: SpanText = Field(default="1m", validate_default=True)
    period: PeriodWord = Field(default="day", validate_default=True)
    gone_after: SpanText = Field(default="7d", validate_default=True)
    look: Annotated[int, Field(ge=0, le=10_000)] = Field(
        default=MOST_LOOKS,
        description="flows that are opened for each question, where folders alone are watched; 0 opens none",
    )


class TimeoutsShape(Shape):
    """When a flow ends."""

    idle_tcp: SpanText = Field(default="1h", validate_default=True)
    idle_other: SpanText = Field(default="10m", validate_default=True)
    active: values.KeptText = Field(default="none", validate_default=True)


class StoreShape(Shape):
    """Where findings are kept."""

    url: values.StoreUrlText
    password: values.SecretText | None = None


class RetentionShape(Shape):
    """How long to keep what."""

    history: values.KeptText = Field(
        default="30d", validate_default=True, description="flows, as Parquet by day; none keeps none"
    )
    aggregates: SpanText = Field(default="400d", validate_default=True, description="flows of a day, summed")
    findings: SpanText = Field(default="400d", validate_default=True, description="after they are gone")
    runs: SpanText = Field(default="30d", validate_default=True)


class FileShape(Shape):
    """A file that is set aside when it has grown."""

    file: values.PathText
    rotate: values.SizeText = Field(default="100MiB", validate_default=True)
    keep: Annotated[int, Field(ge=1, le=1000)] = 14


class SyslogShape(Shape):
    """RFC 5424 to a syslog server."""

    host: values.HostText
    port: Port | None = None
    transport: TransportWord = Field(default="tls", validate_default=True)
    facility: Annotated[int, Field(ge=0, le=23)] = 13
    ca: values.PathText | None = None
    certificate: values.PathText | None = None
    key: values.PathText | None = None


class WebhookShape(Shape):
    """HTTP POST of JSON."""

    url: values.WebUrlText
    token: values.SecretText | None = None
    ca: values.PathText | None = None
    timeout: SpanText = Field(default="10s", validate_default=True)


class MailShape(Shape):
    """A digest by SMTP."""

    host: values.HostText
    port: Port | None = None
    security: SecurityWord = Field(default="starttls", validate_default=True)
    sender: values.MailText = Field(alias="from")
    to: tuple[values.MailText, ...] = Field(min_length=1)
    user: Identifier | None = None
    password: values.SecretText | None = None
    ca: values.PathText | None = None
    every: SpanText = Field(default="1h", validate_default=True)


class RateShape(Shape):
    """At most so many messages in a time; the rest is gathered into one."""

    messages: Annotated[int, Field(ge=1, le=100_000)] = 30
    per: SpanText = Field(default="1h", validate_default=True)


class OutputShape(Shape):
    """Whom to tell: exactly one of jsonl, eve, syslog, webhook and mail."""

    jsonl: FileShape | None = None
    eve: FileShape | None = None
    syslog: SyslogShape | None = None
    webhook: WebhookShape | None = None
    mail: MailShape | None = None
    min_severity: SeverityWord = Field(default="low", validate_default=True)
    lang: LanguageWord = Field(default="ja", validate_default=True)
    rate: RateShape = Field(default_factory=RateShape)


class MetricsShape(Shape):
    """Where Prometheus may ask."""

    address: values.HostText = "127.0.0.1"
    port: Port = 9473
    open_to_network: bool = Field(default=False, description="needed for any address but loopback")


class DiskShape(Shape):
    """How much must stay free."""

    low_water: values.SizeText = Field(default="1GiB", validate_default=True)


class Document(Shape):
    """A whole sensor.yaml."""

    file_name: ClassVar[str] = "sensor.yaml"

    version: Literal[1]
    name: values.NameText
    policy: values.PathText = Field(description="zones.yaml; relative to this file")
    state: values.PathText = Field(default="/var/lib/zoneguard", validate_default=True)
    watch: WatchShape
    schedule: ScheduleShape = Field(default_factory=ScheduleShape)
    judge: JudgeShape = Field(default_factory=JudgeShape)
    timeouts: TimeoutsShape = Field(default_factory=TimeoutsShape)
    memory: values.SizeText = Field(default="1GiB", validate_default=True)
    store: StoreShape | None = None
    retention: RetentionShape = Field(default_factory=RetentionShape)
    outputs: dict[values.NameText, OutputShape] = Field(default_factory=dict)
    metrics: MetricsShape | None = None
    disk: DiskShape = Field(default_factory=DiskShape)
    status: values.PathText | None = None


def sensor_schema() -> dict[str, Any]:
    """Give the JSON Schema of sensor.yaml, for editors."""
    schema = Document.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://zoneguard.example/schema/sensor.json",
        **schema,
        "title": "ZoneGuard sensor.yaml",
    }
