"""What is allowed: zones.yaml read, checked and turned into questions that can be answered."""
