// Sites of whose alerts nobody is told for a while. Owns the table `site_silences` and what is in memory of it, which the engine asks
// at every alert. Bound: the sites.

import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Database } from '../postgres/pool.ts';

/** A site that is silent for longer is one that somebody forgot. */
const SITE_SILENCE_MAX_MS = 30 * 86_400_000;

export interface SiteSilence {
  site: string;
  until: Date;
  by: string;
}

export class SiteSilences {
  readonly #database: Database;
  readonly #silences = new Map<string, SiteSilence>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** @throws {AppError} STORE_UNAVAILABLE (retryable). */
  async load(): Promise<void> {
    const rows = await this.#database.query<SiteSilence>(
      'select site, until, silenced_by as by from site_silences',
    );
    for (const row of rows) this.#silences.set(row.site, row);
  }

  /** Those that last, by site. */
  list(nowMs: number): SiteSilence[] {
    return [...this.#silences.values()]
      .filter(({ until }) => until.getTime() > nowMs)
      .sort((a, b) => a.site.localeCompare(b.site));
  }

  isSilenced(site: string | null, nowMs: number): boolean {
    const silence = site === null ? undefined : this.#silences.get(site);
    return silence !== undefined && silence.until.getTime() > nowMs;
  }

  /** In place of the one that it has. @throws {AppError} BAD_REQUEST for more than 30 days; NOT_FOUND */
  async begin({ site, until, by }: SiteSilence, nowMs: number): Promise<void> {
    if (until.getTime() - nowMs > SITE_SILENCE_MAX_MS)
      throw new AppError('BAD_REQUEST', 'until: at most 30 days ahead');
    await this.#forgetOver(nowMs);
    const made = await this.#database.query(
      `insert into site_silences (site, until, silenced_by) select id, $2, $3 from sites where id = $1
       on conflict (site) do update set until = excluded.until, silenced_by = excluded.silenced_by returning site`,
      [site, until, by],
    );
    if (made.length === 0) throw new AppError('NOT_FOUND', `site ${site} does not exist`);
    this.#silences.set(site, { site, until, by });
  }

  async end(site: string): Promise<void> {
    await this.#database.query('delete from site_silences where site = $1', [site]);
    this.#silences.delete(site);
  }

  async #forgetOver(nowMs: number): Promise<void> {
    await this.#database.query('delete from site_silences where until <= $1', [new Date(nowMs)]);
    for (const { site, until } of this.#silences.values())
      if (until.getTime() <= nowMs) this.#silences.delete(site);
  }
}
