// What of live pictures and snapshots is offered, by what the uplink carries and by what its monthly volume still allows. Looks
// once a second at what acknowledgements showed; sends nothing for it.

import type { AgentHealth } from '@sitecast/shared/protocol/status';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import { systemClock, type Clock, type Timer } from '@sitecast/shared/runtime/clock';
import { Listeners } from '@sitecast/shared/runtime/listeners';
import type { Logger } from '@sitecast/shared/node/logger';
import { AckMeter } from './ack-meter.ts';
import type { Lane } from './lanes.ts';
import { offerOf, type Offer } from './offer.ts';
import type { UplinkBudget } from './uplink-budget.ts';
import { UplinkLadder, type UplinkLook } from './uplink-ladder.ts';

const LOOK_EVERY_MS = 1_000;
/** What goes whatever is left of the volume; other lanes hold pictures. */
const ALWAYS: ReadonlySet<Lane> = new Set(['alarms', 'events', 'telemetry']);

/** What live pictures do at the moment. */
export interface LiveTraffic {
  highest: UplinkLook['highest'];
  streams: number;
  /** Age of the oldest frame that is sent and not acknowledged. */
  lagMs: number;
  /** Times that pictures were left out because they had waited too long, since the start. */
  timesLate: number;
}

export interface AdaptiveUplinkOptions {
  /** undefined: the volume is not limited. Owned. */
  budget: UplinkBudget | undefined;
  logger: Logger;
  clock?: Clock;
}

export interface AdaptiveUplinkParts {
  /** Bytes of both ways since the start, of every connection of the uplink. */
  connections: { readonly bytesMoved: number }[];
  live: { traffic(): LiveTraffic };
}

export class AdaptiveUplink {
  /** Of the data and of the media connection. */
  readonly data: AckMeter;
  readonly media: AckMeter;
  readonly #options: AdaptiveUplinkOptions;
  readonly #clock: Clock;
  readonly #ladder: UplinkLadder;
  readonly #onOffer: Listeners<Offer>;
  #offer: Offer;
  #rungSince: string;
  #parts: AdaptiveUplinkParts | undefined;
  #timesLate = 0;
  #bytesCounted = 0;
  #timer: Timer | undefined;

  constructor(options: AdaptiveUplinkOptions) {
    const { clock = systemClock, logger } = options;
    this.#options = options;
    this.#clock = clock;
    this.data = new AckMeter(clock);
    this.media = new AckMeter(clock);
    this.#ladder = new UplinkLadder(clock);
    this.#rungSince = this.#now();
    this.#onOffer = new Listeners((error) =>
      logger.error({ reason: messageOf(error) }, 'a listener of the uplink failed'),
    );
    this.#offer = this.#offerOfNow();
  }

  get offer(): Offer {
    return this.#offer;
  }

  /** Called when the offer is another one. */
  onOffer(listener: (offer: Offer) => void): () => void {
    return this.#onOffer.add(listener);
  }

  /** Whether messages of a lane may go: pictures stop where nothing but events is left of the volume. */
  mayPass(lane: Lane): boolean {
    return ALWAYS.has(lane) || this.#offer.hasSnapshots;
  }

  start(parts: AdaptiveUplinkParts): void {
    this.#parts = parts;
    this.#schedule();
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    if (this.#parts) this.#countBytes(this.#parts);
    await this.#options.budget?.close();
  }

  get health(): Pick<
    AgentHealth['uplink'],
    'ackedBytesPerSecond' | 'roundTripMs' | 'liveRoundTripMs' | 'rung' | 'budget'
  > {
    const { pace, profile } = this.#ladder.rung;
    return {
      ackedBytesPerSecond: Math.round(this.#ackedBytesPerSecond),
      roundTripMs: rounded(this.data.roundTripMs),
      liveRoundTripMs: rounded(this.media.roundTripMs),
      rung: {
        level: this.#ladder.level,
        profile,
        ...pace,
        since: this.#rungSince,
        ...this.#ladder.counters,
      },
      budget: this.#options.budget?.health ?? null,
    };
  }

  get #ackedBytesPerSecond(): number {
    return this.data.bytesPerSecond + this.media.bytesPerSecond;
  }

  #schedule(): void {
    this.#timer = this.#clock.after(LOOK_EVERY_MS, () => {
      this.#schedule();
      if (this.#parts) this.#look(this.#parts);
    });
  }

  #look(parts: AdaptiveUplinkParts): void {
    const isOtherStage = this.#countBytes(parts);
    const look = this.#lookAt(parts.live.traffic());
    const isOtherRung = this.#ladder.look(look);
    if (isOtherRung) this.#noteRung(look);
    if (!isOtherStage && !isOtherRung) return;
    this.#offer = this.#offerOfNow();
    this.#onOffer.emit(this.#offer);
  }

  #countBytes({ connections }: AdaptiveUplinkParts): boolean {
    const moved = connections.reduce((sum, { bytesMoved }) => sum + bytesMoved, 0);
    const isOtherStage = this.#options.budget?.count(moved - this.#bytesCounted) ?? false;
    this.#bytesCounted = moved;
    return isOtherStage;
  }

  #lookAt({ highest, streams, lagMs, timesLate }: LiveTraffic): UplinkLook {
    const isLate = timesLate > this.#timesLate;
    this.#timesLate = timesLate;
    const baseMs = this.media.baseRoundTripMs ?? 0;
    const queueMs = Math.max(0, lagMs - baseMs);
    return { highest, streams, queueMs, isLate, bytesPerSecond: this.#ackedBytesPerSecond };
  }

  #noteRung(look: UplinkLook): void {
    this.#rungSince = this.#now();
    const { level, rung } = this.#ladder;
    this.#options.logger.info({ level, ...rung, look }, 'the uplink carries another kind of live pictures');
  }

  #offerOfNow(): Offer {
    return offerOf(this.#ladder.rung, this.#options.budget?.stage ?? 'all');
  }

  #now(): string {
    return new Date(this.#clock.nowMs()).toISOString();
  }
}

function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms);
}
