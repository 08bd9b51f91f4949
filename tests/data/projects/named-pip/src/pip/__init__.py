"""Gates for small rivers."""


def main() -> None:
    """Open the gate."""
    print("open")
