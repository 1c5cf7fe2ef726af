"""Every table, constraint and index; `metadata` knows them all."""

from orchestrator.tables.accounts import accounts
from orchestrator.tables.base import metadata
from orchestrator.tables.campaigns import (
    approvals,
    campaigns,
    canaries,
    controls,
    deployment,
    journeys,
    memberships,
    passes,
    segments,
    shops,
    versions,
)
from orchestrator.tables.catalogue import habits, pairs, prices, product_changes, products
from orchestrator.tables.customers import (
    addresses,
    clocks,
    consent_log,
    consents,
    customers,
    suppressions,
)
from orchestrator.tables.events import event_products, events
from orchestrator.tables.feedback import collected, feedback, targets, wishes
from orchestrator.tables.forgotten import forgetting, forgotten_addresses
from orchestrator.tables.messages import attempts, canary_messages, contents, message_log, messages
from orchestrator.tables.workers import heartbeats

__all__ = [
    "accounts",
    "addresses",
    "approvals",
    "attempts",
    "campaigns",
    "canaries",
    "canary_messages",
    "clocks",
    "collected",
    "consent_log",
    "consents",
    "contents",
    "controls",
    "customers",
    "deployment",
    "event_products",
    "events",
    "feedback",
    "forgetting",
    "forgotten_addresses",
    "habits",
    "heartbeats",
    "journeys",
    "memberships",
    "message_log",
    "messages",
    "metadata",
    "pairs",
    "passes",
    "prices",
    "product_changes",
    "products",
    "segments",
    "shops",
    "suppressions",
    "targets",
    "versions",
    "wishes",
]
