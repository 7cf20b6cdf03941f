"""A worker that packs orders: ``python -m shop.worker SECONDS`` waits that long for work and ends."""

from __future__ import annotations

import sys
import time


def main() -> None:
    print("ready", flush=True)
    time.sleep(float(sys.argv[1]))


if __name__ == "__main__":
    main()
