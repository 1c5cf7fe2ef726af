"""Everything"""

import sqlalchemy as sa
from alembic import op

from orchestrator.tables.base import Amount, Id, Instant, Json

revision = "0001"
down_revision = None


def upgrade() -> None:
    """To this revision."""
    op.create_table(
        "accounts",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("trips", sa.Integer(), server_default="0", nullable=False),
        sa.Column("open_until", Instant, nullable=True),
        sa.Column("credit", sa.Float(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("channel", "plugin", name=op.f("accounts_pkey")),
    )
    op.create_table(
        "clocks",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("clocks_pkey")),
        sa.UniqueConstraint("key", name=op.f("clocks_key_key")),
    )
    op.create_table(
        "collected",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("collected_pkey")),
    )
    op.create_index(op.f("collected_at_idx"), "collected", ["at"], unique=False)
    op.create_table(
        "controls",
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", name=op.f("controls_pkey")),
    )
    op.create_table(
        "deployment",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("secret", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("deployment_pkey")),
    )
    op.create_table(
        "feedback",
        sa.Column("id", Id, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("event_key", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("received_at", Instant, nullable=False),
        sa.Column("message_id", Id, nullable=True),
        sa.Column("attempt_id", Id, nullable=True),
        sa.Column("provider_ref", sa.String(), nullable=True),
        sa.Column("address_key", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.Column("answer_by", sa.String(), nullable=True),
        sa.Column("read_at", Instant, nullable=True),
        sa.Column("read_as", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("feedback_pkey")),
        sa.UniqueConstraint("source", "event_key", name=op.f("feedback_source_event_key_key")),
    )
    op.create_index(op.f("feedback_message_id_idx"), "feedback", ["message_id"], unique=False)
    op.create_index(
        "feedback_unbound_idx",
        "feedback",
        ["address_key"],
        unique=False,
        sqlite_where=sa.text("message_id IS NULL"),
        postgresql_where=sa.text("message_id IS NULL"),
    )
    op.create_index(
        "feedback_unread_idx",
        "feedback",
        ["id"],
        unique=False,
        sqlite_where=sa.text("kind = 'replied' AND read_at IS NULL"),
        postgresql_where=sa.text("kind = 'replied' AND read_at IS NULL"),
    )
    op.create_index(
        "feedback_unsettled_idx",
        "feedback",
        ["id"],
        unique=False,
        sqlite_where=sa.text("NOT settled"),
        postgresql_where=sa.text("NOT settled"),
    )
    op.create_table(
        "forgotten_addresses",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("digest", "scope", name=op.f("forgotten_addresses_pkey")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "heartbeats",
        sa.Column("worker", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("started_at", Instant, nullable=False),
        sa.Column("progress_at", Instant, nullable=False),
        sa.Column("again_by", Instant, nullable=False),
        sa.Column("doing", sa.String(), nullable=False),
        sa.Column("done", Json, nullable=False),
        sa.PrimaryKeyConstraint("worker", name=op.f("heartbeats_pkey")),
    )
    op.create_table(
        "passes",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("passes_pkey")),
        sa.UniqueConstraint(
            "campaign", "occasion", "due_at", name=op.f("passes_campaign_occasion_due_at_key")
        ),
    )
    op.create_table(
        "products",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("theme", sa.String(), nullable=True),
        sa.Column("brand", sa.String(), nullable=True),
        sa.Column("size", sa.String(), nullable=True),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("image_url", sa.String(), nullable=True),
        sa.Column("stock", sa.Integer(), nullable=True),
        sa.Column("popularity", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attributes", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("products_pkey")),
        sa.UniqueConstraint("key", name=op.f("products_key_key")),
    )
    op.create_index(op.f("products_popularity_idx"), "products", ["popularity"], unique=False)
    op.create_table(
        "segments",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("meaning", sa.String(), nullable=False),
        sa.Column("first_look", Instant, nullable=False),
        sa.Column("looked_at", Instant, nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("segments_pkey")),
    )
    op.create_table(
        "shops",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("files", Json, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("shops_pkey")),
    )
    op.create_table(
        "suppressions",
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.PrimaryKeyConstraint("address_key", "scope", name=op.f("suppressions_pkey")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "customers",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("clock_id", Id, nullable=False),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("locale", sa.String(), nullable=True),
        sa.Column("preferred_channel", sa.String(), nullable=True),
        sa.Column("max_per_week", sa.Integer(), nullable=True),
        sa.Column("paused_until", Instant, nullable=True),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.Column("traits", Json, nullable=False),
        sa.Column("told", Json, nullable=True),
        sa.Column("created_at", Instant, nullable=False),
        sa.Column("updated_at", Instant, nullable=False),
        sa.Column("forgotten_at", Instant, nullable=True),
        sa.ForeignKeyConstraint(["clock_id"], ["clocks.id"], name=op.f("customers_clock_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("customers_pkey")),
        sa.UniqueConstraint("key", name=op.f("customers_key_key")),
    )
    op.create_index(op.f("customers_updated_at_idx"), "customers", ["updated_at"], unique=False)
    op.create_table(
        "pairs",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("product_id", Id, nullable=False),
        sa.Column("other_id", Id, nullable=False),
        sa.Column("strength", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["other_id"], ["products.id"], name=op.f("pairs_other_id_fkey")),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("pairs_product_id_fkey")
        ),
        sa.PrimaryKeyConstraint("kind", "product_id", "other_id", name=op.f("pairs_pkey")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "prices",
        sa.Column("id", Id, nullable=False),
        sa.Column("product_id", Id, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount", Amount, nullable=False),
        sa.Column("list_amount", Amount, nullable=True),
        sa.Column("tax", sa.String(), nullable=True),
        sa.Column("valid_from", Instant, nullable=False),
        sa.Column("valid_until", Instant, nullable=True),
        sa.Column("resumes", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("prices_product_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("prices_pkey")),
        sa.UniqueConstraint(
            "product_id",
            "currency",
            "valid_from",
            name=op.f("prices_product_id_currency_valid_from_key"),
        ),
    )
    op.create_index(
        "prices_ends_idx",
        "prices",
        ["product_id", "valid_until"],
        unique=False,
        sqlite_where=sa.text("valid_until IS NOT NULL"),
        postgresql_where=sa.text("valid_until IS NOT NULL"),
    )
    op.create_table(
        "product_changes",
        sa.Column("id", Id, nullable=False),
        sa.Column("product_id", Id, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("before", Amount, nullable=False),
        sa.Column("after", Amount, nullable=False),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("product_changes_product_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("product_changes_pkey")),
        sa.UniqueConstraint(
            "product_id", "kind", "at", name=op.f("product_changes_product_id_kind_at_key")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("product_changes_kind_at_idx"), "product_changes", ["kind", "at"], unique=False
    )
    op.create_table(
        "versions",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("shop_digest", sa.String(), nullable=False),
        sa.Column("files", Json, nullable=False),
        sa.Column("created_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_digest"], ["shops.digest"], name=op.f("versions_shop_digest_fkey")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("versions_pkey")),
    )
    op.create_index(op.f("versions_name_idx"), "versions", ["name"], unique=False)
    op.create_table(
        "addresses",
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("addresses_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("customer_id", "kind", name=op.f("addresses_pkey")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("addresses_address_key_idx"), "addresses", ["address_key"], unique=False)
    op.create_table(
        "approvals",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("audience", sa.Integer(), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["versions.digest"], name=op.f("approvals_version_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("approvals_pkey")),
    )
    op.create_index(op.f("approvals_version_idx"), "approvals", ["version"], unique=False)
    op.create_table(
        "campaigns",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("since", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["version"], ["versions.digest"], name=op.f("campaigns_version_fkey")
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("campaigns_pkey")),
    )
    op.create_table(
        "canaries",
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("most", sa.Integer(), nullable=False),
        sa.Column("share", sa.Float(), nullable=True),
        sa.Column("watch_s", sa.Integer(), nullable=False),
        sa.Column("full_at", Instant, nullable=True),
        sa.Column("ended_at", Instant, nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["version"], ["versions.digest"], name=op.f("canaries_version_fkey")
        ),
        sa.PrimaryKeyConstraint("version", "step", name=op.f("canaries_pkey")),
    )
    op.create_table(
        "consent_log",
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("until", Instant, nullable=True),
        sa.Column("touchpoint", sa.String(), nullable=False),
        sa.Column("wording", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("consent_log_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("consent_log_pkey")),
        sa.UniqueConstraint(
            "customer_id",
            "channel",
            "topic",
            "at",
            "given",
            name=op.f("consent_log_customer_id_channel_topic_at_given_key"),
        ),
    )
    op.create_table(
        "consents",
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("until", Instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("consents_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("customer_id", "channel", "topic", name=op.f("consents_pkey")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("id", Id, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("properties", Json, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("events_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("events_pkey")),
        sa.UniqueConstraint("key", name=op.f("events_key_key")),
    )
    op.create_index(
        op.f("events_customer_id_name_at_idx"),
        "events",
        ["customer_id", "name", "at"],
        unique=False,
    )
    op.create_index(op.f("events_name_at_idx"), "events", ["name", "at"], unique=False)
    op.create_table(
        "forgetting",
        sa.Column("customer_id", Id, autoincrement=False, nullable=False),
        sa.Column("address_keys", Json, nullable=False),
        sa.Column("began_at", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("forgetting_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("customer_id", name=op.f("forgetting_pkey")),
    )
    op.create_table(
        "habits",
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("product_id", Id, nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("every_days", sa.Float(), nullable=False),
        sa.Column("last_at", Instant, nullable=False),
        sa.Column("next_at", Instant, nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("habits_customer_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("habits_product_id_fkey")
        ),
        sa.PrimaryKeyConstraint("customer_id", "product_id", name=op.f("habits_pkey")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journeys",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("event_id", Id, nullable=True),
        sa.Column("change_id", Id, nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("began_at", Instant, nullable=False),
        sa.Column("set_out_at", Instant, nullable=False),
        sa.Column("step_since", Instant, nullable=False),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=True),
        sa.Column("ended_as", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("journeys_customer_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["version"], ["versions.digest"], name=op.f("journeys_version_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("journeys_pkey")),
        sa.UniqueConstraint(
            "campaign",
            "customer_id",
            "occasion",
            name=op.f("journeys_campaign_customer_id_occasion_key"),
        ),
    )
    op.create_index(
        op.f("journeys_ended_at_due_at_idx"), "journeys", ["ended_at", "due_at"], unique=False
    )
    op.create_table(
        "memberships",
        sa.Column("id", Id, nullable=False),
        sa.Column("segment", sa.String(), nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("since", Instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("memberships_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("memberships_pkey")),
        sa.UniqueConstraint(
            "segment", "customer_id", name=op.f("memberships_segment_customer_id_key")
        ),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("memberships_segment_since_idx"), "memberships", ["segment", "since"], unique=False
    )
    op.create_table(
        "messages",
        sa.Column("id", Id, nullable=False),
        sa.Column("campaign", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("occasion", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("marketing", sa.Boolean(), nullable=False),
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("event_id", Id, nullable=True),
        sa.Column("change_id", Id, nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("address_key", sa.String(), nullable=True),
        sa.Column("due_at", Instant, nullable=False),
        sa.Column("planned_at", Instant, nullable=False),
        sa.Column("send_after", Instant, nullable=False),
        sa.Column("expires_at", Instant, nullable=False),
        sa.Column("counts_at", Instant, nullable=False),
        sa.Column("ended_at", Instant, nullable=True),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("lease_until", Instant, nullable=True),
        sa.Column("claims", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("provider_ref", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("messages_customer_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["version"], ["versions.digest"], name=op.f("messages_version_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("messages_pkey")),
        sa.UniqueConstraint(
            "campaign",
            "customer_id",
            "occasion",
            "step",
            "channel",
            name=op.f("messages_campaign_customer_id_occasion_step_channel_key"),
        ),
    )
    op.create_index(
        op.f("messages_address_key_counts_at_idx"),
        "messages",
        ["address_key", "counts_at"],
        unique=False,
    )
    op.create_index(
        op.f("messages_customer_id_counts_at_idx"),
        "messages",
        ["customer_id", "counts_at"],
        unique=False,
    )
    op.create_index(
        "messages_expiry_idx",
        "messages",
        ["expires_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('planned', 'deferred')"),
        postgresql_where=sa.text("state IN ('planned', 'deferred')"),
    )
    op.create_index(
        "messages_in_hand_idx",
        "messages",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state IN ('claimed', 'sending', 'unknown')"),
        postgresql_where=sa.text("state IN ('claimed', 'sending', 'unknown')"),
    )
    op.create_index(
        "messages_planned_idx",
        "messages",
        ["campaign", "planned_at"],
        unique=False,
        sqlite_where=sa.text("channel <> '-'"),
        postgresql_where=sa.text("channel <> '-'"),
    )
    op.create_index(
        "messages_suspect_idx",
        "messages",
        ["channel", "claims"],
        unique=False,
        sqlite_where=sa.text("state IN ('planned', 'deferred') AND claims >= 2"),
        postgresql_where=sa.text("state IN ('planned', 'deferred') AND claims >= 2"),
    )
    op.create_index(
        "messages_trouble_idx",
        "messages",
        ["ended_at"],
        unique=False,
        sqlite_where=sa.text("state IN ('unknown_final', 'rejected', 'render_failed', 'poisoned')"),
        postgresql_where=sa.text(
            "state IN ('unknown_final', 'rejected', 'render_failed', 'poisoned')"
        ),
    )
    op.create_index(
        "messages_waiting_idx",
        "messages",
        ["channel", "version", "step", "send_after", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('planned', 'deferred')"),
        postgresql_where=sa.text("state IN ('planned', 'deferred')"),
    )
    op.create_table(
        "targets",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("customer_id", Id, nullable=True),
        sa.Column("at", Instant, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("targets_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("targets_pkey")),
    )
    op.create_index(op.f("targets_at_idx"), "targets", ["at"], unique=False)
    op.create_index(op.f("targets_customer_id_idx"), "targets", ["customer_id"], unique=False)
    op.create_table(
        "wishes",
        sa.Column("id", Id, nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=True),
        sa.Column("touchpoint", sa.String(), nullable=False),
        sa.Column("wording", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("wishes_customer_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("wishes_pkey")),
    )
    op.create_index(op.f("wishes_customer_id_idx"), "wishes", ["customer_id"], unique=False)
    op.create_table(
        "attempts",
        sa.Column("id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.Column("provider_ref", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("attempts_message_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("attempts_pkey")),
    )
    op.create_index(op.f("attempts_message_id_idx"), "attempts", ["message_id"], unique=False)
    op.create_table(
        "canary_messages",
        sa.Column("message_id", Id, nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("canary_messages_message_id_fkey")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("canary_messages_pkey")),
    )
    op.create_index(
        op.f("canary_messages_version_step_idx"),
        "canary_messages",
        ["version", "step"],
        unique=False,
    )
    op.create_table(
        "contents",
        sa.Column("message_id", Id, nullable=False),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("html", sa.String(), nullable=True),
        sa.Column("quote", Json, nullable=False),
        sa.Column("segments", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("contents_message_id_fkey")
        ),
        sa.PrimaryKeyConstraint("message_id", name=op.f("contents_pkey")),
    )
    op.create_table(
        "event_products",
        sa.Column("event_id", Id, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("customer_id", Id, nullable=False),
        sa.Column("product_id", Id, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount", Amount, nullable=True),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["customers.id"], name=op.f("event_products_customer_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["event_id"], ["events.id"], name=op.f("event_products_event_id_fkey")
        ),
        sa.ForeignKeyConstraint(
            ["product_id"], ["products.id"], name=op.f("event_products_product_id_fkey")
        ),
        sa.PrimaryKeyConstraint("event_id", "line", name=op.f("event_products_pkey")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("event_products_customer_id_product_id_name_at_idx"),
        "event_products",
        ["customer_id", "product_id", "name", "at"],
        unique=False,
    )
    op.create_index(
        op.f("event_products_product_id_name_at_idx"),
        "event_products",
        ["product_id", "name", "at"],
        unique=False,
    )
    op.create_table(
        "message_log",
        sa.Column("id", Id, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name=op.f("message_log_message_id_fkey")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("message_log_pkey")),
    )
    op.create_index(op.f("message_log_message_id_idx"), "message_log", ["message_id"], unique=False)


def downgrade() -> None:
    """Back to the one before."""
    op.drop_table("message_log")
    op.drop_table("event_products")
    op.drop_table("contents")
    op.drop_table("canary_messages")
    op.drop_table("attempts")
    op.drop_table("wishes")
    op.drop_table("targets")
    op.drop_table("messages")
    op.drop_table("memberships")
    op.drop_table("journeys")
    op.drop_table("habits")
    op.drop_table("forgetting")
    op.drop_table("events")
    op.drop_table("consents")
    op.drop_table("consent_log")
    op.drop_table("canaries")
    op.drop_table("campaigns")
    op.drop_table("approvals")
    op.drop_table("addresses")
    op.drop_table("versions")
    op.drop_table("product_changes")
    op.drop_table("prices")
    op.drop_table("pairs")
    op.drop_table("customers")
    op.drop_table("suppressions")
    op.drop_table("shops")
    op.drop_table("segments")
    op.drop_table("products")
    op.drop_table("passes")
    op.drop_table("heartbeats")
    op.drop_table("forgotten_addresses")
    op.drop_table("feedback")
    op.drop_table("deployment")
    op.drop_table("controls")
    op.drop_table("collected")
    op.drop_table("clocks")
    op.drop_table("accounts")
