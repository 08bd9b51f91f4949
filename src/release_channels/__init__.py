"""Two PyPI channels under one project name, public and internal preview, as nox sessions and invoke tasks."""

import sys


def main() -> None:
    """Run a task by its name: the console script; Ctrl-C ends it without a traceback also while it is still loading."""
    try:
        from release_channels.tasks import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("failed: interrupted; run the same command again\n")
        sys.exit(130)
