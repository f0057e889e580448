"""How we say it: text, JSON and the flow table; nothing here decides anything."""
