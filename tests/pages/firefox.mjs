// Run examples.js in pages of Firefox: node firefox.mjs PROGRAM ADDRESS... prints a JSON list.
import { readFileSync } from "node:fs";
import puppeteer from "puppeteer-core";

const [executablePath, ...addresses] = process.argv.slice(2);
const code = readFileSync(new URL("examples.js", import.meta.url), "utf8");
const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
try {
  const found = [];
  for (const address of addresses) {
    const page = await browser.newPage();
    await page.goto(address);
    found.push(await page.evaluate(`(async () => {${code}})()`));
    await page.close();
  }
  console.log(JSON.stringify(found));
} finally {
  await browser.close();
}
