"""The rules, one definition each. Everything here builds SQL or is a pure function; nothing runs."""
