import nox


@nox.session
def build(session):
    session.run("python", "-m", "build")
