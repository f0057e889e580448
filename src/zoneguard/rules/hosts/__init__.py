"""Hosts, addresses and layer 2 (family E)."""
