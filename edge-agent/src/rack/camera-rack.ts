// The cameras of the agent by their ids. Others ask here each time, since a reload of the configuration puts in other ones.

import { isDeepStrictEqual } from 'node:util';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import { MIB } from '@sitecast/shared/protocol/limits';
import type { CameraReport } from '@sitecast/shared/protocol/status';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { Listeners } from '@sitecast/shared/runtime/listeners';
import { redact } from '@sitecast/shared/node/logger';
import { GOP_RING_MAX_BYTES } from '../camera/gop-ring.ts';
import type { CameraSettings } from '../config.ts';
import { CameraUnit, type UnitParts } from './camera-unit.ts';

/** GOP rings of all cameras together; with more than sixteen cameras each gets less than its usual bound. */
export const ALL_RINGS_MAX_BYTES = 256 * MIB;

export interface CameraRackOptions extends Omit<UnitParts, 'ffmpeg' | 'encoders' | 'onReport' | 'onEvent'> {
  /** undefined where no ffmpeg runs: the rack stays empty then. */
  video: Pick<UnitParts, 'ffmpeg' | 'encoders'> | undefined;
}

export interface Exchange {
  /** No longer found; still running. The caller ends what it has of them, and closes them. */
  leaving: CameraUnit[];
  /** Found, and not started; the caller starts them when those that leave are closed. */
  arriving: CameraUnit[];
}

/** Owns its cameras, also those that leave, until they are closed. */
export class CameraRack {
  readonly #options: CameraRackOptions;
  readonly #reports: Listeners<CameraReport>;
  readonly #events: Listeners<{ camera: string; event: CameraEvent }>;
  readonly #leaving = new Set<CameraUnit>();
  #units: ReadonlyMap<string, CameraUnit> = new Map();

  constructor(options: CameraRackOptions) {
    this.#options = options;
    const onError = (error: unknown): void =>
      options.log.warn('RACK', { reason: messageOf(error) }, 'a listener of the cameras failed');
    this.#reports = new Listeners(onError);
    this.#events = new Listeners(onError);
  }

  get(id: string): CameraUnit | undefined {
    return this.#units.get(id);
  }

  /** In the order of the configuration. */
  [Symbol.iterator](): Iterator<CameraUnit> {
    return this.#units.values();
  }

  onReport(listener: (report: CameraReport) => void): () => void {
    return this.#reports.add(listener);
  }

  onEvent(listener: (happened: { camera: string; event: CameraEvent }) => void): () => void {
    return this.#events.add(listener);
  }

  /**
   * Puts in what the settings say; a camera whose settings are the same is not touched.
   * @throws {AppError} CONFIG_INVALID; nothing has changed then.
   */
  exchange(settings: CameraSettings[]): Exchange {
    const before = this.#units;
    const ringMaxBytes = Math.min(
      GOP_RING_MAX_BYTES,
      Math.floor(ALL_RINGS_MAX_BYTES / Math.max(1, settings.length)),
    );
    const units = settings.map((each) => {
      const known = before.get(each.id);
      const isSame = isDeepStrictEqual(known?.settings, each);
      return known && isSame ? known : this.#create(each, ringMaxBytes, known);
    });
    this.#units = new Map(units.map((unit) => [unit.id, unit]));
    const arriving = units.filter((unit) => before.get(unit.id) !== unit);
    const leaving = [...before.values()].filter((unit) => this.#units.get(unit.id) !== unit);
    for (const unit of leaving) this.#leaving.add(unit);
    for (const { camera } of units) camera.ring.resize(ringMaxBytes);
    this.#warnOfPasswords(arriving);
    return { leaving, arriving };
  }

  /** Resolves when nothing of these cameras runs any more. */
  async closeAll(units: Iterable<CameraUnit>): Promise<void> {
    await Promise.all([...units].map((unit) => unit.close().finally(() => this.#leaving.delete(unit))));
  }

  close(): Promise<void> {
    return this.closeAll([...this.#units.values(), ...this.#leaving]);
  }

  #create(settings: CameraSettings, ringMaxBytes: number, before: CameraUnit | undefined): CameraUnit {
    const { video, ...shared } = this.#options;
    if (!video)
      throw new AppError('CONFIG_INVALID', 'cameras need an ffmpeg: none ran when the agent was started');
    const parts: UnitParts = {
      ...shared,
      ...video,
      onReport: (report) => this.#reports.emit(report),
      onEvent: (camera, event) => this.#events.emit({ camera, event }),
    };
    return new CameraUnit(settings, ringMaxBytes, parts, before);
  }

  #warnOfPasswords(arriving: CameraUnit[]): void {
    const { video, logger } = this.#options;
    if (!video || video.ffmpeg.canHideUrl || !arriving.some(({ settings }) => hasPassword(settings))) return;
    logger.warn(
      { version: video.ffmpeg.version },
      'with an ffmpeg before 5.0 the passwords of cameras can be seen in the list of processes of this gateway',
    );
  }
}

function hasPassword({ source, subStream = '' }: CameraSettings): boolean {
  return [source, subStream].some((url) => redact(url) !== url);
}
