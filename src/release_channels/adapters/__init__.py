"""The outside: git, indexes, GitHub Actions, files. It reads and changes them, and decides nothing."""
