import winreg


def main() -> None:
    """Open the gate."""
    print("open")
