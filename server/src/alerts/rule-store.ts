// SQL of the table `alert_rules`. Borrows the database.

import { ulid } from 'ulid';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { limitReached } from '../errors.ts';
import type { Database } from '../postgres/pool.ts';
import type { Rule, RuleDraft } from './rule.ts';

export const RULES_MAX = 200;

const COLUMNS = `id, site, name, severity, enabled, condition, for_ms as "forMs", clear_ms as "clearMs", channels,
  snapshot_camera as "snapshotCamera", silenced_until as "silencedUntil", silenced_by as "silencedBy",
  created_at as "createdAt", updated_at as "updatedAt"`;

export class RuleStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Oldest first. */
  async list(): Promise<Rule[]> {
    return this.#database.query<Rule>(`select ${COLUMNS} from alert_rules order by id limit ${RULES_MAX}`);
  }

  /** @throws {AppError} NOT_FOUND */
  async get(id: string): Promise<Rule> {
    const rows = await this.#database.query<Rule>(`select ${COLUMNS} from alert_rules where id = $1`, [id]);
    return found(rows, id);
  }

  /** @throws {AppError} LIMIT_REACHED above RULES_MAX; BAD_REQUEST for a site that does not exist. */
  async create(draft: RuleDraft): Promise<Rule> {
    return this.#database.transaction(async (client) => {
      // Two that count at the same time would both find the last place.
      await client.query(`select pg_advisory_xact_lock(hashtext('alert_rules'))`);
      const [made] = await client.query<Rule>(
        `insert into alert_rules (id, site, name, severity, enabled, condition, for_ms, clear_ms, channels, snapshot_camera)
         select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 where (select count(*) from alert_rules) < ${RULES_MAX}
         returning ${COLUMNS}`,
        [ulid(), ...valuesOf(draft)],
      );
      if (!made) throw limitReached('rules', RULES_MAX);
      return made;
    });
  }

  /** Another site or condition is another rule under the same name: `updatedAt` tells. @throws {AppError} NOT_FOUND; BAD_REQUEST. */
  async replace(id: string, draft: RuleDraft): Promise<Rule> {
    const rows = await this.#database.query<Rule>(
      `update alert_rules set site = $2::text, name = $3, severity = $4, enabled = $5, condition = $6::jsonb, for_ms = $7,
         clear_ms = $8, channels = $9, snapshot_camera = $10,
         updated_at = case when site is distinct from $2::text or condition <> $6::jsonb then now() else updated_at end
       where id = $1 returning ${COLUMNS}`,
      [id, ...valuesOf(draft)],
    );
    return found(rows, id);
  }

  /** @param until null ends the silence. @throws {AppError} NOT_FOUND */
  async silence(id: string, until: Date | null, by: string): Promise<Rule> {
    const rows = await this.#database.query<Rule>(
      `update alert_rules set silenced_until = $2, silenced_by = $3 where id = $1 returning ${COLUMNS}`,
      [id, until, until === null ? null : by],
    );
    return found(rows, id);
  }

  async remove(id: string): Promise<void> {
    await this.#database.query('delete from alert_rules where id = $1', [id]);
  }
}

function found(rows: Rule[], id: string): Rule {
  const [rule] = rows;
  if (!rule) throw new AppError('NOT_FOUND', `rule ${id} does not exist`);
  return rule;
}

function valuesOf({ condition, ...draft }: RuleDraft): unknown[] {
  const { site, name, severity, enabled, forMs, clearMs, channels, snapshotCamera } = draft;
  return [site, name, severity, enabled, JSON.stringify(condition), forMs, clearMs, channels, snapshotCamera];
}
