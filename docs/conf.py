"""The documentation site: `uv run --group docs nox -s docs` builds it with Sphinx into docs/_build."""

project = "release-channels"
html_title = project
html_theme = "furo"
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
# As many levels of headings get the anchors that links name, made as GitHub makes them.
myst_heading_anchors = 3
