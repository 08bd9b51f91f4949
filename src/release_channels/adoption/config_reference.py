"""Generate the reference page of the settings. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from typing import Any, get_args, get_type_hints

from release_channels.model.config import TABLE, Config

_INTRODUCTION = f"""# Configuration

Settings stand in the table `[{TABLE}]` of `pyproject.toml`, and each has a default. They are read from the commit
that is released, not from the working tree. An unknown key or a value of the wrong type is refused before anything
moves; the message names the key and the nearest known one. `main-branch`, `remote` and `tag-format` say what may be
released, so a commit whose values are not those of the remote's default branch is refused.

This page is generated from `release_channels.model.config.Config`: change the help there (CONTRIBUTING.md says how).

| key | default | is |
| --- | --- | --- |
"""

_COPIES = f"""
## Copies of the version

`bump` and `bump-dev` write the version into every file that `version-files` lists, and `doctor`, `tag` and `check`
compare it there. A pattern is literal text of one line that is in the file exactly once, with `{{version}}` and
`{{date}}` in it. The date is the day of the release as `YYYY-MM-DD`; only `bump` writes it, so between releases it
stays that of the newest.

With `follows = "finals"` a copy keeps the newest final between releases: `bump` writes it, `bump-dev` and previews
leave it, and on a dev line it has to be a final before main's version; `doctor` compares it with the newest tag.

`check` also reads the `__version__` that the modules of the wheel carry, listed or not, and compares it with the
metadata.

```toml
[[{TABLE}.version-files]]
path = "CITATION.cff"
pattern = "version: {{version}}"
follows = "finals"

[[{TABLE}.version-files]]
path = "CITATION.cff"
pattern = "date-released: {{date}}"
follows = "finals"
```

`init` and `doctor` search the usual files for copies that are not listed (a `__version__` beside a version in
`pyproject.toml`, CITATION.cff, `package.json`, conda recipes, labels of a Dockerfile, `Cargo.toml`, `meson.build`, the
`conf.py` of the documentation) and show the entries to add. `tag` refuses while one of them has another version; one
that is meant to differ gets an entry with `follows = "nothing"`.
"""


def configuration_page() -> str:
    """Return the page, with one row for each setting."""
    return _INTRODUCTION + "".join(_rows(Config, "")) + _COPIES


def _rows(shape: Any, path: str) -> Iterator[str]:
    """Write a row for each key; those of a table below, or of a list of tables, follow with its name before them."""
    types = get_type_hints(shape)
    for item in fields(shape):
        below: object = item.default_factory
        if is_dataclass(below):
            yield from _rows(below, f"{item.name}.")
            continue
        yield _row(item, path)
        for kind in get_args(types[item.name]):
            if is_dataclass(kind):
                yield from _rows(kind, f"{path}{item.name.replace('_', '-')}.")


def _row(item: Field[Any], path: str) -> str:
    key = path + item.name.replace("_", "-")
    default = "required" if item.default is MISSING else f"`{_literal(item.default)}`"
    return f"| `{key}` | {default} | {item.metadata['help']} |\n"


def _literal(value: object) -> str:
    """Write a default as TOML does."""
    return json.dumps(value.value if isinstance(value, StrEnum) else value)
