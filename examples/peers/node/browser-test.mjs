#!/usr/bin/env node
// node browser-test.mjs --role sender|receiver --url http://127.0.0.1:PORT/lipwire [--steps JSON] [--speed X] [--token T] [--auth A]
// Opens browser/index.html in a headless Chromium and prints what it reports, one JSON line for each event.
// CHROMIUM names the browser where it is not /usr/bin/chromium.

import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run',
  // candidates on loopback, and addresses instead of mDNS names: both peers are on this machine
  '--allow-loopback-in-peer-connection', '--disable-features=WebRtcHideLocalIpsWithMdns',
  '--disable-background-networking', '--disable-component-update', '--disable-sync',
];
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript' };
const ROOT = import.meta.dirname;

const option = { type: 'string' };
const { values } = parseArgs({
  options: { role: option, url: option, steps: option, speed: option, token: option, auth: option },
});

/** Serves this folder on loopback. */
const server = createServer((request, response) => {
  const path = join(ROOT, normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname)));
  const type = TYPES[extname(path)];
  if (!path.startsWith(ROOT) || !type || !existsSync(path)) return void response.writeHead(404).end();
  response.writeHead(200, { 'Content-Type': type });
  createReadStream(path).pipe(response);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

const profile = mkdtempSync(join(tmpdir(), 'lipwire-chromium-'));
const leave = (status) => {
  process.on('exit', () => rmSync(profile, { recursive: true, force: true, maxRetries: 10 })); // after playwright, which ends Chromium
  process.exit(status);
};
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => leave(1));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: FLAGS,
});

const print = (event, facts = {}) => console.log(JSON.stringify({ event, ...facts }));
const page = browser.pages()[0] ?? await browser.newPage();
page.on('pageerror', (error) => print('error', { message: error.message }));
page.on('console', (message) => console.error(message.text()));
const done = new Promise((resolve) => {
  browser.on('close', resolve);
  page.exposeFunction('report', (event, facts) => {
    print(event, facts);
    if (event === 'done') resolve();
  }).then(() => page.goto(`http://127.0.0.1:${server.address().port}/browser/index.html?${new URLSearchParams(values)}`));
});
await done;
await browser.close();
leave(0);
