"""What is permitted: exports of firewalls and routers, read into rulesets of no vendor."""
