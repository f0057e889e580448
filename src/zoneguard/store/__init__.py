"""What we remember: findings and their life, runs, coverage, aggregates, files, what is still to be sent."""
