// SQL of what the engine decides: alerts, standings, and when it looked last. Borrows the database.

import { ulid } from 'ulid';
import type { Database, Queryable } from '../postgres/pool.ts';
import type { AlertChange, AlertEvent, StandingChange } from './alert-changes.ts';
import type { StoredStanding } from './alert-engine.ts';
import type { Phase } from './phase.ts';

/** Alerts that are over (`drop-oldest`). */
export const ALERTS_KEPT_MAX = 20_000;
/** Messages that wait for their channel; those of more are dead letters at once (`reject`). */
/** So that no statement takes long. */
const REMOVED_AT_ONCE = 1_000;
export const DELIVERIES_WAITING_MAX = 5_000;

/** Longer than a gateway has to answer. */
const SNAPSHOT_WAIT_MS = 7_000;

interface StandingRow {
  ruleId: string;
  subject: string;
  phase: Phase;
  since: Date;
  alertId: string | null;
  isNotified: boolean | null;
  isAcknowledged: boolean | null;
}

export class AlertStore {
  readonly #database: Database;
  readonly counters = { deliveriesRefused: 0 };

  constructor(database: Database) {
    this.#database = database;
  }

  /** What the process before left. Alerts that nobody looks at any more, because it ended in between, are over. */
  async load(): Promise<{ standings: StoredStanding[]; lookedAt: Date | null }> {
    await this.#database.query(
      `delete from alert_states using alert_rules where alert_rules.id = rule_id and not enabled`,
    );
    await this.#database.query(
      `update alerts set state = 'resolved', resolved_at = now(), end_reason = 'rule-changed'
       where state = 'firing' and not exists (select from alert_states where alert_id = alerts.id)`,
    );
    const rows = await this.#database.query<StandingRow>(
      `select alert_states.rule_id as "ruleId", alert_states.subject, phase, since, alert_id as "alertId",
         notified as "isNotified", acknowledged_at is not null as "isAcknowledged"
       from alert_states left join alerts on alerts.id = alert_id`,
    );
    const [clock] = await this.#database.query<{ at: Date }>('select ticked_at as at from alert_clock');
    return { standings: rows.map(toStanding), lookedAt: clock?.at ?? null };
  }

  async noteLook(at: Date): Promise<void> {
    await this.#database.query(
      `insert into alert_clock (ticked_at) values ($1) on conflict (is_only) do update set ticked_at = excluded.ticked_at`,
      [at],
    );
  }

  /** All or nothing. The same changes again change nothing. */
  async save(standings: StandingChange[], alerts: AlertChange[]): Promise<void> {
    await this.#database.transaction(async (client) => {
      for (const change of alerts) this.counters.deliveriesRefused += await saveAlert(client, change);
      await saveStandings(client, standings);
    });
  }

  /** And lets go what waited for it. */
  async attachSnapshot(id: string, taken: { snapshotId: string } | { error: string }): Promise<void> {
    await this.#database.query(
      `with attached as (
         update alerts set snapshot_id = $2, snapshot_error = $3 where id = $1 returning id, fired_at
       )
       update alert_deliveries set next_at = fired_at from attached
       where alert_id = attached.id and state = 'waiting' and attempts = 0`,
      [id, 'snapshotId' in taken ? taken.snapshotId : null, 'error' in taken ? taken.error : null],
    );
  }

  /** @returns how many were removed. */
  async removeSurplus(max: number): Promise<number> {
    let removed = 0;
    for (;;) {
      const { length } = await this.#database.query(
        `delete from alerts where id in (
           select id from alerts where state = 'resolved' order by fired_at desc, id desc offset $1 limit ${REMOVED_AT_ONCE}
         ) returning id`,
        [max],
      );
      removed += length;
      if (length < REMOVED_AT_ONCE) return removed;
    }
  }
}

/** @returns how many messages were refused. */
async function saveAlert(client: Queryable, change: AlertChange): Promise<number> {
  const { id, rule, subject, fired, ended, tell } = change;
  if (fired) await insertAlert(client, { id, rule, subject, fired });
  if (ended)
    await client.query(
      `update alerts set state = 'resolved', resolved_at = greatest($2, fired_at), end_reason = $3
       where id = $1 and state = 'firing'`,
      [id, ended.at, ended.reason],
    );
  if (tell.includes('firing')) await client.query('update alerts set notified = true where id = $1', [id]);
  let refused = 0;
  for (const event of tell) refused += await insertDeliveries(client, change, event);
  return refused;
}

async function insertAlert(
  client: Queryable,
  {
    id,
    rule,
    subject,
    fired,
  }: Pick<AlertChange, 'id' | 'rule' | 'subject'> & {
    fired: NonNullable<AlertChange['fired']>;
  },
): Promise<void> {
  await client.query(
    `insert into alerts (id, rule_id, rule_name, site, kind, subject, severity, state, condition, value, reason,
       pending_at, fired_at)
     values ($1, (select id from alert_rules where id = $2), $3, $4, $5, $6, $7, 'firing', $8, $9, $10, $11, $12)
     on conflict do nothing`,
    [
      id,
      rule.id,
      rule.name,
      rule.site,
      rule.condition.kind,
      subject,
      rule.severity,
      JSON.stringify(rule.condition),
      fired.value,
      fired.reason,
      fired.pendingAt,
      fired.at,
    ],
  );
}

/**
 * In the same transaction: an alert that is stored is told. Once each, however often it is asked for. What tells that it fires waits
 * a moment for the snapshot of the alert, so that it can name it.
 * @returns how many were refused.
 */
async function insertDeliveries(
  client: Queryable,
  { id, at, rule: { channels, site, snapshotCamera } }: AlertChange,
  event: AlertEvent,
): Promise<number> {
  if (channels.length === 0) return 0;
  const isHeld = event === 'firing' && snapshotCamera !== null;
  const nextAt = new Date(at.getTime() + (isHeld ? SNAPSHOT_WAIT_MS : 0));
  const made = await client.query<{ state: string }>(
    `insert into alert_deliveries (id, alert_id, channel_id, event, state, next_at, created_at, finished_at, error_code)
     select given.id, $1::text, channel.id, $2::text, case when is_full then 'dead' else 'waiting' end,
       $8::timestamptz, $7::timestamptz, case when is_full then $7::timestamptz end,
       case when is_full then 'QUEUE_FULL' end
     from unnest($3::text[], $4::text[]) as given (id, channel_id)
     join alert_channels channel on channel.id = given.channel_id and channel.enabled
       and (channel.site is null or channel.site = $5)
     join alerts on alerts.id = $1
     cross join (select count(*) >= $6 as is_full from alert_deliveries where state = 'waiting') as waiting
     where true
     on conflict (alert_id, channel_id, event) do nothing returning state`,
    [id, event, channels.map(() => ulid()), channels, site, DELIVERIES_WAITING_MAX, at, nextAt],
  );
  return made.filter(({ state }) => state === 'dead').length;
}

/** Those whose rule or alert is gone meanwhile are left out. */
async function saveStandings(client: Queryable, standings: StandingChange[]): Promise<void> {
  const [well, unwell] = [
    standings.filter(({ phase }) => phase === 'ok'),
    standings.filter(({ phase }) => phase !== 'ok'),
  ];
  if (well.length > 0)
    await client.query(
      `delete from alert_states using unnest($1::text[], $2::text[]) as given (rule_id, subject)
       where alert_states.rule_id = given.rule_id and alert_states.subject = given.subject`,
      [well.map(({ ruleId }) => ruleId), well.map(({ subject }) => subject)],
    );
  if (unwell.length === 0) return;
  await client.query(
    `insert into alert_states (rule_id, subject, phase, since, alert_id)
     select given.rule_id, given.subject, given.phase, given.since, given.alert_id
     from unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[])
       as given (rule_id, subject, phase, since, alert_id)
     join alert_rules on alert_rules.id = given.rule_id
     left join alerts on alerts.id = given.alert_id
     where given.alert_id is null or alerts.id is not null
     on conflict (rule_id, subject) do update
       set phase = excluded.phase, since = excluded.since, alert_id = excluded.alert_id`,
    [
      unwell.map(({ ruleId }) => ruleId),
      unwell.map(({ subject }) => subject),
      unwell.map(({ phase }) => phase),
      unwell.map(({ since }) => since),
      unwell.map(({ alertId }) => alertId),
    ],
  );
}

function toStanding({ ruleId, subject, phase, since, ...alert }: StandingRow): StoredStanding {
  const { alertId, isNotified, isAcknowledged } = alert;
  return {
    ruleId,
    subject,
    standing: { phase, sinceMs: since.getTime() },
    alert:
      alertId === null
        ? null
        : { id: alertId, isNotified: isNotified === true, isAcknowledged: isAcknowledged === true },
  };
}
