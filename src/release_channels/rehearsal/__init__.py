"""Rehearsals, and the doubles of external services that they and the tests use. No other package imports it."""
