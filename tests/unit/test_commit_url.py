"""A preview's commit: the repository's web address, and the commit parsed from a distribution's URLs."""

from __future__ import annotations

import json

import pytest

from release_channels.project.commit_url import commit_of, commit_url, github_repository, repository_url
from release_channels.project.pyproject import Project, parse_project

SHA = "0123456789abcdef0123456789abcdef01234567"


def project(urls: dict[str, str] | None = None, repository: str = "") -> Project:
    lines = ['[build-system]\nrequires = []\n[project]\nname = "x"\nversion = "1"\n[project.urls]']
    lines += [f"{json.dumps(label)} = {json.dumps(url)}" for label, url in (urls or {}).items()]
    if repository:
        lines.append(f'[tool.release-channels]\nrepository = "{repository}"')
    return parse_project("\n".join(lines).encode())


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://github.com/owner/name.git", "https://github.com/owner/name"),
        ("https://github.com/owner/name", "https://github.com/owner/name"),
        ("https://github.com/owner/name/", "https://github.com/owner/name"),
        ("https://GitHub.com/owner/Name.git/", "https://github.com/owner/Name"),
        ("https://user:secret@github.com/owner/name.git", "https://github.com/owner/name"),
        ("https://token@host.example:8443/owner/name.git", "https://host.example:8443/owner/name"),
        ("http://host.example/owner/name.git", "http://host.example/owner/name"),
        ("git@github.com:owner/name.git", "https://github.com/owner/name"),
        ("github.com:owner/name", "https://github.com/owner/name"),
        ("git@gitlab.com:group/sub/name.git", "https://gitlab.com/group/sub/name"),
        ("git@host.example:/owner/name.git", "https://host.example/owner/name"),
        ("ssh://git@github.com/owner/name.git", "https://github.com/owner/name"),
        ("ssh://git:secret@host.example:2222/owner/name.git", "https://host.example/owner/name"),
        ("git://host.example/owner/name.git", "https://host.example/owner/name"),
        ("git+ssh://git@host.example/owner/name.git", "https://host.example/owner/name"),
        ("file:///srv/git/owner/name.git", None),
        ("/srv/git/owner/name.git", None),
        ("../owner/name.git", None),
        ("./name:x/y", None),
        ("name", None),
        ("C:/git/owner/name", None),
        ("C:\\git\\owner\\name", None),
        ("ssh:///owner/name", None),
        ("https://github.com/", None),
        ("https://github.com/owner", None),
        ("https://[::1/owner/name", None),
        ("https://host.example/owner/na me", None),
        ('https://host.example/owner/"name', None),
        ("https://host.example/owner/name\n", "https://host.example/owner/name"),
        ("", None),
        (None, None),
    ],
)
def test_a_git_remote_becomes_a_web_address(remote: str | None, expected: str | None) -> None:
    """Without secrets; a local path has none."""
    assert repository_url(project(), remote) == expected


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ({"Source": "https://host.example/o/n"}, "https://host.example/o/n"),
        ({"Source Code": "https://host.example/o/n/"}, "https://host.example/o/n"),
        ({"source_code": "https://host.example/o/n.git"}, "https://host.example/o/n"),
        ({"REPOSITORY": "https://host.example/o/n?a=b#c"}, "https://host.example/o/n"),
        ({"Git-Hub": "https://github.com/o/n/tree/main/sub"}, "https://github.com/o/n"),
        ({"Code": "https://gitlab.com/a/b/c/-/tree/main"}, "https://gitlab.com/a/b/c"),
        ({"Code": "https://host.example/a/b", "Source": "https://host.example/c/d"}, "https://host.example/c/d"),
        ({"Homepage": "https://github.com/o/n", "Code": "https://host.example/a/b"}, "https://host.example/a/b"),
        ({"Homepage": "https://github.com/o/n/"}, "https://github.com/o/n"),
        ({"Home page": "https://codeberg.org/o/n"}, "https://codeberg.org/o/n"),
        ({"homepage": "https://bitbucket.org/o/n"}, "https://bitbucket.org/o/n"),
        ({"homepage": "https://gitlab.com/o/n"}, "https://gitlab.com/o/n"),
        ({"Homepage": "https://x.example/o/n"}, "https://remote.example/r/r"),
        ({"Homepage": "https://github.com/owner"}, "https://remote.example/r/r"),
        ({"Source": "ftp://host.example/o/n"}, "https://remote.example/r/r"),
        ({"Source": "https://user:secret@host.example/o/n"}, "https://host.example/o/n"),
        ({"Docs": "https://github.com/o/n"}, "https://remote.example/r/r"),
        ({}, "https://remote.example/r/r"),
    ],
)
def test_project_urls_come_before_the_remote(urls: dict[str, str], expected: str) -> None:
    """Well-known labels in their order; a home page only if it is a repository."""
    assert repository_url(project(urls), "https://remote.example/r/r.git") == expected


def test_the_repository_setting_comes_first() -> None:
    configured = project({"Source": "https://host.example/o/n"}, repository="owner/name")
    assert repository_url(configured, "https://remote.example/r/r.git") == "https://github.com/owner/name"


ON_GITHUB, ELSEWHERE = "https://github.com/url/tool", "https://codeberg.org/url/tool"
JOB = {"GITHUB_REPOSITORY": "job/tool"}


@pytest.mark.parametrize(
    ("configured", "env", "remote", "urls", "expected"),
    [
        pytest.param(
            "set/tool", JOB, "git@github.com:remote/tool.git", {"Source": ON_GITHUB}, "set/tool", id="setting"
        ),
        pytest.param("", JOB, "git@github.com:remote/tool.git", {"Source": ON_GITHUB}, "job/tool", id="job"),
        pytest.param("", {}, "git@github.com:remote/tool.git", {"Source": ON_GITHUB}, "remote/tool", id="remote"),
        pytest.param("", {}, "/srv/git/tool.git", {"Source": ON_GITHUB}, "url/tool", id="local remote"),
        pytest.param("", {}, "git@codeberg.org:o/n.git", {"Repository": ON_GITHUB}, "url/tool", id="another host"),
        pytest.param("", {}, "git@alias:url/tool.git", {"Source Code": f"{ON_GITHUB}.git"}, "url/tool", id="ssh alias"),
        pytest.param("", {}, None, {"GitHub": f"{ON_GITHUB}/tree/main/sub"}, "url/tool", id="no remote"),
        pytest.param("", {}, None, {"Source": ELSEWHERE, "GitHub": ON_GITHUB}, "url/tool", id="two hosts"),
        pytest.param("", {}, None, {"Homepage": ON_GITHUB}, "url/tool", id="home page"),
        pytest.param("", {}, None, {"Homepage": f"{ON_GITHUB}/wiki"}, "url/tool", id="page below it"),
        pytest.param("", {}, None, {"Homepage": "https://github.com/url"}, None, id="an owner alone"),
        pytest.param("", {}, None, {"Issues": f"{ON_GITHUB}/issues"}, None, id="another label"),
        pytest.param("", {}, None, {"Source": ELSEWHERE}, None, id="not on GitHub"),
        pytest.param("", {}, "/srv/git/tool.git", {}, None, id="nothing"),
    ],
)
def test_the_github_repository_has_four_sources(
    configured: str, env: dict[str, str], remote: str | None, urls: dict[str, str], expected: str | None
) -> None:
    """Setting, job, remote and project URLs, in this order."""
    assert github_repository(project(urls, configured), remote, env) == expected


@pytest.mark.parametrize(
    ("base", "path"),
    [
        ("https://github.com/o/n", "/commit/"),
        ("https://codeberg.org/o/n", "/commit/"),
        ("https://gitlab.com/o/n", "/-/commit/"),
        ("https://gitlab.host.example/o/n", "/-/commit/"),
        ("https://bitbucket.org/o/n", "/commits/"),
    ],
)
def test_a_commit_url_follows_its_host_and_is_parsed_back(base: str, path: str) -> None:
    assert commit_url(base, SHA) == base + path + SHA
    assert commit_of({"Source commit": commit_url(base, SHA)}) == SHA


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ({"Source commit": f"https://h.example/o/n/commit/{SHA}/"}, SHA),
        ({"source-COMMIT": f"https://h.example/{SHA.upper()}"}, SHA),
        ({"sourcecommit": "https://h.example/" + "a" * 64}, "a" * 64),
        ({"Source": f"https://h.example/{SHA}"}, None),
        ({"Source commit": f"https://h.example/{SHA[:39]}"}, None),
        ({"Source commit": f"https://h.example/{SHA}0"}, None),
        ({"Source commit": f"https://h.example/{SHA}?a"}, None),
        ({"Source commit": f"https://h.example/{SHA}/tree"}, None),
        ({"Source commit": "https://h.example/" + "g" * 40}, None),
        ({"Source commit": ""}, None),
        ({}, None),
    ],
)
def test_only_a_full_sha_at_the_end_of_the_right_url_is_a_commit(urls: dict[str, str], expected: str | None) -> None:
    assert commit_of(urls) == expected
