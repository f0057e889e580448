"""What was observed: bytes from files or a ring become flows, claims and coverage."""
