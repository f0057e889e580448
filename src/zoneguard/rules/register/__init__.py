"""The register: approved flows, their limits and terms (family C)."""
