"""The rules, one definition each. All of it builds SQL or is a pure function; nothing runs."""
