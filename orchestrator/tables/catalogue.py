"""Products, their prices over time, and what was learned from purchases."""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
)

from orchestrator.tables.base import Amount, Id, Instant, Json, metadata
from orchestrator.tables.customers import customers

products = Table(
    "products",
    metadata,
    Column("id", Id, primary_key=True),
    Column("key", String, nullable=False, unique=True),
    Column("title", String, nullable=False),
    Column("category", String),
    Column("theme", String),  # from shop.yaml's theme map, when written
    Column("brand", String),
    Column("size", String),
    Column("url", String),
    Column("image_url", String),
    Column("stock", Integer),  # null: not counted, so available
    # in how many baskets it was lately; learned
    Column("popularity", Integer, nullable=False, server_default="0", index=True),
    Column("attributes", Json, nullable=False),
)

# A price holds from `valid_from` until the next one begins, or until `valid_until`. One that
# `resumes` was not told so: an earlier one goes on after a promotion's end.
prices = Table(
    "prices",
    metadata,
    Column("id", Id, primary_key=True),
    Column("product_id", ForeignKey(products.c.id), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("amount", Amount, nullable=False),
    Column("list_amount", Amount),
    Column("tax", String),  # "included" or the rate added; null: as the shop says
    Column("valid_from", Instant, nullable=False),
    Column("valid_until", Instant),
    Column("resumes", Boolean, nullable=False),
    UniqueConstraint("product_id", "currency", "valid_from"),
)

_ends = prices.c.valid_until.is_not(None)
Index(
    "prices_ends_idx",
    prices.c.product_id,
    prices.c.valid_until,
    sqlite_where=_ends,
    postgresql_where=_ends,
)

# What happened to a product and may move its customers: a price or a stock that changed. Ids are
# never used again: they name occasions.
product_changes = Table(
    "product_changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("product_id", ForeignKey(products.c.id), nullable=False),
    Column("kind", String, nullable=False),  # "price" or "stock"
    Column("at", Instant, nullable=False),
    Column("before", Amount, nullable=False),
    Column("after", Amount, nullable=False),
    UniqueConstraint("product_id", "kind", "at"),
    Index(None, "kind", "at"),
    sqlite_autoincrement=True,
)

# What a customer buys again and again, and when it will be due. Learned; may be rebuilt any time.
habits = Table(
    "habits",
    metadata,
    Column("customer_id", ForeignKey(customers.c.id), primary_key=True),
    Column("product_id", ForeignKey(products.c.id), primary_key=True),
    Column("times", Integer, nullable=False),
    Column("every_days", Float, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("next_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

# What goes with what, and what is a better one of the same. Learned; may be rebuilt any time.
# `strength`: how much likelier the other is in a basket with the first; how near their prices are.
pairs = Table(
    "pairs",
    metadata,
    Column("kind", String, primary_key=True),  # "goes_with" or "better"
    Column("product_id", ForeignKey(products.c.id), primary_key=True),
    Column("other_id", ForeignKey(products.c.id), primary_key=True),
    Column("strength", Float, nullable=False),
    sqlite_with_rowid=False,
)
