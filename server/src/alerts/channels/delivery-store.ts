// SQL of the table `alert_deliveries`. Borrows the database. Times come from the caller, so that one clock decides.

import { ulid } from 'ulid';
import { Conditions, parseCursor, toPage, type Page } from '../../ingest/page.ts';
import type { Database } from '../../postgres/pool.ts';
import { ALERT_COLUMNS, type StoredAlert } from '../alert-list.ts';
import type { AlertEvent } from '../alert-changes.ts';
import type { Channel } from './channel.ts';

export type DeliveryEvent = AlertEvent | 'test';
export type DeliveryState = 'waiting' | 'sent' | 'dead';

export interface Delivery {
  id: string;
  alertId: string | null;
  channelId: string;
  channelName: string;
  /** Of the alert, or of the rule that is tested. */
  site: string | null;
  ruleName: string;
  event: DeliveryEvent;
  state: DeliveryState;
  attempts: number;
  nextAt: Date;
  errorCode: string | null;
  error: string | null;
  createdAt: Date;
  finishedAt: Date | null;
}

export interface DueDelivery {
  id: string;
  attempts: number;
  /** What may be slow or away: the channel, or the one mail server of all mails. */
  target: string;
}

/** What is sent, with what it is signed with. */
export interface Letter {
  id: string;
  event: DeliveryEvent;
  attempts: number;
  createdAt: Date;
  ruleName: string;
  site: string | null;
  channel: Channel;
  secret: string | null;
  /** Null: a test. */
  alert: StoredAlert | null;
}

export interface DeliveryQuery {
  /** Sites that the asker may see; undefined is all, and the server. */
  sites?: string[];
  state?: DeliveryState;
  limit: number;
  cursor?: string;
}

const FROM = `alert_deliveries delivery
  join alert_channels channel on channel.id = channel_id
  left join alerts on alerts.id = alert_id
  left join alert_rules rule on rule.id = delivery.rule_id`;
const COLUMNS = `delivery.id, alert_id as "alertId", channel_id as "channelId", channel.name as "channelName",
  case when alert_id is null then rule.site else alerts.site end as site,
  coalesce(alerts.rule_name, rule.name, '') as "ruleName", event, delivery.state, attempts, next_at as "nextAt",
  error_code as "errorCode", error, delivery.created_at as "createdAt", finished_at as "finishedAt"`;

interface LetterRow {
  id: string;
  event: DeliveryEvent;
  attempts: number;
  createdAt: Date;
  ruleName: string;
  site: string | null;
  channel: Omit<Channel, 'createdAt'>;
  channelCreatedAt: Date;
  secret: string | null;
  alertId: string | null;
}

export class DeliveryStore {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The oldest one of each target that is not busy. Oldest first; no more than there are channels. */
  async due(at: Date, busyTargets: readonly string[]): Promise<DueDelivery[]> {
    return this.#database.query<DueDelivery>(
      `select id, attempts, target from (
         select distinct on (target) delivery.id, attempts, next_at, target
         from alert_deliveries delivery join alert_channels channel on channel.id = channel_id
         cross join lateral (select case kind when 'email' then kind else channel.id end as target) as towards
         where state = 'waiting' and next_at <= $1 and target <> all($2::text[])
         order by target, next_at, delivery.id
       ) as due order by next_at, id`,
      [at, busyTargets],
    );
  }

  /**
   * Counts an attempt, and keeps others away until `leaseUntil`: one whose process ends meanwhile is sent again.
   * @returns undefined when it is done, or not due.
   */
  async claim(id: string, at: Date, leaseUntil: Date): Promise<Letter | undefined> {
    const [row] = await this.#database.query<LetterRow>(
      `with claimed as (
         update alert_deliveries set attempts = attempts + 1, next_at = $3
         where id = $1 and state = 'waiting' and next_at <= $2 returning *
       )
       select delivery.id, event, attempts, delivery.created_at as "createdAt", alert_id as "alertId",
         coalesce(alerts.rule_name, rule.name, '') as "ruleName",
         case when alert_id is null then rule.site else alerts.site end as site,
         jsonb_build_object('id', channel.id, 'site', channel.site, 'name', channel.name, 'enabled', channel.enabled,
           'language', channel.language, 'settings', settings || jsonb_build_object('kind', channel.kind),
           'hasSecret', secret is not null) as channel,
         channel.created_at as "channelCreatedAt", secret
       from claimed delivery
       join alert_channels channel on channel.id = channel_id
       left join alerts on alerts.id = alert_id
       left join alert_rules rule on rule.id = delivery.rule_id`,
      [id, at, leaseUntil],
    );
    if (!row) return undefined;
    const { alertId, channel, channelCreatedAt, ...rest } = row;
    const [alert = null] =
      alertId === null
        ? []
        : await this.#database.query<StoredAlert>(`select ${ALERT_COLUMNS} from alerts where id = $1`, [
            alertId,
          ]);
    return { ...rest, channel: { ...channel, createdAt: channelCreatedAt }, alert };
  }

  async sent(id: string, at: Date): Promise<void> {
    await this.#database.query(
      `update alert_deliveries set state = 'sent', finished_at = $2, error_code = null, error = null
       where id = $1 and state = 'waiting'`,
      [id, at],
    );
  }

  /** @param nextAt null: it is a dead letter from now on. */
  async failed(
    id: string,
    { code, message }: { code: string; message: string },
    at: Date,
    nextAt: Date | null,
  ): Promise<void> {
    await this.#database.query(
      `update alert_deliveries set error_code = $2, error = $3,
         state = case when $4::timestamptz is null then 'dead' else 'waiting' end,
         finished_at = case when $4::timestamptz is null then $5::timestamptz end, next_at = coalesce($4, next_at)
       where id = $1 and state = 'waiting'`,
      [id, code, message.slice(0, 300), nextAt, at],
    );
  }

  /** One test to each channel that a rule may use. @returns their ids. */
  async test(
    rule: { id: string; site: string | null },
    channels: readonly string[],
    at: Date,
  ): Promise<string[]> {
    const made = await this.#database.query<{ id: string }>(
      `insert into alert_deliveries (id, rule_id, channel_id, event, state, next_at, created_at)
       select given.id, $1::text, channel.id, 'test', 'waiting', $2::timestamptz, $2::timestamptz
       from unnest($3::text[], $4::text[]) as given (id, channel_id)
       join alert_channels channel on channel.id = given.channel_id and channel.enabled
         and (channel.site is null or channel.site = $5)
       returning id`,
      [rule.id, at, channels.map(() => ulid()), channels, rule.site],
    );
    return made.map(({ id }) => id);
  }

  /** Newest first. @throws {AppError} BAD_REQUEST for a cursor of another list. */
  async list({ sites, state, limit, cursor }: DeliveryQuery): Promise<Page<Delivery>> {
    const after = cursor === undefined ? undefined : parseCursor(cursor);
    const conditions = new Conditions()
      .add('case when alert_id is null then rule.site else alerts.site end = any(?)', sites)
      .add('delivery.state = ?', state)
      .add('(delivery.created_at, delivery.id) < (?, ?)', after?.at, after?.id);
    const found = await this.#database.query<Delivery>(
      `select ${COLUMNS} from ${FROM} ${conditions.where} order by delivery.created_at desc, delivery.id desc
       limit ${conditions.value(limit + 1)}`,
      conditions.values,
    );
    return toPage(found, limit, ({ createdAt, id }) => ({ at: createdAt, id }));
  }

  async get(id: string): Promise<Delivery | undefined> {
    const [delivery] = await this.#database.query<Delivery>(
      `select ${COLUMNS} from ${FROM} where delivery.id = $1`,
      [id],
    );
    return delivery;
  }

  /** Of a dead letter only. */
  async sendAgain(id: string, at: Date): Promise<void> {
    await this.#database.query(
      `update alert_deliveries set state = 'waiting', attempts = 0, next_at = $2, finished_at = null
       where id = $1 and state = 'dead'`,
      [id, at],
    );
  }

  /** Of a dead letter only: what waits is on its way. */
  async remove(id: string): Promise<void> {
    await this.#database.query(`delete from alert_deliveries where id = $1 and state = 'dead'`, [id]);
  }

  async counts(): Promise<{ waiting: number; dead: number }> {
    const [counts] = await this.#database.query<{ waiting: number; dead: number }>(
      `select count(*) filter (where state = 'waiting') as waiting, count(*) filter (where state = 'dead') as dead
       from alert_deliveries where state <> 'sent'`,
    );
    return counts ?? { waiting: 0, dead: 0 };
  }

  /** Removes the oldest above so many of each. @returns how many dead letters were among them. */
  async removeSurplus({ sent, dead }: { sent: number; dead: number }): Promise<number> {
    const removed = await this.#database.query<{ state: string }>(
      `delete from alert_deliveries using (
         select id, row_number() over (partition by state order by created_at desc, id desc) as place
         from alert_deliveries where state <> 'waiting'
       ) as placed
       where alert_deliveries.id = placed.id and place > case state when 'dead' then $1::int else $2::int end
       returning state`,
      [dead, sent],
    );
    return removed.filter(({ state }) => state === 'dead').length;
  }
}
