"""The workflow templates: parse, render, and check them against the rules."""
