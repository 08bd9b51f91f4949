"""The outside: git, indexes, GitHub Actions, files. It reads and acts, and never decides."""
