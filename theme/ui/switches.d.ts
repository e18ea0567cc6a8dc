/** What a bundle carries: constants that the bundler sets, one per switch of bundle.json. */

declare const DRAW: boolean;
declare const UPLOAD: boolean;
