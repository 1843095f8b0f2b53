// Alerts as people look at them: a list, one, and taking it on. Borrows the database.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { Conditions, parseCursor, toPage, type Page } from '../ingest/page.ts';
import type { Database } from '../postgres/pool.ts';
import type { EndReason } from './alert-changes.ts';
import type { RuleCondition, RuleKind, Severity } from './rule.ts';

export type AlertState = 'firing' | 'resolved';

export interface StoredAlert {
  id: string;
  /** Null: the rule was removed. */
  ruleId: string | null;
  ruleName: string;
  /** Null: of the server itself. */
  site: string | null;
  kind: RuleKind;
  subject: string;
  severity: Severity;
  state: AlertState;
  condition: RuleCondition;
  value: number | null;
  reason: string | null;
  pendingAt: Date;
  firedAt: Date;
  resolvedAt: Date | null;
  endReason: EndReason | null;
  acknowledgedAt: Date | null;
  acknowledgedBy: string | null;
  acknowledgedNote: string | null;
  snapshotId: string | null;
  snapshotError: string | null;
  /** Of the series, where the alert is about one. */
  unit: string | null;
  /** Of the series, as its device calls it. */
  label: string | null;
}

export interface AlertQuery {
  /** Sites that the asker may see; undefined is all, and the server. */
  sites?: string[];
  site?: string;
  state?: AlertState;
  ruleId?: string;
  kind?: RuleKind;
  /** Fired at or after. */
  from?: Date;
  /** Fired before. */
  to?: Date;
  limit: number;
  cursor?: string;
}

export const ALERT_COLUMNS = `id, rule_id as "ruleId", rule_name as "ruleName", site, kind, subject, severity, state, condition, value,
  reason, pending_at as "pendingAt", fired_at as "firedAt", resolved_at as "resolvedAt", end_reason as "endReason",
  acknowledged_at as "acknowledgedAt", acknowledged_by as "acknowledgedBy", acknowledged_note as "acknowledgedNote",
  snapshot_id as "snapshotId", snapshot_error as "snapshotError",
  ${ofSeries('unit')} as unit, ${ofSeries('label')} as label`;

function ofSeries(column: 'unit' | 'label'): string {
  return `(select ${column} from series where series.site = alerts.site and sensor = split_part(subject, '/', 1)
     and metric = split_part(subject, '/', 2))`;
}

export class AlertList {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Newest first. @throws {AppError} BAD_REQUEST for a cursor of another list. */
  async list(query: AlertQuery): Promise<Page<StoredAlert>> {
    const { sites, site, state, ruleId, kind, from, to, limit, cursor } = query;
    const after = cursor === undefined ? undefined : parseCursor(cursor);
    const conditions = new Conditions()
      .add('site = any(?)', sites)
      .add('site = ?', site)
      .add('state = ?', state)
      .add('rule_id = ?', ruleId)
      .add('kind = ?', kind)
      .add('fired_at >= ?', from)
      .add('fired_at < ?', to)
      .add('(fired_at, id) < (?, ?)', after?.at, after?.id);
    const found = await this.#database.query<StoredAlert>(
      `select ${ALERT_COLUMNS} from alerts ${conditions.where} order by fired_at desc, id desc
       limit ${conditions.value(limit + 1)}`,
      conditions.values,
    );
    return toPage(found, limit, ({ firedAt, id }) => ({ at: firedAt, id }));
  }

  /** @throws {AppError} NOT_FOUND */
  async get(id: string): Promise<StoredAlert> {
    const [alert] = await this.#database.query<StoredAlert>(
      `select ${ALERT_COLUMNS} from alerts where id = $1`,
      [id],
    );
    if (!alert) throw new AppError('NOT_FOUND', `alert ${id} does not exist`);
    return alert;
  }

  /** The first one who takes it on stays. */
  async acknowledge(id: string, by: string, note: string | null, at: Date): Promise<StoredAlert> {
    await this.#database.query(
      `update alerts set acknowledged_at = $2, acknowledged_by = $3, acknowledged_note = $4
       where id = $1 and acknowledged_at is null`,
      [id, at, by, note],
    );
    return this.get(id);
  }
}
