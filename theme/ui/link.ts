/** A picture from another site, by its address. */

import { fill, words } from "../runtime/words";
import { element } from "./elements";
import { type Stage, complain, picture } from "./stage";

/** @returns what fetches an address, for other ways to give one; undefined without the form */
export function enableLink(stage: Stage): ((url: string) => void) | undefined {
  const form = element<HTMLFormElement>("link-form");
  if (!form) return undefined;
  const button = element("link");
  const input = form.querySelector("input")!;

  async function load(url: string): Promise<Blob> {
    const response = await fetch(url, { credentials: "omit" }).catch(() => {
      throw new Error(words.url.unreachable);
    });
    if (response.ok) return response.blob();
    throw new Error(fill(words.url.refused, { status: response.status }));
  }

  async function give(url: string): Promise<void> {
    try {
      const file = await load(url);
      const { hostname, pathname } = new URL(url);
      await stage.give(picture(file, pathname.split("/").at(-1) || hostname));
    } catch (error) {
      complain(error as Error);
    }
  }

  button.onclick = () => {
    form.hidden = !form.hidden;
    button.ariaExpanded = `${!form.hidden}`;
    if (!form.hidden) input.focus();
  };
  form.onsubmit = (event) => {
    event.preventDefault();
    void give(input.value);
  };
  return (url) => void give(url);
}
