// A real Chromium, and pictures of what it shows.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core';
import { PATIENCE_MS } from '../../../../shared/test/patience.ts';
import type { Ready } from './sitecast.ts';

const QUIET_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

export interface BrowserSession {
  page: Page;
  context: BrowserContext;
  /** What the page wrote to its console as an error, what it threw, what it was refused (but `auth/me` before login). */
  errors: string[];
  close(): Promise<void>;
}

export async function openBrowser(options: BrowserContextOptions = {}): Promise<BrowserSession> {
  const profile = mkdtempSync(join(tmpdir(), 'sitecast-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: QUIET_FLAGS,
    viewport: { width: 1440, height: 900 },
    locale: 'en-US',
    ...options,
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = context.pages()[0] ?? (await context.newPage());
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  // A failed request is told with its address by `response`; the console only says that there was one.
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      errors.push(message.text());
  });
  page.on('response', (response) => {
    const asksWhoIsThere = response.status() === 401 && response.url().endsWith('/auth/me');
    if (response.status() >= 400 && !asksWhoIsThere) errors.push(`${response.status()} ${response.url()}`);
  });
  const close = async (): Promise<void> => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  };
  return { page, context, errors, close };
}

/** Through the form, as a person does it. */
export async function logIn(page: Page, { url, username, password }: Ready): Promise<void> {
  await page.goto(url);
  const form = page.getByTestId('login-form');
  await form.waitFor();
  await form.locator('input[autocomplete="username"]').fill(username);
  await form.locator('input[type="password"]').fill(password);
  await form.locator('button[type="submit"]').click();
  await form.waitFor({ state: 'detached' });
}
