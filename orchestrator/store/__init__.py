"""Runs SQL: every statement that reads or writes a table, whatever the database."""
