// Drives one Chromium for the tests: takes one order a line on stdin (JSON: [name, argument]), answers one line each ({ok} or {error}).
// Usage: node driver.mjs MODULES_DIRECTORY CHROMIUM
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [modules, executablePath] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const PATIENCE_MS = 20_000;
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
let page;
let errors = [];

const orders = {
  // Another window: {url, scripts, dark, width}.
  async open({ url, scripts = true, dark = false, width = 1200 }) {
    await page?.context().close();
    const context = await browser.newContext({
      javaScriptEnabled: scripts,
      colorScheme: dark ? 'dark' : 'light',
      viewport: { width, height: 900 },
    });
    page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    errors = [];
    page.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
    page.on('pageerror', (error) => errors.push(String(error)));
    page.on('dialog', (dialog) => { errors.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    page.on('request', (request) => new URL(request.url()).origin !== new URL(url).origin && !request.url().startsWith('data:')
      && errors.push(`asked elsewhere: ${request.url()}`));
    const answer = await page.goto(url);
    return answer.status();
  },
  errors: async () => errors,
  text: async () => page.locator('body').innerText(),
  // Waits until the page says so.
  see: async (text) => { await page.getByText(text).first().waitFor({ state: 'attached' }); },
  search: async (words) => {
    await page.getByRole('searchbox').fill(words);
    await page.getByRole('button', { name: 'Search' }).click();
    await page.waitForURL(/[?&]q=/);
  },
  follow: async (name) => { await page.getByRole('link', { name, exact: true }).first().click(); },
  heading: async () => page.getByRole('heading', { level: 2 }).first().innerText(),
  count: async (selector) => page.locator(selector).count(),
  // Fetched again by the script, so many times since the page was opened.
  refreshed: async (times) => {
    await page.waitForFunction((n) => Number(document.documentElement.dataset.refreshed ?? 0) >= n, times);
  },
  background: async () => page.evaluate(() => getComputedStyle(document.body).backgroundColor),
  // By how much the page is wider than its window.
  excess: async () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
  violations: async () => {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`);
  },
  shoot: async (path) => { await page.screenshot({ path }); },
  // What has the focus after so many presses of the tabulator.
  tab: async (times) => {
    for (let i = 0; i < times; i += 1) await page.keyboard.press('Tab');
    return page.evaluate(() => document.activeElement.textContent);
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, argument] = JSON.parse(line);
  let answer;
  try {
    answer = { ok: (await orders[name](argument)) ?? null };
  } catch (error) {
    answer = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
