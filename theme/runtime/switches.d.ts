/** What a bundle carries: constants that the bundler sets, one per switch of bundle.json. */

/** Placing drawings by their centre of mass. */
declare const WITH_CENTRE: boolean;

/** Answering pictures, in the model.js of a demo. */
declare const WITH_PICTURES: boolean;

/** Pictures of several sizes. */
declare const WITH_SIZES: boolean;

/** Taking and giving strings, and lists of tensors. */
declare const WITH_VALUES: boolean;

/** Sharing the work with other threads. */
declare const WITH_THREADS: boolean;
