import { describe, expect, it } from 'vitest';
import type { UpdateMessage } from '@sitecast/shared/protocol/viewer-messages';
import { EMPTY_FLEET, applyUpdate, mergeSnapshots, type Fleet } from '../src/state/fleet.ts';

const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const report = (state: 'live' | 'waiting') => ({
  id: 'front',
  name: 'Front door',
  state,
  reason: null,
  detail: null,
  since: at(0),
  codec: null,
  width: null,
  height: null,
  fps: null,
  profiles: ['main' as const],
});
const apply = (...updates: UpdateMessage[]): Fleet => updates.reduce(applyUpdate, EMPTY_FLEET);
const camera: UpdateMessage = {
  type: 'camera',
  site: 'demo',
  id: 'front',
  agent: 'gw',
  report: report('live'),
};
const agent = (state: 'online' | 'offline'): UpdateMessage => ({
  type: 'agent',
  site: 'demo',
  id: 'gw',
  status: { state, since: at(1), version: '1', bootId: '01J' },
});
const snapshot = (id: string, second: number): UpdateMessage => ({
  type: 'snapshot',
  site: 'demo',
  camera: 'front',
  id,
  capturedAt: at(second),
  reason: 'interval',
});
const reading = (value: number, second: number): UpdateMessage => ({
  type: 'readings',
  values: [
    {
      site: 'demo',
      sensor: 'climate',
      metric: 'temperature',
      unit: '°C',
      label: null,
      ts: at(second),
      value,
    },
  ],
});

describe('fleet', () => {
  it('keeps what a device calls its series, and takes a new name over', () => {
    const named = (label: string | null, second: number): UpdateMessage => {
      const [value] = (reading(20, second) as Extract<UpdateMessage, { type: 'readings' }>).values;
      return { type: 'readings', values: value ? [{ ...value, label }] : [] };
    };
    const labelOf = (fleet: Fleet): unknown => fleet.latest['demo/climate/temperature']?.label;
    expect(labelOf(apply(named('Kitchen', 1), named(null, 2)))).toBe('Kitchen');
    expect(labelOf(apply(named('Kitchen', 1), named('거실', 2)))).toBe('거실');
  });

  it('learns cameras and their site from updates', () => {
    const fleet = apply(camera);
    expect(fleet.cameras['demo/front']).toMatchObject({ name: 'Front door', state: 'live', online: true });
    expect(fleet.sites).toEqual([{ id: 'demo' }]);
  });

  it('takes the cameras of a lost gateway offline, and back', () => {
    const lost = apply(camera, agent('offline'));
    expect(lost.cameras['demo/front']?.online).toBe(false);
    expect(applyUpdate(lost, agent('online')).cameras['demo/front']?.online).toBe(true);
  });

  it('counts begins and ends of clips, so that lists of them are read again', () => {
    const event = (kind: string): UpdateMessage => ({
      ...{ type: 'event', site: 'demo', camera: 'front', id: 'A', kind, at: at(1), until: null },
    });
    expect(apply(event('clip'), event('motion'), event('clip')).clipChanges).toBe(2);
  });

  it('keeps the newest snapshot of a camera when an older one arrives late', () => {
    const fleet = apply(camera, snapshot('B', 20), snapshot('A', 10));
    expect(fleet.cameras['demo/front']?.lastSnapshot?.id).toBe('B');
    expect(fleet.snapshots.map(({ id }) => id)).toEqual(['B', 'A']);
  });

  it('keeps the newest value when readings arrive out of order', () => {
    const fleet = apply(reading(22, 20), reading(21, 10));
    expect(fleet.latest['demo/climate/temperature']?.value).toBe(22);
  });

  it('holds a bounded number of snapshots', () => {
    const many = Array.from({ length: 200 }, (_, second) => snapshot(`S${second}`, second));
    expect(apply(...many).snapshots).toHaveLength(60);
  });

  it('forgets an agent and a camera that are removed', () => {
    const before = apply(agent('online'), camera);
    expect(Object.keys(before.cameras)).toEqual(['demo/front']);
    const after = [
      { type: 'removed', kind: 'agent', site: 'demo', id: 'gw' } as const,
      { type: 'removed', kind: 'camera', site: 'demo', id: 'front' } as const,
    ].reduce(applyUpdate, before);
    expect([after.agents, after.cameras]).toEqual([{}, {}]);
  });

  it('ignores a kind of message that a newer server may send', () => {
    expect(applyUpdate(EMPTY_FLEET, { type: 'later' } as unknown as UpdateMessage)).toBe(EMPTY_FLEET);
  });

  it('merges what is known of a snapshot', () => {
    const short = { id: 'A', site: 'demo', camera: 'front', capturedAt: at(1), reason: 'command' };
    expect(mergeSnapshots([short], [{ ...short, bytes: 10 }])).toEqual([{ ...short, bytes: 10 }]);
    expect(mergeSnapshots([{ ...short, bytes: 10 }], [short])).toEqual([{ ...short, bytes: 10 }]);
  });
});
