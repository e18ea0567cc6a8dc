/** What a service worker does beside keeping files: a constant that the bundler sets. */

/** Isolating pages, so that threads may share memory. */
declare const WITH_ISOLATE: boolean;
