"""Sanitisation: mail, file, web and screen (family B)."""
