// Events that have begun and not ended, on disk: a run of the agent that was cut off must not leave them open for ever.

import { readFile, rename, writeFile } from 'node:fs/promises';
import * as z from 'zod';
import { cameraEvent, type CameraEvent } from '@sitecast/shared/protocol/events';
import { ID_PATTERN } from '@sitecast/shared/protocol/ids';

const openEvent = z.object({ camera: z.string().regex(ID_PATTERN), event: cameraEvent });
const file = z.object({ writtenAt: z.iso.datetime(), open: z.array(openEvent) });
type OpenEvent = z.output<typeof openEvent>;

/** One event a camera and kind, so its size is bounded by theirs. */
export class OpenEvents {
  readonly #path: string;
  readonly #open = new Map<string, OpenEvent>();
  #written: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  /** @returns what an earlier run left open, ended when that run last wrote; nothing when the file tells nothing. */
  async takeLeft(): Promise<OpenEvent[]> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    const { data } = file.safeParse(parse(text));
    return (data?.open ?? []).map(({ camera, event }) => ({
      camera,
      event: { ...event, until: data?.writtenAt ?? event.at },
    }));
  }

  /** Notes the beginning or the end of an event. Resolves when it is on disk; rejects as the file system does. */
  note(camera: string, event: CameraEvent): Promise<void> {
    const key = `${camera}/${event.kind}`;
    if (event.until === null) this.#open.set(key, { camera, event });
    else this.#open.delete(key);
    const written = this.#written.then(() => this.#write());
    this.#written = written.catch(() => {});
    return written;
  }

  async #write(): Promise<void> {
    const text = JSON.stringify({ writtenAt: new Date().toISOString(), open: [...this.#open.values()] });
    await writeFile(`${this.#path}.new`, text, { mode: 0o600 });
    await rename(`${this.#path}.new`, this.#path);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
