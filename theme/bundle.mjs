// Bundle the theme's scripts and styles into the Python package: `npm run bundle`.
//
// bundle.json says what is bundled and how; generator/edgesite/site/assets.py reads it too. An
// entry with switches is bundled once for each set of them: a switch named "upload" is the
// constant WITH_UPLOAD in the source, and what it turns off is left out. Entries without a switch
// have it off: they may share sources with others.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const theme = dirname(fileURLToPath(import.meta.url));
const root = dirname(theme);
const target = join(root, "generator", "edgesite", "bundles");
const esbuild = process.env.EDGESITE_ESBUILD || join(root, "node_modules", ".bin", "esbuild");
const { options, entries } = JSON.parse(readFileSync(join(theme, "bundle.json"), "utf8"));

/** All subsets, each in the order of `names`: ["a", "b"] has [], ["a"], ["b"], ["a", "b"]. */
const subsets = (names) =>
  names.reduce((sets, name) => [...sets, ...sets.map((set) => [...set, name])], [[]]);

const every = [...new Set(Object.values(entries).flatMap(({ switches = [] }) => switches))];

rmSync(target, { recursive: true, force: true });
mkdirSync(target, { recursive: true });
for (const [name, { source, suffix, switches = [], options: own = [] }] of Object.entries(entries)) {
  if (!existsSync(join(theme, source))) {
    console.log(`${name}: skipped, there is no theme/${source}`);
    continue;
  }
  for (const on of subsets(switches)) {
    const defines = every.map((key) => `--define:WITH_${key.toUpperCase()}=${on.includes(key)}`);
    const output = join(target, [name, ...on].join("-") + suffix);
    const { status, error } = spawnSync(
      esbuild,
      [source, ...options, ...own, ...defines, `--outfile=${output}`],
      // npm makes a .cmd file on Windows, which only a shell can run.
      { cwd: theme, stdio: "inherit", shell: process.platform === "win32" },
    );
    if (error) console.error(`${esbuild}: ${error.message}; run npm ci first`);
    if (status !== 0) process.exit(1);
  }
}
