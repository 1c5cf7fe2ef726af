"""Customers and their messages, as classes."""

from datetime import datetime

from sqlalchemy import DateTime, ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """Of all tables."""


class Customer(Base):
    """Somebody with an address."""

    __tablename__ = "naive_customers"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True)
    first_name: Mapped[str]
    household_size: Mapped[int]
    kids_count: Mapped[int]
    subscribed: Mapped[bool]


class Message(Base):
    """A message to one customer, and what has become of it."""

    __tablename__ = "naive_messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("naive_customers.id"))
    campaign: Mapped[str]
    status: Mapped[str] = mapped_column(index=True)
    sent_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    customer: Mapped[Customer] = relationship(lazy="joined")
