"""The sensor: a daemon that judges continuously, remembers, and tells the right people once."""
