"""A YAML file as plain data that remembers where in the file every value stands.

Scalars are read as YAML 1.2 means them: `no`, `on` and `1:30` are text, `1e-3` is a number.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from edgesite.errors import ConfigError, EdgesiteError, ProblemsError
from edgesite.site.wording import printable, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Location = tuple[str | int, ...]
"""The keys and list positions that lead to a value: ("input", "shape", 0)."""

MOST_VALUES = 200_000
"""More than the largest list of labels needs; aliases of aliases reach it at once."""


@dataclass(frozen=True, order=True)
class Position:
    """A place in a file; lines and columns count from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Document:
    """The data of a YAML file, and the position of every value and key in it."""

    path: Path
    data: Any
    values: Mapping[Location, Position]
    keys: Mapping[Location, Position]

    def where(self, location: Location = (), *, key: bool = False) -> str:
        """`file:line:column` of a value, of its key, or of the nearest block that exists."""
        position = self.keys.get(location) if key else None
        return at(self.path, position or self.position(location))

    def problem(self, location: Location, what: str, *, key: bool = False) -> ConfigError:
        """An error about a value, or its key, ready to be raised: `what; what to do`."""
        name = ".".join(str(part) for part in location)
        prefix = f"{name}: " if name else ""
        return ConfigError(f"{self.where(location, key=key)}: {prefix}{what}")

    def position(self, location: Location) -> Position:
        """Where a value stands, or the innermost block around it that the file has."""
        for length in range(len(location), -1, -1):
            if location[:length] in self.values:
                return self.values[location[:length]]
        return Position(1, 1)


def at(path: Path, position: Position = Position(1, 1)) -> str:
    """`file:line:column`, as editors and terminals make links of it."""
    return f"{shown(path)}:{position.line}:{position.column}"


def load_document(path: Path) -> Document:
    """Read a YAML file.

    Raises ConfigError where the file cannot be read or is not YAML, and ProblemsError where
    keys are given twice or have no place in a configuration file.
    """
    return parse_document(path, read_text(path))


def parse_document(path: Path, text: str) -> Document:
    """Parse YAML text; `path` is what messages call it."""
    try:
        root = _composed(text)
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(path, error) from None
    except yaml.reader.ReaderError as error:
        place = at(path, position_of(text, error.position))
        raise ConfigError(
            f"{place}: the character U+{ord(text[error.position]):04X} cannot stand in YAML; "
            "delete it"
        ) from None
    except RecursionError:
        raise ConfigError(f"{at(path)}: is nested too deeply to be read; flatten it") from None
    walk = _Walk(path)
    data = {} if root is None else walk.data_of(root, ())
    if walk.problems:
        raise ProblemsError(walk.problems)
    return Document(path, data, walk.values, walk.keys)


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark.

    Raises ConfigError where the file cannot be read or is not UTF-8.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{shown(path)}: no such file; create it") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"{shown(path)}: cannot be read ({reason}); make it readable") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", errors="replace")
        raise ConfigError(
            f"{at(path, position_of(before, len(before)))}: is not UTF-8 text; "
            "save the file in the UTF-8 encoding"
        ) from None


def position_of(text: str, index: int) -> Position:
    """Line and column of a character of a text."""
    start = text.rfind("\n", 0, index) + 1
    return Position(text.count("\n", 0, index) + 1, index - start + 1)


def _composed(text: str) -> yaml.Node | None:
    """The node tree: from libyaml where it is there, which is ten times as quick.

    Errors are those of PyYAML's own parser, whose messages are known here. It also reads what may
    be nested deeply, for which libyaml has no limit but the stack: each level takes a bracket or
    a column.
    """
    is_flat = text.count("[") + text.count("{") < 1000 and max(map(len, text.split("\n"))) < 1000
    if _QUICK is not None and is_flat:
        with suppress(yaml.YAMLError):
            return yaml.compose(text, Loader=_QUICK)
    return yaml.compose(text, Loader=_Loader)


class _Loader(yaml.SafeLoader):
    """PyYAML's parser with the scalars of YAML 1.2's core schema."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


_QUICK: Any = None
if yaml.__with_libyaml__:

    class _QuickLoader(yaml.CSafeLoader):
        """The same with libyaml's."""

        yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers

    _QUICK = _QuickLoader


_SCALARS = {
    "null": (r"~|null|Null|NULL|", "~nN\0"),
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}
"""Kind of scalar, its pattern, and the letters it may start with; NUL stands for no letter."""

for _kind, (_pattern, _starts) in _SCALARS.items():
    _letters = ["" if letter == "\0" else letter for letter in _starts]
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(f"^(?:{_pattern})$"), _letters
    )


def _number(text: str) -> float:
    lowered = text.lower()
    if lowered.endswith((".inf", ".nan")):
        return float(lowered.replace(".", ""))
    return float(text)


_VALUES: dict[str, Callable[[str], Any]] = {
    "tag:yaml.org,2002:null": lambda text: None,  # noqa: ARG005
    "tag:yaml.org,2002:bool": lambda text: text.lower() == "true",
    "tag:yaml.org,2002:int": lambda text: int(text, 0 if text[:2] in ("0x", "0o") else 10),
    "tag:yaml.org,2002:float": _number,
    "tag:yaml.org,2002:str": str,
}


@dataclass
class _Walk:
    """One walk over the node tree: builds the data and notes positions and problems."""

    path: Path
    values: dict[Location, Position] = field(default_factory=dict)
    keys: dict[Location, Position] = field(default_factory=dict)
    problems: list[EdgesiteError] = field(default_factory=list)
    around: list[int] = field(default_factory=list)
    """The identities of the blocks around the node at hand; an alias must not name one."""

    def data_of(self, node: yaml.Node, location: Location) -> Any:
        self.values[location] = _position(node)
        if len(self.values) > MOST_VALUES:
            raise ConfigError(
                f"{at(self.path)}: has more than {MOST_VALUES} values; "
                "move long lists to a file of their own"
            )
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self.around:
            self._refuse(node, "contains itself; write the value out instead of the alias")
            return None
        self.around.append(id(node))
        data = (
            self._mapping(node, location)
            if isinstance(node, yaml.MappingNode)
            else [self.data_of(item, (*location, n)) for n, item in enumerate(node.value)]
        )
        self.around.pop()
        return data

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        if node.tag not in _VALUES:
            self._refuse(node, f'has the tag "{printable(node.tag)}"; write the value without it')
            return None
        try:
            return _VALUES[node.tag](node.value)
        except ValueError:
            self._refuse(node, f'"{printable(node.value)}" does not fit its tag; leave the tag out')
            return None

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._refuse(key_node, "a list or block cannot be a key; use a plain word")
                continue
            key = key_node.value
            place = (*location, key)
            if key in data:
                first = self.keys[place].line
                self._refuse(
                    key_node, f'"{printable(key)}" is given twice, first in line {first}; keep one'
                )
                continue
            self.keys[place] = _position(key_node)
            data[key] = self.data_of(value_node, place)
        return data

    def _refuse(self, node: yaml.Node, what: str) -> None:
        self.problems.append(ConfigError(f"{at(self.path, _position(node))}: {what}"))


def _position(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


_REMEDIES = {
    "mapping values are not allowed": (
        'indent the keys of one block alike; put quotes around text with ": "'
    ),
    "found character '\\t'": "indent with spaces instead of tabs",
    "found character '%'": "put quotes around text that starts with %",
    "found character '@'": "put quotes around text that starts with @",
    "found character '`'": "put quotes around text that starts with a backtick",
    "while scanning a quoted scalar": "close the quotes",
    "while parsing a flow sequence": "close the list with ] and part its items with commas",
    "while parsing a flow mapping": "close the block with } and part its entries with commas",
    "could not find expected ':'": "put a colon and a space after the key",
    "expected a single document": "delete the line --- and what follows it",
    "found undefined alias": "put quotes around text that starts with *",
    "expected <block end>": "indent the lines of one block by the same number of spaces",
}
"""What PyYAML complains of, and what mends it in nearly all cases."""


_OPENED = ("while scanning a quoted", "while parsing a flow")
"""Where these go wrong is often the end of the file; where they start is more use."""


def _syntax_error(path: Path, error: yaml.MarkedYAMLError) -> ConfigError:
    unclosed = (error.context or "").startswith(_OPENED)
    mark = error.context_mark if unclosed else error.problem_mark or error.context_mark
    position = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
    complaint = f"{error.context or ''} {error.problem or ''}"
    remedy = next(
        (remedy for part, remedy in _REMEDIES.items() if part in complaint),
        "check the quotes, brackets and indentation here and in the line above",
    )
    what = printable((error.problem or error.context or "cannot be read").removeprefix("but "))
    return ConfigError(f"{at(path, position)}: not YAML: {what}; {remedy}")
