import { describe, expect, it } from 'vitest';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { AlertChange, StandingChange } from '../../src/alerts/alert-changes.ts';
import { ALERT_CHANGES_MAX, AlertJournal } from '../../src/alerts/alert-journal.ts';
import type { Rule } from '../../src/alerts/rule.ts';
import { draftOf, TOO_HOT } from '../support/alerts.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { testLogger } from '../support/postgres.ts';

const AT = new Date('2026-03-01T00:00:00Z');
const RULE: Rule = {
  ...draftOf(TOO_HOT),
  id: '01JZ0000000000000000000000',
  silencedUntil: null,
  silencedBy: null,
  createdAt: AT,
  updatedAt: AT,
};

describe('the journal of alerts', () => {
  it('stores what it could not store before, each alert once and with its end', async () => {
    const { journal, store } = openJournal();
    store.isAway = true;
    journal.noteAlert(fired('a'));
    journal.noteStanding(standing('x', 'firing'));
    await journal.flush();
    journal.noteAlert(ended('a'));
    journal.noteStanding(standing('x', 'ok'));
    await journal.flush();
    expect(store.saved).toEqual([]);
    store.isAway = false;
    await journal.flush();
    expect(store.saved).toHaveLength(1);
    expect(store.saved[0]?.alerts).toMatchObject([
      { id: 'a', fired: { value: 1 }, ended: { reason: 'cleared' }, tell: ['firing', 'resolved'] },
    ]);
    expect(store.saved[0]?.standings).toMatchObject([{ subject: 'x', phase: 'ok' }]);
    expect(store.told).toEqual(['a']);
    await journal.flush();
    expect(store.saved).toHaveLength(1);
  });

  it('keeps what comes while it stores', async () => {
    const { journal, store } = openJournal();
    store.onSave = () => {
      store.onSave = undefined;
      journal.noteAlert(ended('a'));
    };
    journal.noteAlert(fired('a'));
    await journal.flush();
    expect(store.saved.flatMap(({ alerts }) => alerts.map(({ ended: end }) => end !== null))).toEqual([
      false,
      true,
    ]);
  });

  it('gives up the oldest of very many, and counts it', async () => {
    const { journal, store } = openJournal();
    store.isAway = true;
    for (let n = 0; n <= ALERT_CHANGES_MAX; n += 1) journal.noteAlert(fired(`alert ${n}`));
    expect(journal.counters.changesDropped).toBe(1);
    store.isAway = false;
    await journal.flush();
    const ids = store.saved.flatMap(({ alerts }) => alerts.map(({ id }) => id));
    expect(ids).toHaveLength(ALERT_CHANGES_MAX);
    expect(ids).not.toContain('alert 0');
  });
});

function openJournal() {
  const clock = new ManualClock();
  const store = {
    isAway: false,
    onSave: undefined as (() => void) | undefined,
    saved: [] as { standings: StandingChange[]; alerts: AlertChange[] }[],
    told: [] as string[],
    async save(standings: StandingChange[], alerts: AlertChange[]): Promise<void> {
      await Promise.resolve();
      if (store.isAway) throw new AppError('STORE_UNAVAILABLE', 'it is away', { retryable: true });
      store.onSave?.();
      store.saved.push({ standings, alerts });
    },
  };
  const onStored = (alerts: AlertChange[]): void => void store.told.push(...alerts.map(({ id }) => id));
  return { journal: new AlertJournal({ store, onStored, logger: testLogger, clock }), store };
}

const fired = (id: string): AlertChange => ({
  id,
  rule: RULE,
  subject: 'x',
  fired: { value: 1, reason: null, pendingAt: AT, at: AT },
  ended: null,
  tell: ['firing'],
  at: AT,
});

const ended = (id: string): AlertChange => ({
  id,
  rule: RULE,
  subject: 'x',
  fired: null,
  ended: { at: AT, reason: 'cleared' },
  tell: ['resolved'],
  at: AT,
});

const standing = (subject: string, phase: StandingChange['phase']): StandingChange => ({
  ruleId: RULE.id,
  subject,
  phase,
  since: AT,
  alertId: null,
});
