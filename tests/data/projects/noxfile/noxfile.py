"""Mine."""

import nox


@nox.session
def tests(session):
    """Run the tests."""
    session.run("python", "-m", "unittest")
