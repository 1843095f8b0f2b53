import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { agentEvent, type AgentEvent } from '@sitecast/shared/protocol/events';
import { QuietLog } from '../../src/health/quiet-log.ts';
import { AdaptiveUplink, type LiveTraffic } from '../../src/uplink/adaptive-uplink.ts';
import { LANES } from '../../src/uplink/lanes.ts';
import type { Offer } from '../../src/uplink/offer.ts';
import { UplinkBudget } from '../../src/uplink/uplink-budget.ts';
import { ManualClock, silentLogger, temporaryFolder } from '../support.ts';

const GB = 1_000_000_000;
const clock = new ManualClock();

class Site {
  readonly connections = [{ bytesMoved: 0 }, { bytesMoved: 0 }];
  readonly offers: Offer[] = [];
  traffic: LiveTraffic = { highest: undefined, streams: 0, lagMs: 0, timesLate: 0 };
  readonly uplink: AdaptiveUplink;

  constructor(budget?: UplinkBudget) {
    this.uplink = new AdaptiveUplink({ budget, logger: silentLogger, clock });
    this.uplink.onOffer((offer) => this.offers.push(offer));
    this.uplink.start({ connections: this.connections, live: { traffic: () => this.traffic } });
    onTestFinished(() => this.uplink.close());
  }

  move(gigabytes: number): void {
    this.connections[1]!.bytesMoved += gigabytes * GB;
    clock.advance(1_000);
  }
}

async function budgetOf(events: AgentEvent[], path?: string): Promise<UplinkBudget> {
  return UplinkBudget.open({
    gigabytesPerMonth: 10,
    resetDay: 1,
    path: path ?? join(await temporaryFolder(), 'uplink-month.json'),
    tell: (event) => events.push(event),
    logger: silentLogger,
    log: new QuietLog(silentLogger, clock),
    clock,
  });
}

describe('AdaptiveUplink', () => {
  test('offers all at first, and says what acknowledgements show', () => {
    const { uplink } = new Site();
    expect(uplink.offer).toMatchObject({
      profiles: ['main', 'low', 'mpeg1', 'stills'],
      limitedBy: undefined,
    });
    expect(uplink.health).toMatchObject({ roundTripMs: null, liveRoundTripMs: null, budget: null });
    uplink.data.acked(1_000, 31.4);
    uplink.media.acked(50_000, 240);
    clock.advance(1_000);
    expect(uplink.health).toMatchObject({
      ackedBytesPerSecond: 51_000,
      roundTripMs: 31,
      liveRoundTripMs: 240,
      rung: { level: 0, profile: 'main', maxBitsPerSecond: 500_000, maxFps: null, stepsDown: 0 },
    });
  });

  test('takes main away when its frames come late, tells who follows, and gives it back', () => {
    const site = new Site();
    site.uplink.media.acked(1_000, 60);
    site.traffic = { highest: 'main', streams: 1, lagMs: 1_050, timesLate: 1 };
    for (let second = 0; second < 3; second += 1) {
      site.uplink.media.acked(125_000, 1_000);
      clock.advance(1_000);
      site.traffic.timesLate += 1;
    }
    expect(site.offers).toMatchObject([{ profiles: ['low', 'mpeg1', 'stills'], limitedBy: 'uplink-slow' }]);
    expect(site.uplink.health.rung).toMatchObject({ level: 1, profile: 'low', stepsDown: 1 });
    site.traffic = { ...site.traffic, highest: 'low', lagMs: 200 };
    for (let second = 0; second < 40; second += 1) clock.advance(1_000);
    expect(site.offers.at(-1)).toMatchObject({ limitedBy: undefined });
    expect(site.uplink.health.rung).toMatchObject({ level: 0, stepsDown: 1, stepsUp: 1 });
  });

  test('does not take the round trip of a satellite for a queue', () => {
    const site = new Site();
    site.traffic = { highest: 'main', streams: 1, lagMs: 900, timesLate: 0 };
    for (let second = 0; second < 30; second += 1) {
      site.uplink.media.acked(300_000, 720);
      clock.advance(1_000);
    }
    expect(site.offers).toEqual([]);
  });

  test('steps down with the volume that is used, says so as events, and always lets events pass', async () => {
    const events: AgentEvent[] = [];
    const site = new Site(await budgetOf(events));
    const passing = (): string[] => LANES.filter((lane) => site.uplink.mayPass(lane));
    site.move(2.5);
    site.move(5);
    expect(passing()).toEqual([...LANES]);
    site.move(2);
    expect(site.offers.map(({ profiles }) => profiles)).toEqual([['low', 'mpeg1', 'stills'], ['stills'], []]);
    expect(passing()).toEqual(['alarms', 'events', 'telemetry']);
    expect(events).toHaveLength(site.offers.length);
    for (const event of events)
      expect(agentEvent.parse(event)).toMatchObject({ kind: 'data-budget', gap: null });
    expect(events.at(-1)?.detail).toContain('Nothing but alarms, events and readings');
    expect(site.uplink.health.budget).toMatchObject({ budgetBytes: 10 * GB, stage: 'events' });
    expect(site.uplink.health.budget?.usedBytes).toBeGreaterThan(9.8 * GB);
  });

  test('knows after a restart what was used before', async () => {
    const events: AgentEvent[] = [];
    const path = join(await temporaryFolder(), 'uplink-month.json');
    const first = new Site(await budgetOf(events, path));
    first.move(9.2);
    await first.uplink.close();
    const again = new AdaptiveUplink({ budget: await budgetOf(events, path), logger: silentLogger, clock });
    expect(again.offer).toMatchObject({ profiles: ['stills'], limitedBy: 'data-budget' });
    expect(again.health.budget?.usedBytes).toBe(Math.round(9.2 * 1.05 * GB));
    expect(events).toHaveLength(1);
    await again.close();
  });
});
