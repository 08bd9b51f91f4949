"""Build the environment of a rehearsal's programs: certificates, proxy, caches and PATH."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from release_channels.adapters.http_server import Tls
from release_channels.adapters.index import PAGE_BYTES, fetch_page, reason_of
from release_channels.adapters.process import run
from release_channels.adapters.uv import sanitized_environment, uv_program
from release_channels.errors import RefusedError
from release_channels.rehearsal.caches import PREFIX
from release_channels.release.clean_install import pip_cache

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_BUNDLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
_PROGRAMS = ("bash", "git", "tar", "sh")
# A package that every index has which serves installers: its page tells on which hosts the files lie.
_PROBE = "pip"
_SECONDS = 30.0
# Source: uv's documentation of its environment variables: these words turn a switch off.
_OFF = ("", "0", "n", "no", "f", "false", "off")
_GIT_CONFIG = """[user]
\tname = Rehearsal
\temail = rehearsal@example.invalid
[init]
\tdefaultBranch = main
[advice]
\tdetachedHead = false
[url "{remote}"]
\tinsteadOf = {address}
\tinsteadOf = {address}.git
"""


def make_certificates(directory: Path, env: Mapping[str, str], hosts: Iterable[str] = ()) -> tuple[Tls, Path]:
    """Create a certificate for this machine and the replaced hosts, and a CA bundle with its authority.

    The authorities of the system stay in it, since the index that dependencies come from is asked, too.

    Raises: RefusedError if the library is missing.
    """
    try:
        import trustme
    except ImportError as err:
        hint = "install the extra: `pip install 'release-channels[rehearsal]'`"
        raise RefusedError("trustme, which makes the certificates, is not installed", hint=hint) from err
    import certifi

    authority = trustme.CA()
    certificate = authority.issue_cert(*dict.fromkeys(("localhost", "127.0.0.1", *sorted(hosts))))
    tls = Tls(directory / "cert.pem", directory / "key.pem")
    tls.cert_file.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    certificate.private_key_pem.write_to_path(tls.key_file)
    known = (env.get("SSL_CERT_FILE"), ssl.get_default_verify_paths().cafile, certifi.where())
    trusted = next(Path(name) for name in known if name and Path(name).is_file())
    bundle = directory / "authorities.pem"
    bundle.write_bytes(trusted.read_bytes() + b"\n" + authority.cert_pem.bytes())
    return tls, bundle


def make_programs(directory: Path, env: Mapping[str, str]) -> str:
    """Create a PATH with uv, git, bash and the Pythons that uv finds, but no other installed tools.

    A runner of GitHub has several Pythons, too; `python` is the one that runs this.
    """
    directory.mkdir()
    programs = {**_pythons(directory, env), "uv": uv_program(), "python3": sys.executable, "python": sys.executable}
    for name, target in programs.items():
        (directory / name).symlink_to(target)
    entries = [Path(found).parent for name in _PROGRAMS if (found := shutil.which(name))]
    return os.pathsep.join(dict.fromkeys(str(entry) for entry in (directory, *entries, Path("/usr/bin"), Path("/bin"))))


def _pythons(cwd: Path, env: Mapping[str, str]) -> dict[str, str]:
    """Return the installed interpreters by the name of their minor version, as `python3.12`."""
    words = ("python", "list", "--only-installed", "--no-python-downloads", "--no-config", "--output-format", "json")
    pythons: dict[str, str] = {}
    for found in json.loads(run(uv_program(), *words, cwd=cwd, env=env)):
        parts, path = found["version_parts"], Path(found["path"])
        # A shim of a version manager finds its interpreter by variables that no job has.
        if found["implementation"] == "cpython" and path.parent.name != "shims":
            pythons.setdefault(f"python{parts['major']}.{parts['minor']}", str(path))
    return pythons


def write_git_config(home: Path, remote: Path, address: str) -> Path:
    """Write the only git configuration, which redirects the repository's URL to the bare remote on this machine."""
    path = home / ".gitconfig"
    path.write_text(_GIT_CONFIG.format(remote=remote, address=address), encoding="utf-8")
    return path


def children_environment(
    env: Mapping[str, str], home: Path, path: str, bundle: Path, upstream_proxy: str
) -> dict[str, str]:
    """Build the environment of every program in a rehearsal.

    Of the user's it has where packages come from, and uv's and pip's caches, on purpose: without them each job would
    fetch everything again; who wants no cache gets one that goes with the rehearsal. Out of this machine leads
    the proxy `way_out` alone.
    """
    kept = {name: value for name, value in sanitized_environment(env).items() if name.startswith(("UV_", "PIP_"))}
    if env.get("UV_NO_CACHE", "").lower() not in _OFF:  # what uv names as its cache then is new each time, and stays
        env = {**env, "UV_CACHE_DIR": str(home / "uv-cache")}
    for name, words in (("UV_CACHE_DIR", ("cache", "dir")), ("UV_PYTHON_INSTALL_DIR", ("python", "dir"))):
        kept[name] = env.get(name) or run(uv_program(), *words, cwd=home, env=env)
    temporary = home / "tmp"
    temporary.mkdir()
    cache = Path(kept["UV_CACHE_DIR"])
    cache.mkdir(parents=True, exist_ok=True)
    if cache.stat().st_dev != home.stat().st_dev:  # jobs come and go: their environments need no copies of their own
        kept.setdefault("UV_LINK_MODE", "symlink")
    kept.setdefault(
        "UV_CONCURRENT_DOWNLOADS", "8"
    )  # the upstream proxy is on this machine, and each connection has its price
    return {
        **kept,
        **dict.fromkeys(_BUNDLES, str(bundle)),
        **{name: upstream_proxy for proxy in _PROXIES for name in (proxy, proxy.lower())},
        **open_ways(()),
        "PIP_CACHE_DIR": env.get("PIP_CACHE_DIR") or str(pip_cache(env)),
        "PATH": path,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_CACHE_HOME": str(home / "cache"),
        "LANG": "C.UTF-8",
        PREFIX: str(home / "bytecode"),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "GIT_CONFIG_GLOBAL": str(home / ".gitconfig"),
        "GIT_CONFIG_NOSYSTEM": "1",
        # Steps get a terminal from act: nothing may ask there, page, or colour.
        "TERM": "dumb",
        "NO_COLOR": "1",
        "PAGER": "cat",
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
        "PIP_NO_INPUT": "1",
        # A runner of GitHub is thrown away; the Pythons of this machine are somebody's own.
        "PIP_REQUIRE_VIRTUALENV": "1",
    }


def open_ways(hosts: Iterable[str]) -> dict[str, str]:
    """Return the NO_PROXY variables for this machine and these hosts."""
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(("localhost", "127.0.0.1", *sorted(hosts))))


def upstream_hosts(upstream: str) -> frozenset[str]:
    """List the hosts of the dependencies' index: of its pages and of the files that they link to.

    Raises: RefusedError if it does not answer.
    """
    from requests import RequestException

    from release_channels.adapters.bounded_http import Limits, bounded_session

    own = {urlsplit(upstream).hostname or ""}
    try:
        with bounded_session(Limits(PAGE_BYTES, 4 * _SECONDS)) as session:
            page = fetch_page(session, upstream, _PROBE, _SECONDS)
    except (RequestException, ValueError) as err:
        raise RefusedError(
            f"the index that dependencies come from did not answer: {reason_of(err)}",
            hint="set UV_DEFAULT_INDEX to an index that answers",
        ) from err
    return frozenset({*own, *(urlsplit(listed.url).hostname or "" for listed in page or ())})
