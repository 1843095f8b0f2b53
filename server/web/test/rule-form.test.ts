import { describe, expect, it } from 'vitest';
import { channelDraftOf, channelFormOf, type ChannelForm } from '../src/alerts/channel-form.ts';
import { draftOf, emptyForm, formOf, kindsOf, type RuleForm } from '../src/alerts/rule-form.ts';
import type { Rule } from '../src/api/alert-types.ts';

const HOT: RuleForm = {
  ...emptyForm('yard'),
  name: ' Tank too hot ',
  sensor: 'tank',
  metric: 'temperature',
  limit: '30,5',
  clearAt: '28',
};

describe('the editor of rules', () => {
  it('makes a rule of what was filled in, and the same form of that rule', () => {
    const made = draftOf(HOT);
    expect(made).toEqual({
      draft: {
        name: 'Tank too hot',
        site: 'yard',
        severity: 'warning',
        condition: {
          kind: 'threshold',
          sensor: 'tank',
          metric: 'temperature',
          direction: 'above',
          limit: 30.5,
          clearAt: 28,
        },
        forMs: 300_000,
        clearMs: 60_000,
        channels: [],
        snapshotCamera: null,
      },
    });
    if (!('draft' in made)) return;
    const rule: Rule = {
      ...made.draft,
      id: '01JZ0000000000000000000000',
      enabled: true,
      silencedUntil: null,
      silencedBy: null,
      state: 'ok',
      subjects: [],
    };
    expect(draftOf(formOf(rule))).toEqual(made);
  });

  it('is over at the limit where nothing else is said, and on no wrong side of it', () => {
    const conditionOf = (form: Partial<RuleForm>): unknown => {
      const made = draftOf({ ...HOT, ...form });
      return 'draft' in made ? made.draft.condition : made.problem;
    };
    expect(conditionOf({ clearAt: '' })).toMatchObject({ limit: 30.5, clearAt: 30.5 });
    expect(conditionOf({ clearAt: '31' })).toBe('alerts.problem.clearAt');
    expect(conditionOf({ clearAt: '31', direction: 'below' })).toMatchObject({ clearAt: 31 });
    expect(conditionOf({ limit: 'warm' })).toBe('alerts.problem.limit');
    expect(conditionOf({ metric: ' ' })).toBe('alerts.problem.metric');
  });

  it('knows which kinds are about a site, and which about the server', () => {
    expect(kindsOf('')).toEqual(['pressure', 'disk-forecast']);
    expect(kindsOf('yard')).not.toContain('pressure');
    for (const kind of [...kindsOf('yard')].filter((one) => one !== 'threshold'))
      expect(draftOf({ ...emptyForm('yard'), name: 'x', kind })).toMatchObject({
        draft: { site: 'yard', condition: { kind } },
      });
    for (const kind of kindsOf(''))
      expect(draftOf({ ...emptyForm(''), name: 'x', kind })).toMatchObject({
        draft: { site: null, condition: { kind } },
      });
  });

  it('asks for a name and for durations', () => {
    expect(draftOf({ ...HOT, name: ' ' })).toEqual({ problem: 'alerts.problem.name' });
    expect(draftOf({ ...HOT, forMinutes: 'soon' })).toEqual({ problem: 'alerts.problem.minutes' });
    expect(draftOf({ ...HOT, kind: 'missing', forMinutes: '0' })).toEqual({
      problem: 'alerts.problem.minutes',
    });
    expect(draftOf({ ...HOT, clearMinutes: '0' })).toMatchObject({ draft: { clearMs: 10_000 } });
  });
});

describe('the editor of channels', () => {
  const EMPTY = { ...channelFormOf(undefined, ''), name: 'Pager' };
  const madeOf = (form: Partial<ChannelForm>): unknown => {
    const made = channelDraftOf({ ...EMPTY, ...form });
    return 'draft' in made ? made.draft : made.problem;
  };

  it('makes webhooks, and leaves their secret as it was where none is given', () => {
    const url = 'https://example.com/hook';
    expect(madeOf({ url })).toEqual({
      name: 'Pager',
      site: null,
      language: 'en',
      settings: { kind: 'webhook', url },
    });
    expect(madeOf({ url, secret: '0123456789abcdef' })).toMatchObject({ secret: '0123456789abcdef' });
    expect(madeOf({ url, secret: 'short' })).toBe('alerts.problem.secret');
    expect(madeOf({ url: 'example.com' })).toBe('alerts.problem.url');
  });

  it('takes several mail addresses, and a device of a site', () => {
    expect(madeOf({ kind: 'email', to: 'a@example.com, b@example.com; c@example.com' })).toMatchObject({
      settings: { to: ['a@example.com', 'b@example.com', 'c@example.com'] },
    });
    expect(madeOf({ kind: 'email', to: 'nobody' })).toBe('alerts.problem.to');
    expect(madeOf({ kind: 'mqtt', device: 'siren' })).toBe('alerts.problem.deviceSite');
    expect(madeOf({ kind: 'mqtt', device: 'siren', site: 'yard' })).toMatchObject({
      site: 'yard',
      settings: { kind: 'mqtt', device: 'siren' },
    });
  });
});
