// The product with foreign cameras: started with their addresses, asked for their states, searched for their passwords.

import { expect } from 'vitest';
import { queryDatabase } from './database.ts';
import { waitFor, type ApiSession, type Sitecast } from './sitecast.ts';
import { startSitecast } from './start-sitecast.ts';

interface Camera {
  id: string;
  state: string;
  reason: string | null;
}

export class CameraSite implements AsyncDisposable {
  readonly session: ApiSession;
  readonly #sitecast: Sitecast;

  private constructor(sitecast: Sitecast, session: ApiSession) {
    this.#sitecast = sitecast;
    this.session = session;
  }

  static async start(...sources: string[]): Promise<CameraSite> {
    const cameras = sources.flatMap((source) => ['--camera', source]);
    const sitecast = await startSitecast({ args: ['--no-demo', ...cameras] });
    return new CameraSite(sitecast, await sitecast.login());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sitecast.close();
  }

  async untilState(camera: string, state: string): Promise<Camera> {
    return waitFor(async () => {
      const { items } = await this.session.get<{ items: Camera[] }>('cameras');
      return items.find(({ id, state: now }) => id === camera && now === state);
    }, `${camera} to be ${state}`);
  }

  /** Not in a log, not in an answer of the API, not in the database. */
  async expectNoTrace(password: string): Promise<void> {
    const { output, ready } = this.#sitecast;
    expect(output + this.#sitecast.log('server') + this.#sitecast.log('agent')).not.toContain(password);
    for (const path of ['cameras', 'agents', 'events', 'system', 'sites']) {
      expect(await (await this.session.fetch(path)).text()).not.toContain(password);
    }
    const rows = await queryDatabase(ready.databaseUrl, 'select report, name from cameras');
    expect(rows.length).toBeGreaterThan(0);
    expect(JSON.stringify(rows)).not.toContain(password);
  }
}
