import idna


def main() -> None:
    """Open the gate."""
    print(idna.__name__)
