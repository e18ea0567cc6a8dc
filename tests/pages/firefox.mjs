// Run examples.js in pages of Firefox: node firefox.mjs PROGRAM [--threads] ADDRESS... prints a
// JSON list of answers; with --threads, of what the receipts say of threads, and answers.
import { readFileSync } from "node:fs";
import puppeteer from "puppeteer-core";

const [executablePath, ...addresses] = process.argv.slice(2);
const withThreads = addresses[0] === "--threads" && addresses.shift();
const code = readFileSync(new URL("examples.js", import.meta.url), "utf8");
const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });

/** On a busy machine a picture's request is never answered now and then; a second page's is. */
async function visit(address, isLast = false) {
  const page = await browser.newPage();
  try {
    await page.goto(address);
    const answers = await page.evaluate(`(async () => {${code}})()`);
    const threads = withThreads && await page.$eval("#threads", (it) => it.textContent);
    return withThreads ? [threads, answers] : answers;
  } catch (error) {
    if (isLast) throw error;
    console.error(`${address}: ${error.message}; once more`);
  } finally {
    await page.close();
  }
  return visit(address, true);
}

try {
  const found = [];
  for (const address of addresses) found.push(await visit(address));
  console.log(JSON.stringify(found));
} finally {
  await browser.close();
}
