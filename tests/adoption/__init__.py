"""Tests of adopting the tool for both channels."""
