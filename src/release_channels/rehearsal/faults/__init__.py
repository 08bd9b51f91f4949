"""Faults on demand: each says where it is injected, what must be seen, and how it has to end."""
