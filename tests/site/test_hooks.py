"""Code of other packages that takes part in rendering."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgesite.errors import BuildError
from tests.pages import toys
from tests.site.test_render import render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Install = Callable[[str, str], None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put a package of one module where Python finds it, as pip would."""

    def put(name: str, code: str) -> None:
        facts = tmp_path / f"{name}-1.0.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(f"[edgesite.hooks]\n{name} = {name}\n")
        (tmp_path / f"{name}.py").write_text(code)

    monkeypatch.syspath_prepend(tmp_path)
    return put


def test_a_package_may_change_what_a_page_is_given(install: Install) -> None:
    install(
        "greeting",
        "from markupsafe import Markup\n"
        "def before_render(path, context):\n"
        "    if path == 'colour/index.html':\n"
        "        context['words'] += Markup('<p>Greetings</p>')\n",
    )

    files = render(toys.colour_demo(), toys.stroke_demo())

    assert b"<p>Greetings</p>" in files["colour/index.html"]
    assert b"Greetings" not in files["stroke/index.html"]


def test_packages_may_change_the_page_one_after_the_other(install: Install) -> None:
    for name in ("second", "first"):
        code = f"def after_render(path, html):\n    return html + '<!-- {name} -->'\n"
        install(name, code)

    files = render(toys.colour_demo())

    for page in ("index.html", "404.html", "colour/index.html"):
        assert files[page].endswith(b"<!-- first --><!-- second -->")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("1 / 0", "hook bad_load: load: ZeroDivisionError: division by zero; correct the package"),
        (
            "def before_render(path, context):\n    context['nothing']",
            "hook bad_before: before_render of colour/index.html: KeyError: 'nothing'; correct",
        ),
        (
            "def after_render(path, html):\n    pass",
            "hook bad_after: after_render of colour/index.html: gave NoneType; let it return",
        ),
    ],
    ids=["bad_load", "bad_before", "bad_after"],
)
def test_a_broken_hook_is_named(
    install: Install, request: pytest.FixtureRequest, code: str, message: str
) -> None:
    install(request.node.callspec.id, code)

    with pytest.raises(BuildError) as error:
        render(toys.colour_demo())

    assert message in str(error.value)
