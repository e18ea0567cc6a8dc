/** The headers that make pages cross-origin isolated, so that threads may share memory. */

/** An answer with these headers, where it is a page or a worker: only these have a say in it. */
export function isolated({ destination }: Request, response: Response): Response {
  // What a server redirects to is fetched by the browser; seen from here it has no status.
  if ((destination !== "document" && destination !== "worker") || !response.status) return response;
  const { body, status, statusText } = response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  return new Response(body, { status, statusText, headers });
}
