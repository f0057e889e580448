"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "commits",
        sa.Column("sensor", sa.Text(), nullable=False, primary_key=True),
        sa.Column("number", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("findings", sa.BigInteger(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "counters",
        sa.Column("sensor", sa.Text(), nullable=False, primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, primary_key=True),
        sa.Column("value", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "coverage",
        sa.Column("sensor", sa.Text(), nullable=False, primary_key=True),
        sa.Column("run", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("started", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.Column("packets", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("truncated", sa.BigInteger(), nullable=False),
        sa.Column("not_decoded", sa.Text(), nullable=False),
        sa.Column("blind", sa.Text(), nullable=False),
    )
    op.create_index("coverage_by_time", "coverage", ["sensor", "ended"])
    op.create_table(
        "files",
        sa.Column("sensor", sa.Text(), nullable=False, primary_key=True),
        sa.Column("path", sa.Text(), nullable=False, primary_key=True),
        sa.Column("size", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("mtime", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("commit_number", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
    )
    op.create_index("files_by_content", "files", ["sensor", "sha256"])
    op.create_table(
        "findings",
        sa.Column("sensor", sa.Text(), nullable=False, primary_key=True),
        sa.Column("fingerprint", sa.Text(), nullable=False, primary_key=True),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("told", sa.Text(), nullable=True),
        sa.Column("spell", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.Column("orig_zone", sa.Text(), nullable=True),
        sa.Column("resp_zone", sa.Text(), nullable=True),
        sa.Column("waiver", sa.Text(), nullable=True),
        sa.Column("ack_by", sa.Text(), nullable=True),
        sa.Column("ack_at", sa.BigInteger(), nullable=True),
        sa.Column("ack_note", sa.Text(), nullable=True),
        sa.Column("ack_until", sa.BigInteger(), nullable=True),
        sa.Column("commit_number", sa.BigInteger(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
    )
    op.create_index("findings_by_status", "findings", ["status", "severity"])
    op.create_table(
        "flow_days",
        sa.Column("sensor", sa.Text(), nullable=False, primary_key=True),
        sa.Column("day", sa.Text(), nullable=False, primary_key=True),
        sa.Column("orig_zone", sa.Text(), nullable=False, primary_key=True),
        sa.Column("resp_zone", sa.Text(), nullable=False, primary_key=True),
        sa.Column("service", sa.Text(), nullable=False, primary_key=True),
        sa.Column("run", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("flows", sa.BigInteger(), nullable=False),
        sa.Column("packets", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("violations", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "identity",
        sa.Column("name", sa.Text(), nullable=False, primary_key=True),
        sa.Column("value", sa.Text(), nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("sensor", sa.Text(), nullable=False, primary_key=True),
        sa.Column("sink", sa.Text(), nullable=False, primary_key=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("message_key", sa.Text(), nullable=False, unique=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("next_attempt", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("delivered", sa.BigInteger(), nullable=True),
    )
    op.create_index("outbox_waiting", "outbox", ["sensor", "sink", "delivered", "sequence"])
    op.create_table(
        "parts",
        sa.Column("sensor", sa.Text(), nullable=False, primary_key=True),
        sa.Column("number", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("flows", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("commit_number", sa.BigInteger(), nullable=False),
    )
    op.create_index("parts_by_day", "parts", ["sensor", "day"])
    op.create_table(
        "runs",
        sa.Column("sensor", sa.Text(), nullable=False, primary_key=True),
        sa.Column("run", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("last_commit", sa.BigInteger(), nullable=True),
        sa.Column("serial", sa.BigInteger(), nullable=False),
        sa.Column("policy_sha256", sa.Text(), nullable=False),
        sa.Column("tool_version", sa.Text(), nullable=False),
    )
    op.create_table(
        "finding_counts",
        sa.Column("sensor", sa.Text(), nullable=False, primary_key=True),
        sa.Column("fingerprint", sa.Text(), nullable=False, primary_key=True),
        sa.Column("run", sa.BigInteger(), nullable=False, primary_key=True, autoincrement=False),
        sa.Column("flows", sa.BigInteger(), nullable=False),
        sa.Column("packets", sa.BigInteger(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sensor", "fingerprint"],
            ["findings.sensor", "findings.fingerprint"],
            name="finding_counts_of_finding",
            ondelete="CASCADE",
        ),
    )
