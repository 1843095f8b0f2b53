import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type BrowserContextOptions, type Page } from 'playwright-core';
import sharp from 'sharp';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PATIENCE_MS } from '../../../shared/test/patience.ts';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { preview, type PreviewOptions } from '../../src/commands/preview.ts';
import { temporaryFolder, waitFor } from '../support.ts';
import { runningCaptures } from './ffmpegs.ts';
import { freePort } from './udp-only-camera.ts';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const PASSWORD = 'correct horse';
/** The left half may not be seen. */
const MASK = 'masks: [{ x: 0, y: 0, width: 0.5, height: 1 }]';
const CAMERAS = `[{ id: front, name: Front door, source: "demo:front" }, { id: yard, name: 마당, source: "demo:yard", ${MASK} }]`;

async function optionsFor(cameras = CAMERAS): Promise<PreviewOptions> {
  const configPath = join(await temporaryFolder(), 'agent.yaml');
  await writeFile(
    configPath,
    `site: demo
agent: gateway
dataDir: ./data
uplink: { url: "mqtt://127.0.0.1:1", mediaUrl: "mqtt://127.0.0.1:1" }
encoder: software
cameras: ${cameras}
`,
  );
  return {
    configPath,
    cameraIds: [],
    host: '127.0.0.1',
    port: await freePort(),
    minutes: 10,
    env: { PATH: '', SITECAST_AGENT_SECRET: 'x', SITECAST_PREVIEW_PASSWORD: PASSWORD },
    print: () => {},
    warn: () => {},
    askPassword: () => Promise.reject(new Error('nobody is to be asked')),
    signal: new AbortController().signal,
  };
}

/** Until the test ends. @returns its address. */
async function startPreview(): Promise<string> {
  const options = await optionsFor();
  const stopping = new AbortController();
  let printed = '';
  const running = preview({ ...options, signal: stopping.signal, print: (text) => (printed += text) });
  onTestFinished(async () => {
    stopping.abort();
    await running;
    expect(await runningCaptures()).toEqual([]);
  });
  return (await waitFor(() => /http:\S+/.exec(printed), 'the page'))[0];
}

async function openPhone(more: BrowserContextOptions = {}): Promise<{ page: Page; errors: string[] }> {
  const profile = mkdtempSync(join(tmpdir(), 'sitecast-chromium-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu', '--autoplay-policy=no-user-gesture-required'],
    viewport: { width: 390, height: 844 },
    hasTouch: true,
    locale: 'ko-KR',
    colorScheme: 'dark',
    ...more,
  });
  onTestFinished(async () => {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = context.pages()[0] ?? (await context.newPage());
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load'))
      errors.push(message.text());
  });
  return { page, errors };
}

async function logIn(page: Page, url: string, password = PASSWORD): Promise<void> {
  await page.goto(url);
  await page.locator('#password').fill(password);
  await page.locator('#login button').click();
}

const isPlaying = (page: Page, camera: string): Promise<boolean> =>
  page.evaluate((id) => {
    const video = document.querySelector<HTMLVideoElement>(`[data-camera="${id}"] video`);
    return video !== null && !video.hidden && video.currentTime > 1 && video.videoWidth > 0;
  }, camera);

describe('sitecast-agent preview', () => {
  it('does not start without a password of ten characters, or with a camera that is not there', async () => {
    const options = await optionsFor();
    const env = { ...options.env, SITECAST_PREVIEW_PASSWORD: 'ninechars' };
    await expect(preview({ ...options, env })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(preview({ ...options, cameraIds: ['attic'] })).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('no camera "attic"') as string,
    });
    const none = await optionsFor('[]');
    await expect(preview(none)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('asks for the password where the environment has none', async () => {
    const options = await optionsFor();
    const env = { ...options.env, SITECAST_PREVIEW_PASSWORD: undefined };
    const askPassword = async (): Promise<string> => 'short';
    await expect(preview({ ...options, env, askPassword })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('gives masked pictures only of a masked camera', async () => {
    const url = await startPreview();
    const login = await fetch(`${url}login`, {
      method: 'POST',
      body: JSON.stringify({ password: PASSWORD }),
    });
    const headers = { cookie: login.headers.get('set-cookie')!.split(';')[0]! };
    const still = await waitFor(async () => {
      const response = await fetch(`${url}stills/yard`, { headers });
      return response.ok && Buffer.from(await response.arrayBuffer());
    }, 'a still');
    const { width, height } = await sharp(still).metadata();
    const brightnessOf = async (left: number): Promise<number> => {
      const half = { left, top: 0, width: Math.floor(width / 2), height };
      // Statistics are of what goes in, whatever is cut out of it.
      const { channels } = await sharp(await sharp(still).extract(half).png().toBuffer()).stats();
      return Math.max(...channels.map(({ mean }) => mean));
    };
    expect(await brightnessOf(0)).toBeLessThan(5);
    expect(await brightnessOf(Math.floor(width / 2))).toBeGreaterThan(20);
  });
});

describe('the command line of preview', () => {
  it('ends with 64 without a good password, and with 0 when it is told to', async () => {
    const options = await optionsFor();
    const launch = (password?: string): ChildProcess => {
      const args = [main, 'preview', '--config', options.configPath, '--listen', options.host];
      const env = { PATH: process.env.PATH, SITECAST_AGENT_SECRET: 'x', SITECAST_PREVIEW_PASSWORD: password };
      const child = spawn(process.execPath, [...args, '--port', String(options.port)], { env });
      onTestFinished(() => void child.kill('SIGKILL'));
      return child;
    };
    for (const password of ['ninechars', undefined]) {
      expect(await once(launch(password), 'close')).toEqual([64, null]);
    }
    const running = launch(PASSWORD);
    await once(running.stdout!, 'data');
    expect((await fetch(`http://127.0.0.1:${options.port}/`)).status).toBe(200);
    running.kill('SIGTERM');
    expect(await once(running, 'close')).toEqual([0, null]);
  });
});

describe.skipIf(!requireTool('chromium', 'it stands for the phone of an installer'))(
  'sitecast-agent preview on a phone',
  () => {
    it('shows all cameras live in Korean, in the dark, at 390 pixels; masked ones masked; and one at a time', async () => {
      const url = await startPreview();
      const { page, errors } = await openPhone();
      await logIn(page, url, 'wrong password');
      await waitFor(
        async () => (await page.locator('#login-trouble').textContent())?.includes('올바르지'),
        'the refusal',
      );
      await logIn(page, url);
      await waitFor(() => isPlaying(page, 'front'), 'the camera that is passed through');
      await waitFor(() => isPlaying(page, 'yard'), 'the camera that is encoded for its mask');
      expect(await page.locator('html').getAttribute('lang')).toBe('ko');
      expect(await page.locator('[data-camera="front"] .state').textContent()).toMatch(/^실시간/);
      const layout = await page.evaluate(() => ({
        width: document.documentElement.scrollWidth,
        background: getComputedStyle(document.body).backgroundColor,
      }));
      expect(layout).toEqual({ width: 390, background: 'rgb(14, 17, 20)' });
      expect(await leftHalfBrightness(page, 'yard')).toBeLessThan(20);
      expect(await leftHalfBrightness(page, 'front')).toBeGreaterThan(20);

      await page.locator('[data-camera="yard"]').click();
      expect(await page.locator('[data-camera="front"]').isVisible()).toBe(false);
      await page.locator('#grid').click();
      await waitFor(() => isPlaying(page, 'yard'), 'the chosen camera');
      await page.locator('#back').click();
      await page.locator('#language').click();
      expect(await page.locator('h1').textContent()).toBe('Camera preview');
      await page.locator('#logout').click();
      await page.locator('#password').waitFor();
      expect(await page.locator('.camera').count()).toBe(0);
      expect(errors).toEqual([]);
    });

    it('shows pictures one at a time where the browser plays no video', async () => {
      const url = await startPreview();
      const { page, errors } = await openPhone({ locale: 'en-US', colorScheme: 'light' });
      await page.addInitScript(() => {
        Object.defineProperty(globalThis, 'MediaSource', { value: undefined });
        Object.defineProperty(globalThis, 'ManagedMediaSource', { value: undefined });
      });
      await logIn(page, url);
      const hasPicture = (): Promise<boolean> =>
        page.evaluate(() => {
          const image = document.querySelector<HTMLImageElement>('[data-camera="front"] img');
          return image !== null && image.naturalWidth > 0;
        });
      await waitFor(hasPicture, 'a picture');
      expect(await page.locator('[data-camera="front"] .state').textContent()).toMatch(
        /^pictures, one at a time/,
      );
      expect(errors).toEqual([]);
    });
  },
);

/** 0 to 255, of what the video shows now. */
function leftHalfBrightness(page: Page, camera: string): Promise<number> {
  return page.evaluate((id) => {
    const video = document.querySelector<HTMLVideoElement>(`[data-camera="${id}"] video`)!;
    const canvas = document.createElement('canvas');
    Object.assign(canvas, { width: 64, height: 36 });
    const context = canvas.getContext('2d')!;
    context.drawImage(video, 0, 0, 64, 36);
    const { data } = context.getImageData(0, 0, 30, 36);
    return data.reduce((sum, value, index) => (index % 4 === 3 ? sum : sum + value), 0) / (30 * 36 * 3);
  }, camera);
}
