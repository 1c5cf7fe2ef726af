"""Tactful's engine: who should hear from a shop, what, at what price, when, and why."""
