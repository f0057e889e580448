"""Family H: what the exports of firewalls and routers say."""
