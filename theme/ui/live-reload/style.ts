/** The overlay's own colours, as those of the page may be what is broken. */

export const style = `
:host {
  all: initial;
  position: fixed;
  inset: auto 0 0 0;
  z-index: 2147483647;
  color-scheme: light dark;
  --ground: #fff;
  --ink: #1b1c1d;
  --soft: #5b5d60;
  --line: #dfdfda;
  --alarm: #a8201a;
  --well: #f6f3f1;
}
@media (prefers-color-scheme: dark) {
  :host {
    --ground: #1f1516;
    --ink: #f0eeeb;
    --soft: #b3aaa8;
    --line: #44302f;
    --alarm: #ff9b90;
    --well: #140d0e;
  }
}
section {
  box-sizing: border-box;
  max-height: 70vh;
  overflow: auto;
  padding: 16px 24px 24px;
  border-top: 4px solid var(--alarm);
  background: var(--ground);
  color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif;
  box-shadow: 0 -8px 32px rgb(0 0 0 / 0.25);
}
header { display: flex; align-items: center; justify-content: space-between; gap: 16px; }
h2 { margin: 0; font-size: 18px; line-height: 1.3; color: var(--alarm); }
button {
  padding: 8px 16px;
  border: 1px solid var(--line);
  border-radius: 6px;
  background: none;
  color: inherit;
  font: inherit;
  cursor: pointer;
}
button:focus-visible { outline: 2px solid var(--alarm); outline-offset: 2px; }
p { margin: 4px 0 0; overflow-wrap: anywhere; white-space: pre-line; }
section > p { color: var(--soft); }
article { margin-top: 16px; padding-top: 16px; border-top: 1px solid var(--line); }
code { font: 600 14px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
pre {
  margin: 12px 0 0;
  padding: 8px 12px;
  overflow-x: auto;
  border-radius: 6px;
  background: var(--well);
  font: 13px/1.6 ui-monospace, monospace;
  tab-size: 1;
}
i { color: var(--soft); font-style: normal; }
mark { background: none; color: inherit; font-weight: 600; }
b { color: var(--alarm); }
@media print { :host { display: none; } }
`;
