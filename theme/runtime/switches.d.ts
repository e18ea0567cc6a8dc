/** What a worker carries: constants that the bundler sets, one per switch of bundle.json. */

/** Placing drawings by their centre of mass. */
declare const WITH_CENTRE: boolean;
