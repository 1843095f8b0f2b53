// What a person sees: a moving picture, a snapshot opened, a sensor point that arrives by itself. In Chromium.

import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { logIn, openBrowser, type BrowserSession } from './support/browser.ts';
import { type Sitecast, waitFor } from './support/sitecast.ts';
import { startSitecast } from './support/start-sitecast.ts';

describe.skipIf(!requireTool('chromium', 'it stands for the browser of an operator'))(
  'the page in Chromium',
  () => {
    let sitecast: Sitecast;
    let browser: BrowserSession;
    let page: Page;

    beforeAll(async () => {
      sitecast = await startSitecast();
      browser = await openBrowser();
      page = browser.page;
      await logIn(page, sitecast.ready);
    });
    afterAll(async () => {
      await browser?.close();
      await sitecast?.close();
    });

    it('plays the live picture: currentTime advances and pixels change', async () => {
      const video = page.getByTestId('live-video').first();
      await video.waitFor();
      const timeOf = (): Promise<number> =>
        video.evaluate((element) => (element as HTMLVideoElement).currentTime);
      const first = await waitFor(timeOf, 'the first picture');
      const before = await video.screenshot();
      await waitFor(async () => (await timeOf()) > first + 2, 'currentTime to advance by 2 s');
      const after = await video.screenshot();
      expect(before.equals(after)).toBe(false);
      expect(await video.evaluate((element) => (element as HTMLVideoElement).videoWidth)).toBe(960);
      expect(await page.getByTestId('tile-latency').first().textContent()).toMatch(/\d/);
    });

    it('plays MPEG-1 on a canvas where the browser plays no H.264', async () => {
      const old = await openBrowser();
      try {
        await old.page.addInitScript(() => {
          Object.assign(window, { MediaSource: undefined, ManagedMediaSource: undefined });
        });
        await logIn(old.page, sitecast.ready);
        const tile = old.page.getByTestId('tile-profile').first();
        await waitFor(async () => (await tile.getAttribute('data-profile')) === 'mpeg1', 'MPEG-1');
        const canvas = old.page.getByTestId('mpeg1-canvas').first();
        const picture = (): Promise<string> =>
          canvas.evaluate((element) => (element as HTMLCanvasElement).toDataURL());
        const before = await picture();
        await waitFor(async () => (await picture()) !== before, 'the picture to move');
        expect(await canvas.evaluate((element) => (element as HTMLCanvasElement).width)).toBe(640);
        expect(await old.page.getByTestId('tile-latency').first().textContent()).toMatch(/\d/);
        expect(old.errors).toEqual([]);
      } finally {
        await old.close();
      }
    });

    it('opens a snapshot', async () => {
      await page.goto(`${sitecast.ready.url}/snapshots`);
      await page.getByTestId('snapshot-thumb').first().click();
      const picture = page.getByTestId('snapshot-dialog').locator('img').first();
      await picture.waitFor();
      await waitFor(
        () => picture.evaluate((element) => (element as HTMLImageElement).naturalWidth > 320),
        'the full picture',
      );
    });

    it('shows a sensor point that arrives without a reload', async () => {
      await page.goto(`${sitecast.ready.url}/sensors`);
      const value = page.getByTestId('sensor-value').first();
      await value.waitFor();
      const loads = (): Promise<number> => page.evaluate(() => performance.timeOrigin);
      const loadedAt = await loads();
      const first = await value.textContent();
      await waitFor(async () => (await value.textContent()) !== first, 'another value');
      expect(await loads()).toBe(loadedAt);
      await page.getByTestId('sensor-chart').first().locator('canvas').waitFor();
    });

    it('shows pictures and curves on a timeline, zooms and moves by keys, tells the moment, and opens a picture', async () => {
      await page.goto(`${sitecast.ready.url}/timeline`);
      const plot = page.getByTestId('timeline-plot');
      const picture = page.getByTestId('timeline-picture').last();
      await picture.waitFor();
      await page.getByTestId('timeline-curve').first().waitFor();
      const spanOf = async (): Promise<number> =>
        Number(await plot.getAttribute('data-to')) - Number(await plot.getAttribute('data-from'));
      const before = await spanOf();
      await plot.focus();
      for (const key of ['+', '+', '+']) await plot.press(key);
      expect(Math.round(before / (await spanOf()))).toBe(8);
      const from = await plot.getAttribute('data-from');
      await plot.press('ArrowRight');
      expect(Number(await plot.getAttribute('data-from'))).toBeGreaterThan(Number(from));
      const told = page.getByTestId('timeline-readout').locator('time');
      const first = await told.getAttribute('datetime');
      await plot.press('Shift+ArrowRight');
      expect(await told.getAttribute('datetime')).not.toBe(first);
      await page.getByRole('button', { name: 'Now', exact: true }).click();
      await picture.click();
      await page.getByTestId('snapshot-dialog').locator('img').waitFor();
      await page.keyboard.press('Escape');
    });

    it('zooms the timeline by wheel and by two fingers, moves it by dragging, and tells what is under the pointer', async () => {
      await page.goto(`${sitecast.ready.url}/timeline`);
      const plot = page.getByTestId('timeline-plot');
      await page.getByTestId('timeline-curve').first().waitFor();
      const [from, to] = ['data-from', 'data-to'].map(
        (name) => async () => Number(await plot.getAttribute(name)),
      ) as [() => Promise<number>, () => Promise<number>];
      const span = async (): Promise<number> => (await to()) - (await from());
      const { x, y, width } = (await plot.boundingBox()) ?? { x: 0, y: 0, width: 1 };
      await page.mouse.move(x + width * 0.97, y + 40);
      const before = await span();
      for (let turn = 0; turn < 5; turn += 1) await page.mouse.wheel(0, -400);
      await waitFor(async () => (await span()) < before / 4, 'the wheel to zoom');
      const begin = await from();
      await page.mouse.down();
      await page.mouse.move(x + width * 0.5, y + 40, { steps: 5 });
      await page.mouse.up();
      await waitFor(async () => (await from()) > begin, 'the drag to move');
      await page.mouse.move(x + 20, y + 40);
      const told = page.getByTestId('timeline-readout').locator('time');
      const atMs = Date.parse((await told.getAttribute('datetime')) ?? '');
      expect(Math.abs(atMs - (await from()) - ((await span()) * 20) / width)).toBeLessThan(
        (await span()) / 100,
      );

      const fingers = await page.context().newCDPSession(page);
      const touch = (type: 'touchStart' | 'touchMove', apart: number): Promise<unknown> =>
        fingers.send('Input.dispatchTouchEvent', {
          type,
          touchPoints: [-apart, apart].map((side, id) => ({ x: x + width / 2 + side, y: y + 60, id })),
        });
      const wide = await span();
      await touch('touchStart', 40);
      for (const apart of [60, 90, 120, 160]) await touch('touchMove', apart);
      await fingers.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
      await waitFor(async () => (await span()) < wide / 3, 'two fingers to zoom');
    });

    it('records a clip, fetches it from the gateway, and plays it: currentTime advances', async () => {
      await page.goto(`${sitecast.ready.url}/cameras/local/courtyard`);
      await page.getByTestId('record-clip').click();
      const card = page.getByTestId('latest-clips').getByTestId('clip-card').first();
      const phase = (): Promise<string | null> => card.getAttribute('data-phase');
      await waitFor(async () => (await phase()) === 'recording', 'the recording');
      await waitFor(async () => (await phase()) === 'gateway', 'the clip on the gateway');
      await card.click();
      await page.getByTestId('clip-fetch').click();
      const video = page.getByTestId('clip-video');
      await video.waitFor();
      await expectPlaying(video);
      // In the middle of what it has: asked for by a range of the file.
      await video.evaluate((element) => ((element as HTMLVideoElement).currentTime = 6));
      await waitFor(
        () =>
          video.evaluate((element) => {
            const { currentTime, seeking } = element as HTMLVideoElement;
            return !seeking && currentTime >= 6;
          }),
        'the jump',
      );
      const download = page.waitForEvent('download');
      await page.getByTestId('clip-download').click();
      expect((await download).suggestedFilename()).toMatch(/^local-courtyard-\d{4}-.+\.mp4$/);
      await page.keyboard.press('Escape');
      await video.waitFor({ state: 'detached' });
    });

    it('lists clips beside pictures, by an address that keeps the choice, and opens one from the timeline', async () => {
      await page.goto(`${sitecast.ready.url}/snapshots?camera=local%2Fcourtyard`);
      await page.getByTestId('snapshot-thumb').first().waitFor();
      await page.getByRole('button', { name: 'Clips', exact: true }).press('Enter');
      const card = page.getByTestId('clip-grid').getByTestId('clip-card').first();
      await card.waitFor();
      await page.reload();
      await waitFor(
        async () => (await card.getAttribute('data-phase')) === 'here',
        'the clip after a reload',
      );
      expect(new URL(page.url()).search).toBe('?camera=local%2Fcourtyard&show=clips');
      expect(await card.getAttribute('aria-label')).toMatch(
        /^Clip of Courtyard, .+: Uploaded, \d:\d\d, .+ [KM]B, On request$/,
      );
      const poster = card.locator('img');
      await waitFor(
        () => poster.evaluate((element) => (element as HTMLImageElement).naturalWidth > 0),
        'a picture of the time of the clip',
      );
      await page.goto(`${sitecast.ready.url}/timeline`);
      await page.getByTestId('timeline-clip').last().click();
      await expectPlaying(page.getByTestId('clip-dialog').getByTestId('clip-video'));
      await page.keyboard.press('Escape');
    });

    it('deletes a clip once it was asked whether it should', async () => {
      await page.goto(`${sitecast.ready.url}/snapshots?show=clips`);
      const card = page.getByTestId('clip-grid').getByTestId('clip-card').first();
      await card.click();
      await page.getByTestId('clip-delete').click();
      await page.getByTestId('clip-delete-confirm').click();
      await page.getByTestId('clip-dialog').waitFor({ state: 'detached' });
      // The gateway still has it.
      await waitFor(async () => (await card.getAttribute('data-phase')) === 'gateway', 'the clip to be gone');
    });

    it('speaks Korean', async () => {
      const korean = await openBrowser({ locale: 'ko-KR' });
      try {
        await korean.page.goto(sitecast.ready.url);
        await korean.page.getByTestId('login-form').waitFor();
        expect(await korean.page.textContent('body')).toMatch(/로그인/);
        expect(await korean.page.getAttribute('html', 'lang')).toBe('ko');
      } finally {
        await korean.close();
      }
    });

    it('wrote no error to the console', () => {
      expect(browser.errors).toEqual([]);
    });
  },
);

async function expectPlaying(video: Locator): Promise<void> {
  const timeOf = (): Promise<number> =>
    video.evaluate((element) => (element as HTMLVideoElement).currentTime);
  const first = await waitFor(timeOf, 'the first picture of the clip');
  await waitFor(async () => (await timeOf()) > first + 1, 'currentTime to advance by 1 s');
  expect(await video.evaluate((element) => (element as HTMLVideoElement).videoWidth)).toBe(960);
}
