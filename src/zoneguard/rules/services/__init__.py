"""Shared services across zones (family G)."""
