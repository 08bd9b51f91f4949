"""Double of actions/cache: no cache is kept on this machine, so each look is a miss, as in the first run on GitHub."""

import os
import sys

key = os.environ["REHEARSAL_KEY"]
print(f"no cache for the key {key}")
print("::notice title=not rehearsed::a cache that is found (here each one is a miss)")
if os.environ["REHEARSAL_FAIL_ON_CACHE_MISS"] == "true":
    sys.exit(f"::error::there is no cache for the key {key}, and fail-on-cache-miss is true")
