"""Fault injection: each fault declares where it fires, its message, and the expected end."""
