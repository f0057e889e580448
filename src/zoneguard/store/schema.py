"""The tables, one schema for SQLite and PostgreSQL; every row carries its sensor, so that a fleet can share them.

Times are ns since 1970. JSON is text: SQLite has no other form of it, and PostgreSQL's refuses strings that findings may hold.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, MetaData, Table, Text

metadata = MetaData()


def _text(
    name: str, *, primary_key: bool = False, nullable: bool = False, unique: bool | None = None
) -> Column[str]:
    return Column(name, Text, primary_key=primary_key, nullable=nullable, unique=unique)


def _number(name: str, *, primary_key: bool = False, nullable: bool = False) -> Column[int]:
    # Numbers are given out by `counters`, never by the database.
    return Column(name, BigInteger, primary_key=primary_key, nullable=nullable, autoincrement=False)


identity = Table(
    "identity",
    metadata,
    _text("name", primary_key=True),
    _text("value"),
)

counters = Table(
    "counters",
    metadata,
    _text("sensor", primary_key=True),
    _text("name", primary_key=True),  # run | commit | outbox:SINK
    _number("value"),
)

runs = Table(
    "runs",
    metadata,
    _text("sensor", primary_key=True),
    _number("run", primary_key=True),
    _number("started"),
    _number("last_commit", nullable=True),
    _number("serial"),
    _text("policy_sha256"),
    _text("tool_version"),
)

commits = Table(
    "commits",
    metadata,
    _text("sensor", primary_key=True),
    _number("number", primary_key=True),
    _number("run"),
    _number("at"),
    _number("findings"),
    _number("messages"),
)

findings = Table(
    "findings",
    metadata,
    _text("sensor", primary_key=True),
    _text("fingerprint", primary_key=True),
    _text("rule"),
    _text("verdict"),
    _text("severity"),
    _text("status"),
    _text("told", nullable=True),
    _number("spell"),
    _number("first_seen"),
    _number("last_seen"),
    _text("orig_zone", nullable=True),
    _text("resp_zone", nullable=True),
    _text("waiver", nullable=True),
    _text("ack_by", nullable=True),
    _number("ack_at", nullable=True),
    _text("ack_note", nullable=True),
    _number("ack_until", nullable=True),
    _number("commit_number"),
    _text("record"),
    Index("findings_by_status", "status", "severity"),
)

finding_counts = Table(
    "finding_counts",
    metadata,
    _text("sensor", primary_key=True),
    _text("fingerprint", primary_key=True),
    _number("run", primary_key=True),  # 0: folded from runs that are over
    _number("flows"),
    _number("packets"),
    _number("bytes"),
    _number("first_seen"),
    _number("last_seen"),
    ForeignKeyConstraint(
        ["sensor", "fingerprint"],
        ["findings.sensor", "findings.fingerprint"],
        name="finding_counts_of_finding",
        ondelete="CASCADE",
    ),
)

coverage = Table(
    "coverage",
    metadata,
    _text("sensor", primary_key=True),
    _number("run", primary_key=True),
    _number("started", primary_key=True),
    _number("ended"),
    _number("packets"),
    _number("bytes"),
    _number("dropped"),
    _number("truncated"),
    _text("not_decoded"),
    _text("blind"),
    Index("coverage_by_time", "sensor", "ended"),
)

flow_days = Table(
    "flow_days",
    metadata,
    _text("sensor", primary_key=True),
    _text("day", primary_key=True),
    _text("orig_zone", primary_key=True),
    _text("resp_zone", primary_key=True),
    _text("service", primary_key=True),
    _number("run", primary_key=True),  # 0: folded
    _number("flows"),
    _number("packets"),
    _number("bytes"),
    _number("violations"),
)

files = Table(
    "files",
    metadata,
    _text("sensor", primary_key=True),
    _text("path", primary_key=True),
    _number("size", primary_key=True),
    _number("mtime", primary_key=True),
    _text("sha256"),
    _number("commit_number"),
    _number("done"),
    Index("files_by_content", "sensor", "sha256"),
)

parts = Table(
    "parts",
    metadata,
    _text("sensor", primary_key=True),
    _number("number", primary_key=True),
    _text("day"),
    _number("flows"),
    _number("bytes"),
    _text("sha256"),
    _number("commit_number"),
    Index("parts_by_day", "sensor", "day"),
)

outbox = Table(
    "outbox",
    metadata,
    _text("sensor", primary_key=True),
    _text("sink", primary_key=True),
    _number("sequence", primary_key=True),
    _text("message_key", unique=True),
    _text("kind"),
    _text("body"),
    _number("items"),
    _number("created"),
    _number("attempts"),
    _number("next_attempt"),
    _number("batch", nullable=True),
    _text("error", nullable=True),
    _number("delivered", nullable=True),
    Index("outbox_waiting", "sensor", "sink", "delivered", "sequence"),
)
