/**
 * A demo page inside of <edgesite-demo>: tells its host how high it is, and wears the host's light
 * or dark. What comes from elsewhere is taken for a host's when it has answered in the same way.
 */

/** What both sides send. */
export interface Message {
  readonly edgesite?: { readonly height?: number; readonly theme?: string };
}

const root = document.documentElement;

let worn: string | undefined;

const tell = (): void => {
  const message: Message = { edgesite: { height: root.offsetHeight, ...(worn && { theme: worn }) } };
  parent.postMessage(message, "*");
};

/** The media of rules, before they were changed. */
const asked = new WeakMap<CSSMediaRule, string>();

/** Let rules for light or dark hold by the host's choice, and not by the system's. */
function wear(theme: string, rules: CSSRuleList): void {
  for (const rule of rules) {
    if (rule instanceof CSSMediaRule) {
      const media = asked.get(rule) ?? rule.media.mediaText;
      asked.set(rule, media);
      rule.media.mediaText = media.replace(
        /\(prefers-color-scheme: (\w+)\)/g,
        (_, wanted) => (wanted === theme ? "(min-width: 0)" : "(max-width: 0)"),
      );
    }
    if (rule instanceof CSSGroupingRule) wear(theme, rule.cssRules);
  }
}

/** The host is there: only the demo itself is of interest, and the way to its page. */
function settle(): void {
  root.classList.add("embedded");
  const heading = document.querySelector("h1")!;
  const link = document.createElement("a");
  link.href = location.href;
  link.target = "_blank";
  link.append(...heading.childNodes);
  heading.append(link);
}

addEventListener("message", ({ source, data }: MessageEvent<Message>) => {
  const theme = data?.edgesite?.theme;
  if (source !== parent || (theme !== "light" && theme !== "dark")) return;
  if (!worn) settle();
  root.style.colorScheme = worn = theme;
  for (const sheet of document.styleSheets) wear(theme, sheet.cssRules);
  tell();
});

new ResizeObserver(tell).observe(root);
// Browsers do not draw frames that are not seen, and then observe nothing.
tell();
