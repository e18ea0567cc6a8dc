"""Arguments in, exit status out: the commands, and all that edgesite ever prints.

Whatever takes long to import is imported by the command that needs it, so that help is quick.
"""

# Importing a module adds its commands; help lists them in this order.
# isort: off
from edgesite.cli import sites, testing, serving, publishing, models, measure, versions  # noqa: F401

# isort: on
from edgesite.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line."""
    app()
