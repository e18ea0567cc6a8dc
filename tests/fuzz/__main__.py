"""`python -m tests.fuzz --count 20000`: compile spoiled models; nothing may come of it but errors.

Mutant number n of a seed is always the same: `--first n --count 1 --keep m.onnx` makes it again.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from tests.fuzz.models import models
from tests.fuzz.run import run
from tests.fuzz.trial import make


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="how many mutants")
    parser.add_argument("--first", type=int, default=0, help="the number of the first mutant")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other mutants")
    parser.add_argument("--keep", type=Path, help="write the first mutant here and stop")
    given = parser.parse_args()
    if given.keep:
        given.keep.write_bytes(make(*models(official=True), given.seed, given.first))
        return 0
    outcomes: Counter[str] = Counter()
    findings = 0
    for number, outcome in run(given.seed, given.first, given.count, official=True):
        outcomes[outcome.split(" ")[0]] += 1
        if outcome.split(" ")[0].isupper():
            findings += 1
            print(f"{number}: {outcome}", flush=True)
        if sum(outcomes.values()) % 1000 == 0:
            print(dict(outcomes), flush=True)
    print(f"{sum(outcomes.values())} mutants, {findings} findings: {dict(outcomes)}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
