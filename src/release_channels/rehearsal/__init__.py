"""Rehearsals, and the doubles of external services for them and for tests. No other package imports it."""
