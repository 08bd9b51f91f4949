"""Search for inputs that end badly, led by the lines that they reach: each reader for a time, in its own process.

Badly is an error without a name, more than ten seconds for one input, or more than 1 GiB of memory. What is found is
kept in `tests/data/fuzz/`, where every plain test run reads it again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["release_channels", "packaging", "pypi_simple"]):
    from tests.unit.test_foreign_parsers import FUZZED, KEPT, read_bytes

BOUNDS = ("-timeout=10", "-rss_limit_mb=1024", "-max_len=20000")
"""Of libFuzzer: seconds by the clock for one input, MiB, bytes."""


def main() -> int:
    """Fuzz one reader after another; 1 if an input ended badly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", default=list(FUZZED), help=f"of {', '.join(FUZZED)}; all unless told")
    parser.add_argument("--seconds", type=int, default=60, help="for each reader; 60 unless told")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        return fuzz(options.readers[0], options.seconds)
    KEPT.mkdir(exist_ok=True)
    words = (sys.executable, "-m", "tests.fuzz", "--here", "--seconds", str(options.seconds))
    ended = {name: subprocess.run([*words, name], check=False).returncode for name in options.readers}
    sys.stdout.write("".join(f"{name}: {'a bad end, see above' if code else 'well'}\n" for name, code in ended.items()))
    return int(any(ended.values()))


def fuzz(name: str, seconds: int) -> int:
    """Fuzz one reader in this process, which libFuzzer may end."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        corpus = Path(place, "corpus")
        corpus.mkdir()
        for number, content in enumerate([*FUZZED[name], *(path.read_bytes() for path in KEPT.glob(f"{name}-*"))]):
            read_bytes(name, content, Path(place))  # it loads what is loaded late, too
            (corpus / str(number)).write_bytes(content)
        words = (f"-max_total_time={seconds}", *BOUNDS, "-verbosity=0", "-print_final_stats=1")
        atheris.Setup(
            [sys.argv[0], *words, f"-artifact_prefix={KEPT / name}-", str(corpus)],
            lambda content: read_bytes(name, content, Path(place)),
        )
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
