// Events that begin and end: those that go on are on disk too, since a run of the agent that was cut off must not leave them open
// for ever.

import { readFile, rename, writeFile } from 'node:fs/promises';
import * as z from 'zod';
import { cameraEvent, type CameraEvent } from '@sitecast/shared/protocol/events';
import { ID_PATTERN } from '@sitecast/shared/protocol/ids';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { QuietLog } from '../health/quiet-log.ts';

const openEvent = z.object({ camera: z.string().regex(ID_PATTERN), event: cameraEvent });
const file = z.object({ writtenAt: z.iso.datetime(), open: z.array(openEvent) });
type OpenEvent = z.output<typeof openEvent>;

export interface OpenEventsOptions {
  /** Of the file. */
  path: string;
  /** Resolves when the event is durable. */
  put: (camera: string, event: CameraEvent) => Promise<void>;
  log: QuietLog;
}

/** One event a camera and kind, and one a clip that is recorded, so the size of the file is bounded by theirs. */
export class OpenEvents {
  readonly #options: OpenEventsOptions;
  readonly #open = new Map<string, OpenEvent>();
  #written: Promise<void> = Promise.resolve();

  constructor(options: OpenEventsOptions) {
    this.#options = options;
  }

  /**
   * Tells what an earlier run left open, ended when that run last wrote. Rejects as `put` does.
   * @param corrected what is known better of such an end.
   */
  async endLeft(corrected = (ended: CameraEvent): CameraEvent => ended): Promise<void> {
    const text = await readFile(this.#options.path, 'utf8').catch(() => '');
    const { data } = file.safeParse(parse(text));
    for (const { camera, event } of data?.open ?? []) {
      await this.#options.put(camera, corrected({ ...event, until: data?.writtenAt ?? event.at }));
    }
  }

  /** The beginning, the end, or both of an event. Rejects as `put` does. */
  async tell(camera: string, event: CameraEvent): Promise<void> {
    const key = `${camera}/${event.kind}/${event.clipId ?? ''}`;
    const before = this.#open.get(key);
    if (event.until === null) this.#open.set(key, { camera, event });
    else if (before?.event.id === event.id) this.#open.delete(key);
    if (before !== this.#open.get(key)) await this.#note();
    await this.#options.put(camera, event);
  }

  /** An event that cannot be noted is told all the same. */
  #note(): Promise<void> {
    const { log } = this.#options;
    this.#written = this.#written
      .then(() => this.#write())
      .catch((error: unknown) => {
        log.warn('OPEN_EVENTS', { reason: messageOf(error) }, 'an event is not noted for the next start');
      });
    return this.#written;
  }

  async #write(): Promise<void> {
    const text = JSON.stringify({ writtenAt: new Date().toISOString(), open: [...this.#open.values()] });
    const { path } = this.#options;
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
