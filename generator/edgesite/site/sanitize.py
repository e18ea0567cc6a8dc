"""HTML of texts that others wrote, without what could run, disguise or phone home.

The library is an extra, as most authors write their own texts: pip install 'edgesite[sanitize]'.
"""

from __future__ import annotations

from importlib.util import find_spec

_MATH = (
    *("math", "menclose", "mfrac", "mi", "mmultiscripts", "mn", "mo", "mover", "mpadded"),
    *("mphantom", "mroot", "mrow", "ms", "mspace", "msqrt", "mstyle", "msub", "msubsup", "msup"),
    *("mtable", "mtd", "mtext", "mtr", "munder", "munderover", "none"),
)

_ATTRIBUTES = {
    "*": {"class", "id", "lang", "dir", "title"},
    "a": {"href"},
    "img": {"alt", "height", "loading", "src", "width"},
    "math": {"display", "xmlns"},
    "mo": {"fence", "form", "largeop", "maxsize", "minsize", "movablelimits", "stretchy"},
    "mstyle": {"displaystyle", "mathcolor", "mathvariant", "scriptlevel"},
    "mfrac": {"linethickness"},
    "mspace": {"width"},
    "mtable": {"columnalign", "rowspacing"},
    "ol": {"start"},
    "td": {"align", "colspan", "rowspan"},
    "th": {"align", "colspan", "rowspan", "scope"},
}


def can_sanitize() -> bool:
    """Whether the library is installed."""
    return find_spec("nh3") is not None


def sanitized(html: str) -> str:
    """Keep text, pictures of this site, links and formulas; drop the rest."""
    import nh3

    tags = nh3.ALLOWED_TAGS | {*_MATH, "section", "figure", "figcaption"}
    return str(
        nh3.clean(
            html,
            tags=tags,
            attributes=_ATTRIBUTES,
            attribute_filter=_kept,
            url_schemes={"http", "https", "mailto"},
            link_rel="nofollow noopener",
        )
    )


def _kept(tag: str, attribute: str, value: str) -> str | None:
    """A picture of another site would tell that site of every visitor."""
    is_elsewhere = value.startswith("//") or "://" in value
    return None if tag == "img" and attribute == "src" and is_elsewhere else value
