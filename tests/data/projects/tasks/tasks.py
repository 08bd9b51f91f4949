from invoke import task


@task
def bump(c):
    """Bump in my own way."""
