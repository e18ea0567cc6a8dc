"""The process that mutants are compiled in, under the limits that they must keep.

A finding is any exception but EdgesiteError, a module that is not valid WebAssembly, more
than LIMIT_S seconds or LIMIT_BYTES of memory, and a file touched outside of the model's and
the output folder. Every line on standard output is a JSON list: the number of a mutant that
is begun, or that number and what came of it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import shutil
import signal
import sys
import traceback
from pathlib import Path
from random import Random
from typing import Any

import wasmtime

from edgesite.compiler import compile  # noqa: A004 - what users call it
from edgesite.errors import EdgesiteError
from tests.fuzz.models import models
from tests.fuzz.mutate import mutant

LIMIT_S = 10
LIMIT_BYTES = 2 << 30

_PATHS = {"open": 0, "os.mkdir": 0, "os.rename": 1, "os.remove": 0, "os.symlink": 1}
"""Events of Python that concern a file, and which of their arguments names it."""

_touched: list[str] = []


def watch(scratch: Path) -> None:
    """Note every file that is written outside of `scratch/out`, or read from `scratch` above."""
    sys.dont_write_bytecode = True
    allowed, secret = f"{scratch}/out", f"{scratch}/secret.data"

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        at = _PATHS.get(event)
        if at is None or isinstance(arguments[at], int):
            return
        if event == "os.remove" and arguments[1] != -1:
            return  # below a folder that was opened before
        path = os.path.realpath(os.fsdecode(arguments[at]))
        flags = arguments[2] if event == "open" else os.O_WRONLY
        writes = flags is not None and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        inside = path.startswith((allowed, "/dev/null"))
        if path in (secret, "/etc/passwd") or (writes and not inside):
            _touched.append(f"{event} {path}")

    sys.addaudithook(hook)


def main(scratch: Path, official: int, seed: int, first: int, count: int) -> None:
    """Compile the mutants `first` to `first + count` of a seed."""
    small, real = models(official=bool(official))
    folder = scratch / "models"
    folder.mkdir(parents=True)
    (scratch / "secret.data").write_bytes(bytes(1 << 16))
    (folder / "model.onnx.data").write_bytes(bytes(1 << 16))
    (folder / "link.data").symlink_to("../secret.data")
    os.chdir(folder)
    _limit_memory()
    faulthandler.enable()
    faulthandler.register(signal.SIGPROF, chain=True)
    watch(scratch)
    for number in range(first, first + count):
        say(number)
        Path("model.onnx").write_bytes(make(small, real, seed, number))
        _touched.clear()
        signal.setitimer(signal.ITIMER_PROF, LIMIT_S)  # its signal ends the process
        outcome = attempt(folder / "model.onnx", scratch / "out" / "compiled")
        signal.setitimer(signal.ITIMER_PROF, 0)
        say(number, "FILES " + "; ".join(_touched) if _touched else outcome)


def make(small: list[bytes], real: list[bytes], seed: int, number: int) -> bytes:
    """The mutant of a number; one in three is of a real model, where there are some."""
    random = Random(f"{seed} {number}")
    pool = real if real and random.random() < 1 / 3 else small
    return mutant(random.choice(pool), random)


def attempt(path: Path, out: Path) -> str:
    """Compile and save; what came of it in a line."""
    try:
        compiled = compile(path)
        for code in compiled.modules.values():
            wasmtime.Module.validate(_ENGINE, code)
        compiled.save(out)
    except EdgesiteError as error:
        return type(error).__name__
    except MemoryError:
        return f"MEMORY {_place()}"
    except BaseException as error:  # that is what is looked for
        return f"CRASH {type(error).__name__}: {str(error)[:200]} {_place()}"
    finally:
        shutil.rmtree(out, ignore_errors=True)
    return "compiled"


_ENGINE = wasmtime.Engine()


def _place() -> str:
    frames = traceback.extract_tb(sys.exc_info()[2])
    return " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames[:-5:-1])


def _limit_memory() -> None:
    """Allow so much more than what is taken before the first mutant."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + LIMIT_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def say(*facts: object) -> None:
    os.write(1, (json.dumps(facts) + "\n").encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
