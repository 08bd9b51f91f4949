"""Helpers of all tests: repositories, projects, an upstream index."""
