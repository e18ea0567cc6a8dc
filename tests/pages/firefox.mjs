// Run examples.js in pages of Firefox: node firefox.mjs PROGRAM [--threads] ADDRESS... prints a
// JSON list of answers; with --threads, of what the receipts say of threads, and answers.
import { readFileSync } from "node:fs";
import puppeteer from "puppeteer-core";

const [executablePath, ...addresses] = process.argv.slice(2);
const withThreads = addresses[0] === "--threads" && addresses.shift();
const code = readFileSync(new URL("examples.js", import.meta.url), "utf8");
const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
try {
  const found = [];
  for (const address of addresses) {
    const page = await browser.newPage();
    await page.goto(address);
    // Where there is a service worker, it has taken over the page.
    await page.waitForFunction(() => !document.querySelector("#offline")?.hidden);
    const answers = await page.evaluate(`(async () => {${code}})()`);
    const threads = withThreads && await page.$eval("#threads", (it) => it.textContent);
    found.push(withThreads ? [threads, answers] : answers);
    await page.close();
  }
  console.log(JSON.stringify(found));
} finally {
  await browser.close();
}
