"""New sites: a folder that builds at once."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgesite.errors import BuildError
from edgesite.site.schemas import schema_files, schema_line
from edgesite.site.starter import colour_model, leaf, tomato
from edgesite.site.wording import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

STARTER = Path(__file__).parent / "starter"
"""The text files of a new site; TITLE stands for its title, SCHEMA for the way to the schema."""


def new_site(folder: Path) -> list[str]:
    """Write a small site with one demo; returns its files, relative to the folder.

    Raises BuildError where the folder holds anything already, or cannot be written.
    """
    title = title_of(folder.resolve().name) or "Demos"
    files: dict[str, bytes] = {}
    for path in sorted(STARTER.rglob("*")):
        if path.is_file():
            name = path.relative_to(STARTER).as_posix().replace("gitignore", ".gitignore")
            line = schema_line("demo" if path.name == "demo.yaml" else "site")
            text = path.read_text(encoding="utf-8").replace("TITLE", title)
            files[name] = text.replace("# SCHEMA", line).encode()
    demo = "demos/colours"
    files[f"{demo}/model.onnx"] = colour_model()
    files[f"{demo}/examples/tomato.png"] = tomato()
    files[f"{demo}/examples/leaf.png"] = leaf()
    files |= schema_files()
    write_new_folder(folder, files)
    return sorted(files)


def write_new_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make a folder of these files, by relative POSIX path: whole, or not at all.

    Raises BuildError where the folder holds anything already, or cannot be written.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BuildError(f"{shown(folder)}: exists and is not empty; choose another name")
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.resolve().parent))
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        for name, data in files.items():
            path = staging / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        staging.chmod(0o755)  # mkdtemp's folders are private
        if folder.exists():
            folder.rmdir()
        staging.rename(folder)
    except OSError as error:
        raise _unwritable(folder, error) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def title_of(name: str) -> str:
    """A title from a name: my-first_site is "My first site"; only letters, digits and spaces."""
    words = "".join(letter if letter.isalnum() else " " for letter in name).split()
    title = " ".join(words)
    return title[:1].upper() + title[1:]


def _unwritable(folder: Path, error: OSError) -> BuildError:
    reason = (error.strerror or str(error)).lower()
    return BuildError(f"{shown(folder)}: cannot be written ({reason}); choose another place")
