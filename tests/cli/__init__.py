"""Tests that run a user's commands and read the screen."""
