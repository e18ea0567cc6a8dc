"""The author's loop: serve."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgesite.cli.app import app, workers
from edgesite.cli.show import reported, warn
from edgesite.errors import UsageError

if TYPE_CHECKING:
    from edgesite.site.serve import Change, LiveSite
    from edgesite.site.serve_http import Server


@app.command(
    short_help="Show a site in the browser, and follow its files.",
    epilog="\b\nExamples:\n  edgesite serve --watch\n  edgesite serve my-site --watch --open",
)
def serve(
    site: Annotated[Path, typer.Argument(help="The site's folder, with edgesite.yaml.")] = Path(),
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Rebuild when a file changes; open pages follow.")
    ] = False,
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 lets other machines look.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on; 0 takes any free one.")
    ] = 8000,
    open_page: Annotated[bool, typer.Option("--open", help="Open the browser.")] = False,
    isolated: Annotated[
        bool,
        typer.Option(
            "--isolated", help="Send COOP and COEP headers, which threads of WebAssembly need."
        ),
    ] = False,
    poll: Annotated[
        bool,
        typer.Option("--poll", help="Look at files by the clock: for WSL2 and network mounts."),
    ] = False,
) -> None:
    """Show a site from memory, at the path that it will have, until Ctrl+C.

    With --watch a change shows in open pages at once: words and styles without a reload, and what
    needs one keeps the visitor's picture. What is broken is shown over the last good page.
    """
    with reported(as_json=False):
        from edgesite.site.folders import check_is_site
        from edgesite.site.serve import LiveSite
        from edgesite.site.watch import Watcher

        check_is_site(site)
        # It looks before the first build does, so that no change is missed.
        watcher = Watcher(site, poll=poll) if watch else None
        told = _tell if watch else None
        live = LiveSite(site, watched=watch, workers=workers(None), told=told)
        recalled = live.recall()
        # The first build says at which path the site is.
        _tell(recalled or live.rebuild(), is_first=True)
        server = _listening(live, host, port, isolated)
        threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
        print(f"{server.url}  (Ctrl+C stops)", flush=True)
        if open_page:
            import webbrowser

            webbrowser.open(server.url)
        try:
            if watcher is None:
                threading.Event().wait()
            else:
                if recalled:
                    live.rebuild()
                threading.Thread(target=live.prepare, daemon=True).start()
                for paths in watcher.changes():
                    _tell(live.rebuild(paths))
        except KeyboardInterrupt:
            print()
        finally:
            if watcher:
                watcher.close()
            live.close()
            server.shutdown()
            server.server_close()


def _tell(change: Change, *, is_first: bool = False) -> None:
    """A line per change, and one per problem."""
    from edgesite.site.serve import said

    print(said(change) if not is_first else f"built in {change.elapsed_ms:.0f} ms", flush=True)
    for problem in change.problems:
        print(f"  {problem}", file=sys.stderr, flush=True)
    warn(change.warnings)


def _listening(live: LiveSite, host: str, port: int, isolated: bool) -> Server:
    import socket

    from edgesite.site.serve_http import Server

    try:
        return Server(host, port, live, isolated=isolated)
    except socket.gaierror:
        raise UsageError(
            f"--host: {host}: no such address; leave it out, or give 0.0.0.0"
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        remedy = "give another with --port, or --port 0 for any free one"
        raise UsageError(f"{host}:{port}: {reason}; {remedy}") from None
