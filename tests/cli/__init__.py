"""Tests that type what a user types, and read the screen."""
