/**
 * The script of pages that `edgesite serve --watch` shows: follows what the author changes.
 *
 * The server tells the state of this page, a hash and the problems of the site, whenever one of
 * them changes and whenever this page asks anew; so nothing is missed while a tab sleeps. Words
 * and styles change in place; what scripts depend on needs a reload, over which the visitor's
 * picture is kept.
 */

import { keepPicture, restorePicture } from "./keep";
import { type Problem, showProblems } from "./overlay";
import { patch, snapshot } from "./patch";

interface State {
  readonly page: string;
  readonly problems: readonly Problem[];
}

const meta = document.querySelector<HTMLMetaElement>("meta[name=edgesite-live]")!;
const url = `${meta.dataset["base"]}_edgesite/events?page=${encodeURIComponent(meta.dataset["page"]!)}`;
let shown = snapshot(document.documentElement);
let wanted = meta.content;
let isBusy = false;
let events: EventSource | null = null;

async function follow(): Promise<void> {
  isBusy = true;
  // Changes that come meanwhile are followed in the next round.
  while (wanted !== meta.content) {
    const response = await fetch(location.href, { cache: "no-store" });
    const after = new DOMParser().parseFromString(await response.text(), "text/html");
    const next = snapshot(after.documentElement);
    if (shown.isEqualNode(next) || !patch(document.documentElement, shown, next)) {
      // A picture or a script that the page loads has changed.
      await keepPicture();
      location.reload();
      return;
    }
    shown = next;
  }
  isBusy = false;
}

function listen(): void {
  events?.close();
  events = null;
  // A browser opens six connections to a server, and a hidden tab must not hold one.
  if (document.hidden) return;
  events = new EventSource(url);
  // Browsers ask again by themselves where a connection breaks, but not where it is refused.
  events.onerror = () => {
    if (events?.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
  events.onmessage = ({ data }: MessageEvent<string>) => {
    const state = JSON.parse(data) as State;
    showProblems(state.problems);
    wanted = state.page;
    // A server that is going away mid-fetch is back with the next message.
    if (!isBusy) follow().catch(() => { isBusy = false; });
  };
}

document.addEventListener("visibilitychange", listen);
listen();
restorePicture().catch(() => {});
