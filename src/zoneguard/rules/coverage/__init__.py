"""The quality of the observation itself (family I)."""
