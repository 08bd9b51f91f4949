"""Two PyPI channels under one project name, public and internal preview, as nox sessions and invoke tasks."""
