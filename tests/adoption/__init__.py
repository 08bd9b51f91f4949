"""Tests of what brings a project to two channels."""
