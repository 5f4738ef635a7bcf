"""Every property of tests/test_fuzz.py with new examples until its time is over.

    python -m tests.trust.fuzz --seconds 600                  # all of them
    python -m tests.trust.fuzz --seconds 60 routes stories    # those whose names hold one of these words

A failure is printed with its smallest example; the exit status is the number of properties that failed.
"""

from __future__ import annotations

import argparse
import time
import traceback

import torch
from hypothesis import settings

EXAMPLES = 200
"""In one go: a property is run again and again until its time is over."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="parts of names")
    parser.add_argument("--seconds", type=float, default=600, help="for each property")
    given = parser.parse_args()
    torch.set_num_threads(1)
    settings.register_profile("fuzz", max_examples=EXAMPLES, deadline=None, database=None, print_blob=True)
    settings.load_profile("fuzz")  # before the properties are defined
    from tests import test_fuzz

    failed = 0
    for name, prove in vars(test_fuzz).items():
        if name.startswith("test_") and (not given.names or any(word in name for word in given.names)):
            rounds, end = 0, time.monotonic() + given.seconds
            try:
                while time.monotonic() < end:
                    prove()
                    rounds += 1
                print(f"held    {name}: {rounds * EXAMPLES} examples", flush=True)
            except Exception:
                failed += 1
                print(f"FAILED  {name}, in round {rounds + 1}\n{traceback.format_exc()}", flush=True)
    return failed


if __name__ == "__main__":
    raise SystemExit(main())
