"""Zone crossings: separation and division (family A)."""
