"""The daemon on a mirror port: a pure machine, and what surrounds it."""
