"""The engines that can be measured: ours, and peers installed from npm into the cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from edgesite.errors import BuildError, UsageError

ORT_WEB = ("onnxruntime-web", "1.30.0")
PEERS = {"ort-web": ORT_WEB}
"""What `--against` may name, and the package and version that it stands for."""

_SERVED = {
    "ort-web": (
        "ort.wasm.bundle.min.mjs",
        "ort-wasm-simd-threaded.mjs",
        "ort-wasm-simd-threaded.wasm",
    )
}
"""The files of the package's dist/ that a page with this engine may load."""


def peer_files(peer: str) -> dict[str, bytes]:
    """Give the files of a peer by their address on the benchmark page; install it if need be.

    Raises UsageError for an unknown peer, BuildError where npm cannot install it.
    """
    if peer not in PEERS:
        raise UsageError(f'--against: got "{peer}"; known is {", ".join(PEERS)}')
    dist = _installed(*PEERS[peer]) / "dist"
    try:
        return {f"peer/{name}": (dist / name).read_bytes() for name in _SERVED[peer]}
    except OSError as error:
        raise BuildError(
            f"{error.filename}: is missing; delete {dist.parent} and try again"
        ) from None


def _installed(package: str, version: str) -> Path:
    """The folder of a package from npm, kept in the user's cache."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    target = home / "edgesite" / "peers" / f"{package}-{version}"
    if not target.is_dir():
        npm = shutil.which("npm")
        if npm is None:
            raise BuildError("npm: not found; install Node.js, which installs the other engine")
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(
                [*command, "--prefix", folder, f"{package}@{version}"],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
                raise BuildError(f"npm: cannot install {package}@{version} ({reason}); try again")
            (Path(folder) / "node_modules").rename(target)
    return target / package
