# Authors: The sksoft developers
# SPDX-License-Identifier: BSD-3-Clause
"""Call everything public at random, and compare operators with exact arithmetic.

Usage: python tools/fuzz.py [--seconds 120] [--seed 0] [--oracle-cases 100]

Every eighth call is one of sequences of labels, the others are operators and losses.
Cases are numbered from the seed on; each follows from its number alone. What fails is
printed as a program that makes the call, and the number of cases at the end.
``python tools/fuzz.py --seed N --cases 1`` checks case N again.
"""

import argparse
import faulthandler
import re
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

import fuzzing
import fuzzing_sequences
import oracles

# So many failures of different kinds are printed.
MOST = 20


def main():
    """Run cases until the time is over; return whether one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--cases", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--oracle-cases", type=int, default=100)
    options = parser.parse_args()
    # A crash prints the stack, below the number of the case.
    faulthandler.enable()
    print(f"seed {options.seed}", flush=True)
    kinds = set()
    done = _run(options.seed, options.cases, options.seconds, kinds)
    if options.cases == sys.maxsize:
        seeds = range(options.seed, options.seed + options.oracle_cases)
        for seed in seeds:
            _attempt(oracles.draw(seed), oracles.check, "exact arithmetic", kinds)
        print(f"{len(seeds)} comparisons with exact arithmetic")
    print(f"{done} random calls, {len(kinds)} kinds of failures")
    return bool(kinds)


def _run(seed, n_cases, seconds, kinds):
    stop = time.monotonic() + seconds
    done = 0
    while done < n_cases and (time.monotonic() < stop or n_cases < sys.maxsize):
        if done % 1000 == 0:
            print(f"case {seed + done}", flush=True)
        number = seed + done
        kind = fuzzing_sequences if number % 8 == 0 else fuzzing
        _attempt(kind.draw(number), kind.check, "random call", kinds)
        done += 1
    return done


def _attempt(case, check, title, kinds):
    """Check a case; print the first failure of its kind."""
    try:
        check(case)
    except Exception as error:
        message = re.sub(r"[-+0-9.e()]+", "#", str(error).strip()[:100])
        kind = (case.name, case.args.get("method"), type(error).__name__, message)
        if kind not in kinds and len(kinds) < MOST:
            print(f"\n--- {title} {case.seed} failed: {error!r}")
            print("\n".join(traceback.format_exc().splitlines()[-6:]))
            print(f"--- to see it again:\n{case.snippet()}\n", flush=True)
        kinds.add(kind)


if __name__ == "__main__":
    sys.exit(main())
