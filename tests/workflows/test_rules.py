"""Every workflow rule reports its violation: a valid file is changed in one place, and that place is found."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

from release_channels.adoption.tool_source import own_workflows
from release_channels.adoption.workflows.parse import parse_line
from release_channels.adoption.workflows.render import Adoption, render
from release_channels.adoption.workflows.rules import check_workflows
from release_channels.model.config import Config, GateConfig
from tests.workflows.adopters import ADOPTERS, own_config

PREVIEW, PUBLIC, GATE, TEST = "internal-preview-release.yml", "public-release.yml", "integration-eval.yml", "test.yml"
FILES = render(ADOPTERS["plain"])
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
START = "uv run --frozen --script noxfile.py"


@pytest.mark.parametrize("name", ADOPTERS)
def test_rendered_workflows_violate_no_rule(name: str) -> None:
    adoption = ADOPTERS[name]
    files = render(adoption)
    assert check_workflows(files, adoption.config, ours=files) == ()


def test_own_workflows_violate_no_rule() -> None:
    files = own_workflows(own_config())
    assert check_workflows(files, own_config(), ours=files) == ()


# file, text, its replacement, rule, a part of the message
CASES: dict[str, tuple[str, str, str, str, str]] = {
    "rights on top": (PREVIEW, "permissions: {}\n\n#", "permissions:\n  contents: read\n\n#", "no-rights", "on top"),
    "no rights on top": (PREVIEW, "permissions: {}\n\n#", "#", "no-rights", "on top"),
    "write-all": (GATE, "permissions:\n      contents: read # to check the sources out\n      actions: read # to read "
                  "the test run\n      models: read # so that the job's own token can ask GitHub Models where no "
                  "secret is set", "permissions: write-all", "no-rights", "wholesale"),
    "a job without rights": (
        PREVIEW, "    permissions: {}\n    steps:", "    steps:", "no-rights", "does not say which rights",
    ),
    "a right without a reason": (
        PREVIEW, "id-token: write # Trusted Publishing", "id-token: write", "say-why", "id-token: write",
    ),
    "a right that nothing needs": (
        PUBLIC, "contents: write # to", "packages: write # to", "no-rights", "packages: write",
    ),
    "an identity in the gate": (
        GATE, "actions: read # to", "id-token: write # to", "no-rights", "outside of the release workflows",
    ),
    "identity and writing in one job": (
        PUBLIC, "contents: write # to", "id-token: write # x\n      contents: write # to", "no-rights", "in one job",
    ),
    "an identity without an environment": (
        PUBLIC, "    environment: pypi-public\n", "", "environment", "no environment",
    ),
    "another environment": (
        PREVIEW, "environment: pypi-internal-preview", "environment: production", "environment", "is not in",
    ),
    "no timeout": (TEST, "    timeout-minutes: 30\n", "", "timeout", "the job test has no"),
    "a tag instead of a commit": (TEST, CHECKOUT, "actions/checkout@v7", "pinned", "actions/checkout@v7"),
    "no version beside the commit": (TEST, CHECKOUT, CHECKOUT.partition(" #")[0], "pinned", "no comment"),
    "credentials are kept": (
        PREVIEW, "persist-credentials: false", "persist-credentials: true", "credentials", "keeps",
    ),
    "credentials are kept by default": (TEST, "          persist-credentials: false\n", "", "credentials", "keeps"),
    "a cache": (PREVIEW, "enable-cache: false", "enable-cache: true", "no-cache", "enable-cache"),
    "an action that caches": (
        PUBLIC, CHECKOUT, f"actions/cache@{'a' * 40} # v1", "no-cache", "a cache",
    ),
    "an expression": (
        PREVIEW, '--commit "$COMMIT"', '--commit "${{ needs.publish.outputs.commit }}"', "no-expression", "`env:`",
    ),
    "two commands": (PREVIEW, f"{START} -s ci-result", f"{START} -s ci-result && echo", "one-line", "one plain line"),
    "two lines": (
        PREVIEW, f"run: {START} -s ci-result", f"run: |\n          {START} -s ci-result\n          echo",
        "one-line", "one plain line",
    ),
    "a pipe": (GATE, f"{START} -s gate", f"{START} -s gate | tee log", "one-line", "one plain line"),
    "a substitution": (GATE, f"{START} -s gate", f'{START} -s gate -- "$(date)"', "one-line", "one plain line"),
    "something else": (GATE, f"{START} -s gate", "python gate.py", "one-line", "nox or invoke"),
    "another way to start": (
        PREVIEW, f"run: {START} -s preview-publish", "run: uv run nox -s preview-publish", "tool-alone", "locked",
    ),
    "without the lock": (
        PUBLIC, f"run: {START} -s github-release", "run: uv run --script noxfile.py -s github-release",
        "tool-alone", "locked",
    ),
    "a build beside a token": (
        PUBLIC, "-s public-publish", "-s build public-publish", "tool-alone", "starts more: build",
    ),
    "the whole channel beside a token": (PUBLIC, "-s public-publish", "-s public", "tool-alone", "starts more: public"),
    "no session beside a token": (
        PUBLIC, f"run: {START} -s github-release", f"run: {START}", "tool-alone", "no session by name",
    ),
    "no index": (
        PREVIEW, "-s build-and-check -- --index pypi", "-s build-and-check", "index", "without `-- --index pypi`",
    ),
    "the local index": (
        PUBLIC, "-s build-and-check -- --index pypi", "-s build-and-check -- --index local", "index", "without",
    ),
    "callable": (PUBLIC, "  push:\n", "  workflow_call:\n  push:\n", "trigger", "workflow_call must not"),
    "a pull request": (
        PREVIEW, "  workflow_dispatch:\n", "  pull_request_target:\n  workflow_dispatch:\n", "trigger", "pull_request",
    ),
    "a reusable workflow": (
        PUBLIC, "  ci-result:\n", "  more:\n    uses: ./.github/workflows/x.yml\n    permissions: {}\n  ci-result:\n",
        "trigger", "calls another workflow",
    ),
    "a secret": (
        PREVIEW, "NEEDS: ${{ toJSON(needs) }}", "NEEDS: ${{ secrets.TOKEN }}", "no-secrets", "needs no secret",
    ),
    "publishes are cancelled": (PREVIEW, "cancel-in-progress: false", "cancel-in-progress: true", "order", "dropped"),
    "publishes are dropped": (PUBLIC, "  queue: max\n", "", "order", "may be dropped"),
    "a group for each preview": (
        PREVIEW, "group: release-channels-preview", "group: p-${{ github.ref }}", "order", "one group for all previews",
    ),
    "one group for all tags": (
        PUBLIC, "-public-${{ github.ref_name }}", "-public", "order", "one for each tag",
    ),
    "an artifact in the checkout": (
        PUBLIC, "path: ${{ runner.temp }}/release-channels-build", "path: .", "beside", "into the checkout",
    ),
    "no last job": (PREVIEW, "-s ci-result", "-s ci-provenance", "last-job", "no job evaluates the others"),
    "a last job that overlooks one": (
        PUBLIC, "needs: [preflight, build, publish, github-release, verify]",
        "needs: [preflight, build, publish, github-release]",
        "last-job", "does not need verify",
    ),
    "a last job that is skipped with the others": (
        PUBLIC, "    if: always()\n", "", "last-job", "does not run always",
    ),
    "no YAML": (TEST, "on:\n", "on: [\n", "yaml", "is not YAML"),
    "a key twice": (
        TEST, "permissions: {}\n", "permissions: {}\npermissions: write-all\n", "yaml", "duplicate key 'permissions'",
    ),
    "no table": (TEST, FILES[f".github/workflows/{TEST}"], "- a\n", "yaml", "is not a workflow"),
    "an upload by uv itself": (
        TEST, f"{START} -s tests lint", "uv publish dist/x.whl", "one-way-out", "past the release sessions",
    ),
    "an upload by an action": (
        TEST, CHECKOUT, f"pypa/gh-action-pypi-publish@{'a' * 40} # v1.13.0", "one-way-out", "past the release sessions",
    ),
    "an upload from elsewhere": (
        TEST, "-s tests lint", "-s preview -- --index pypi", "one-way-out", "uploads to pypi outside",
    ),
    "an upload from elsewhere, behind another flag": (
        TEST, "-s tests lint", "-xs preview -- --index pypi", "one-way-out", "uploads to pypi outside",
    ),
}  # fmt: skip


def changed(file: str, old: str, new: str) -> tuple[Mapping[str, str], int]:
    """Change one place of one file, and return the first line that differs."""
    path = f".github/workflows/{file}"
    assert old in FILES[path], "the case is out of date"
    text = FILES[path].replace(old, new, 1)
    pairs = zip(FILES[path].splitlines(), text.splitlines(), strict=False)
    line = next((number for number, (before, after) in enumerate(pairs, 1) if before != after), 0)
    return {**FILES, path: text}, line


@pytest.mark.parametrize(("file", "old", "new", "rule", "message"), CASES.values(), ids=CASES)
def test_a_rule_violation_is_reported_with_its_line(file: str, old: str, new: str, rule: str, message: str) -> None:
    """With file, rule and hint; the other files have no finding."""
    files, line = changed(file, old, new)
    found = check_workflows(files, Config(), ours=files)
    assert {broken.path for broken in found} == {f".github/workflows/{file}"}
    fitting = [broken for broken in found if broken.rule == rule and message in broken.message]
    assert fitting, [str(broken) for broken in found]
    assert re.fullmatch(rf"\.github/workflows/{re.escape(file)}:\d+: {rule}: .*", str(fitting[0]))
    if rule not in ("yaml", "timeout", "last-job") and "permissions: {}" not in old:  # there is no line of what is gone
        near = 12 if rule in ("environment", "no-rights", "trigger", "order") else 4
        assert abs(fitting[0].line - line) <= near


def test_other_workflows_may_break_rules_without_an_upload() -> None:
    """They may cache, pin and run anything."""
    theirs = "on: push\njobs:\n  x:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v7\n"
    practice = "      - run: nox -s preview\n      - run: |\n          make\n          make docs\n"
    path = ".github/workflows/docs.yml"
    assert check_workflows({**FILES, path: theirs + practice}, Config()) == ()
    leak = "    permissions:\n      id-token: write\n"
    (broken,) = check_workflows({**FILES, path: theirs + practice + leak}, Config())
    assert (broken.path, broken.rule) == (path, "one-way-out")


UPLOADS = [
    "run: uv publish dist/*",
    "run: python -m twine upload dist/*",
    "run: twine --no-color upload dist/*",
    "run: uvx --from twine twine upload dist/*",
    "run: flit publish",
    "run: hatch -v publish",
    "run: poetry -n publish --build",
    "run: pdm publish --no-build",
    "run: rye publish",
    "run: maturin publish --skip-existing",
    "run: uvx maturin upload dist/*",
    "run: python setup.py sdist bdist_wheel upload -r pypi",
    "run: (cd a && .venv/bin/pdm publish)",
    'run: bash -c "hatch publish"',
    "run: |\n          make\n          twine \\\n            upload dist/*",
    "uses: pypa/gh-action-pypi-publish@release/v1",
    "uses: JRubics/poetry-publish@v2",
    "uses: casperdcl/deploy-pypi@v2",
    "uses: somebody/upload-to-pypi@v1",
    "uses: PyO3/maturin-action@v1\n        with:\n          command: upload\n          args: --skip-existing dist/*",
    "uses: a/semantic-release@v7\n        with:\n          pypi_token: ${{ secrets.TOKEN }}",
    "uses: a/release@v7\n        with:\n          token: ${{ secrets.PYPI_TOKEN }}",
]
NO_UPLOADS = [
    "run: pdm install",
    "run: make publish-docs",
    "run: python setup.py sdist",
    "run: uv run publish.py",
    "run: ./upload.sh && twine check dist/*",
    "uses: PyO3/maturin-action@v1\n        with:\n          command: build",
    "uses: actions/upload-artifact@v7\n        with:\n          name: pypi",
    "uses: snok/install-poetry@v1",
]


@pytest.mark.parametrize("step", [*UPLOADS, *NO_UPLOADS])
def test_every_kind_of_upload_step_is_found(step: str) -> None:
    """A program with its command, an action, or an action with the index's token."""
    text = f"on: push\njobs:\n  x:\n    runs-on: ubuntu-latest\n    steps:\n      - {step}\n"
    violations = check_workflows({**FILES, ".github/workflows/docs.yml": text}, Config())
    assert [violation.rule for violation in violations] == (["one-way-out"] if step in UPLOADS else [])


def test_a_called_workflow_that_uploads_is_found() -> None:
    """It gets the index's token as a secret."""
    call = "on: push\njobs:\n  x:\n    uses: {}\n    secrets:\n      {}: ${{{{ secrets.TOKEN }}}}\n"
    for uses, secret, expected in (
        ("a/b/.github/workflows/publish_pypi.yml@v1", "token", ["one-way-out"]),
        ("a/b/.github/workflows/release.yml@v1", "pypi_token", ["one-way-out"]),
        ("a/b/.github/workflows/release.yml@v1", "token", []),
    ):
        text = call.format(uses, secret)
        violations = check_workflows({**FILES, ".github/workflows/docs.yml": text}, Config())
        assert [violation.rule for violation in violations] == expected


OIDC = "permissions:\n  id-token: write\n"
JOB_OIDC = "    permissions:\n      id-token: write # x\n    environment: pypi-internal-preview\n"
NO_GRANT = "    permissions: {}\n    steps:"
# file, texts and their replacements, rule, a part of the message
IDENTITIES: dict[str, tuple[str, tuple[tuple[str, str], ...], str, str]] = {
    "of the workflow": (
        PREVIEW,
        (("permissions: {}\n\n#", f"{OIDC}\n#"), (NO_GRANT, "    steps:")),
        "identity",
        "the job verify can request an OIDC token",
    ),
    "of the workflow, by write-all": (
        PREVIEW,
        (("permissions: {}\n\n#", "permissions: write-all\n\n#"), (NO_GRANT, "    steps:")),
        "identity",
        "the job verify can request an OIDC token",
    ),
    "of a job": (
        PREVIEW,
        ((NO_GRANT, f"{JOB_OIDC}    steps:"),),
        "identity",
        "the job verify can request an OIDC token",
    ),
    "of a job, by write-all": (
        PUBLIC,
        ((NO_GRANT, "    permissions: write-all\n    steps:"),),
        "identity",
        "the job verify can request an OIDC token",
    ),
    "of the workflow, outside of the environment": (
        PUBLIC,
        (("permissions: {}\n\n#", f"{OIDC}\n#"), (NO_GRANT, "    steps:")),
        "environment",
        "the job verify has an identity and no environment",
    ),
    "of the workflow, with other programs": (
        PREVIEW,
        (("permissions: {}\n\n#", f"{OIDC}\n#"), (NO_GRANT, "    steps:")),
        "tool-alone",
        "the job verify can have a token and starts more: verify",
    ),
    "of the gate's workflow": (
        GATE,
        (("permissions: {}\n\n#", f"{OIDC}\n#"), ("    permissions:\n      contents: read", "    x:\n      c: d")),
        "no-rights",
        "id-token: write outside of the release workflows",
    ),
}


@pytest.mark.parametrize(("file", "edits", "rule", "message"), IDENTITIES.values(), ids=IDENTITIES)
def test_an_id_token_grant_is_found_at_every_level(
    file: str, edits: tuple[tuple[str, str], ...], rule: str, message: str
) -> None:
    """A job without permissions inherits the workflow's; only publishing jobs may have one."""
    path = f".github/workflows/{file}"
    text = FILES[path]
    for old, new in edits:
        assert old in text, "the case is out of date"
        text = text.replace(old, new, 1)
    violations = check_workflows({**FILES, path: text}, Config(), ours=FILES)
    assert {violation.path for violation in violations} == {path}
    assert any(violation.rule == rule and message in violation.message for violation in violations), violations


@pytest.mark.parametrize(
    ("top", "job", "is_broken"),
    [
        pytest.param("", "    permissions:\n      id-token: write\n", True, id="job"),
        pytest.param("", "    permissions: write-all\n", True, id="job, write-all"),
        pytest.param(OIDC, "", True, id="workflow"),
        pytest.param("permissions: write-all\n", "", True, id="workflow, write-all"),
        pytest.param(OIDC, "    permissions: {}\n", False, id="workflow, and the job without it"),
        pytest.param("permissions: read-all\n", "", False, id="read-all"),
        pytest.param("", "    permissions:\n      id-token: none\n", False, id="none"),
        pytest.param("", "", False, id="default"),
    ],
)
def test_an_id_token_next_to_an_upload_is_found_in_any_workflow(top: str, job: str, is_broken: bool) -> None:
    """Other jobs of a project's own workflows may have one."""
    steps = "    runs-on: ubuntu-latest\n    steps:\n      - run: nox -s preview\n"
    text = f"on: push\n{top}jobs:\n  x:\n{job}{steps}"
    violations = check_workflows({**FILES, ".github/workflows/docs.yml": text}, Config())
    assert [violation.rule for violation in violations] == (["one-way-out"] if is_broken else [])


OTHER = "other.yml"
GATES, BARE = Config(), Config(gate=GateConfig(enabled=False))
JOBS = "on: push\njobs: {}\n"
# edits by file (what is replaced; all of it where nothing is named), settings, the files that are reported, the message
CHAINS: dict[str, tuple[dict[str, tuple[str, str]], Config, str, str]] = {
    "test renamed": ({TEST: ("name: test\n", "name: checks\n")}, GATES, GATE, "test.yml is named checks"),
    "gate renamed": (
        {GATE: ("name: integration-eval\n", "name: live\n")},
        GATES,
        f"{PREVIEW} {GATE}",
        "follows integration-eval, and .github/workflows/integration-eval.yml is named live: `workflows: [live]`",
    ),
    "gate's list edited": ({GATE: ("workflows: [test]", "workflows: [Test]")}, GATES, GATE, "follows Test, and"),
    "preview's list edited": (
        {PREVIEW: ("workflows: [integration-eval]", "workflows: [test]")},
        GATES,
        PREVIEW,
        "follows test, and .github/workflows/integration-eval.yml is named integration-eval",
    ),
    "test unnamed": (
        {TEST: ("name: test\n", "")},
        GATES,
        f"{GATE} {TEST}",
        'is named .github/workflows/test.yml: `workflows: [".github/workflows/test.yml"]`',
    ),
    "test with an empty name": (
        {TEST: ("name: test\n", "name:\n")},
        GATES,
        f"{GATE} {TEST}",
        "is named .github/workflows/test.yml",
    ),
    "gate unnamed": (
        {GATE: ("name: integration-eval\n", "")},
        GATES,
        f"{PREVIEW} {GATE}",
        "is named .github/workflows/integration-eval.yml",
    ),
    "file in place of the name": (
        {GATE: ("workflows: [test]", "workflows: [test.yml]")},
        GATES,
        GATE,
        "is named test:",
    ),
    "no list": ({GATE: ("    workflows: [test]\n", "")}, GATES, GATE, "follows nothing, and"),
    "other event": ({PREVIEW: ("workflow_run:", "workflow_call:")}, GATES, PREVIEW, "follows nothing, and"),
    "without a gate": ({TEST: ("name: test\n", "name: checks\n")}, BARE, PREVIEW, "test.yml is named checks"),
    "name with a plus": (
        {TEST: ("name: test\n", "name: C++\n"), GATE: ("workflows: [test]", "workflows: [C++]")},
        GATES,
        GATE,
        r'is named C++: `workflows: ["C\\+\\+"]`',
    ),
    "name with brackets": (
        {TEST: ("name: test\n", "name: '[py] t'\n"), GATE: ("workflows: [test]", "workflows: ['[py] t']")},
        GATES,
        GATE,
        r'is named [py] t: `workflows: ["\\[py\\] t"]`',
    ),
    "name with a question mark": (
        {TEST: ("name: test\n", "name: ok?\n"), GATE: ("workflows: [test]", "workflows: ['ok?']")},
        GATES,
        GATE,
        "is named ok?",
    ),
    "name with an exclamation mark": (
        {TEST: ("name: test\n", "name: '!t'\n"), GATE: ("workflows: [test]", "workflows: ['!t']")},
        GATES,
        GATE,
        "is named !t",
    ),
    "two tests of a name": (
        {OTHER: ("", f"name: test\n{JOBS}")},
        GATES,
        OTHER,
        "has the name of .github/workflows/test.yml",
    ),
    "two gates of a name": (
        {OTHER: ("", f"name: integration-eval\n{JOBS}")},
        GATES,
        OTHER,
        "has the name of .github/workflows/integration-eval.yml",
    ),
    "test named like the gate": (
        {
            TEST: ("name: test\n", "name: integration-eval\n"),
            GATE: ("workflows: [test]", "workflows: [integration-eval]"),
        },
        GATES,
        TEST,
        "has the name of .github/workflows/integration-eval.yml",
    ),
    "every name": (
        {GATE: ("workflows: [test]", "workflows: ['t*']"), OTHER: ("", f"name: two\n{JOBS}")},
        GATES,
        GATE,
        "also follows .github/workflows/other.yml",
    ),
    "itself": (
        {GATE: ("workflows: [test]", "workflows: ['**']")},
        GATES,
        GATE,
        "also follows .github/workflows/integration-eval.yml",
    ),
    "runs of another branch": (
        {GATE: ("branches: [main]", "branches: [dev]")},
        GATES,
        GATE,
        "does not follow the runs of test on main: it has `branches: [dev]`",
    ),
    "runs of an ignored branch": (
        {PREVIEW: ("branches: [main]", "branches-ignore: ['m*']")},
        GATES,
        PREVIEW,
        "it has `branches-ignore: [m*]`",
    ),
    "the beginning of runs": (
        {PREVIEW: ("types: [completed]", "types: [requested]")},
        GATES,
        PREVIEW,
        "it has `branches: [main]`, `types: [requested]`",
    ),
    "other tags": (
        {PUBLIC: ('tags: ["v[0-9]*"]', 'tags: ["release-*"]')},
        GATES,
        PUBLIC,
        "a push of the tag v1.2.3 does not start it: it has `tags: [release-*]`",
    ),
    "no tags": (
        {PUBLIC: ('  push:\n    tags: ["v[0-9]*"]\n', "")},
        GATES,
        PUBLIC,
        "it has no `push` under `on:`",
    ),
}


def edited(edits: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """Change one place in each of these files."""
    files = dict(FILES)
    for name, (old, new) in edits.items():
        path = f".github/workflows/{name}"
        assert old in files.get(path, ""), "the case is out of date"
        files[path] = files.get(path, "").replace(old, new, 1)
    return files


@pytest.mark.parametrize(("edits", "config", "reported", "message"), CHAINS.values(), ids=CHAINS)
def test_a_broken_workflow_chain_is_reported(
    edits: dict[str, tuple[str, str]], config: Config, reported: str, message: str
) -> None:
    """Gate and preview follow their workflow by its name, which is a pattern there."""
    files = edited(edits)
    if not config.gate.enabled:
        files = {**render(ADOPTERS["no-gate"]), f".github/workflows/{TEST}": files[f".github/workflows/{TEST}"]}
    violations = [violation for violation in check_workflows(files, config) if violation.rule == "chain"]
    assert {violation.path.rpartition("/")[2] for violation in violations} == {*reported.split()}
    assert any(message in violation.message for violation in violations), violations
    assert len({*violations}) == len(violations)


JOINED: dict[str, dict[str, tuple[str, str]]] = {
    "as rendered": {},
    "unnamed, by its path": {
        TEST: ("name: test\n", ""),
        GATE: ("workflows: [test]", "workflows: ['.github/workflows/test.yml']"),
    },
    "one text": {GATE: ("workflows: [test]", "workflows: test")},
    "escaped": {
        TEST: ("name: test\n", "name: 'C++ [a] *?'\n"),
        GATE: ("workflows: [test]", r"workflows: ['C\+\+ \[a\] \*\?']"),
    },
    "a pattern of this name alone": {GATE: ("workflows: [test]", "workflows: ['te*']")},
    "another unnamed file": {OTHER: ("", JOBS)},
    "no tests": {TEST: (FILES[f".github/workflows/{TEST}"], "on: [\n")},
}


@pytest.mark.parametrize("edits", JOINED.values(), ids=JOINED)
def test_an_intact_workflow_chain_is_not_reported(edits: dict[str, tuple[str, str]]) -> None:
    """However the names are quoted; an unreadable test workflow is reported itself."""
    violations = check_workflows(edited(edits), Config())
    assert [violation for violation in violations if violation.rule == "chain"] == []


@pytest.mark.parametrize("gate", [True, False])
@pytest.mark.parametrize("name", ["", "CI", "C++ [3.13]", "!all", "*", "a? \\ 'b' \"c\"", "tests: ü", "#1"])
def test_rendered_workflows_follow_the_projects_test_workflow(name: str, gate: bool) -> None:
    """By GitHub's name for it: its path if it has none, with special characters escaped."""
    config = Config(test_workflow="ci.yaml", gate=GateConfig(enabled=gate))
    files = dict(render(Adoption(config, test_name=name)))
    files[".github/workflows/ci.yaml"] = (f"name: {json.dumps(name)}\n" if name else "") + JOBS
    assert check_workflows(files, config) == ()


LINES = {
    "uv run nox -s lint typecheck tests": (("lint", "typecheck", "tests"), None),
    "uv run --frozen --script noxfile.py -s build -- --index pypi": (("build",), "pypi"),
    "uv run --frozen --script r.py -f r.py -s verify -- --index pypi --commit \"$C\"": (("verify",), "pypi"),
    "nox -xs build check -- --index pypi": (("build", "check"), "pypi"),
    "nox -s build -x -s check": (("check",), None),
    "nox --session=verify --sessions=build": (("build",), None),
    "nox -f release.py -rs preview": (("preview",), None),
    "nox -xsverify --no-color": (("verify",), None),
    "nox -s preview -frelease.py": (("preview",), None),
    "nox -s preview -ts": (("preview",), None),
    "nox --session a b --no-color -- -s c": (("a", "b"), None),
    "uvx nox": ((), None),
    "uv run invoke status": ((), None),
}  # fmt: skip


@pytest.mark.parametrize(("text", "found"), LINES.items(), ids=LINES)
def test_a_run_line_is_parsed_as_the_shell_and_nox_do(text: str, found: tuple[tuple[str, ...], str | None]) -> None:
    """Sessions before `--`, their options after it."""
    line = parse_line(text)
    assert line is not None
    assert (line.sessions, line.index) == found
    assert line.starts_us


@pytest.mark.parametrize("text", ["a\nb", "a; b", "a && b", "a | b", "a > b", "a `b`", "a $(b)", "a 'b", "", "a & b"])
def test_a_line_with_several_commands_is_not_parsed(text: str) -> None:
    assert parse_line(text) is None
