"""What we say: findings, waivers and baselines, as pure values."""
