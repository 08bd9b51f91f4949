"""Gates for small rivers."""
