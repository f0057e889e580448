"""The way out to the Internet (family D)."""
