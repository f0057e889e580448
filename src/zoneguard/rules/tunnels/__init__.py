"""Tunnels and IPv6 (family F)."""
