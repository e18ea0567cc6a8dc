/** What a bundle carries: constants that the bundler sets, one per switch of bundle.json. */

declare const WITH_CAMERA: boolean;
declare const WITH_DRAW: boolean;
declare const WITH_PASTE: boolean;
declare const WITH_UPLOAD: boolean;
declare const WITH_URL: boolean;
