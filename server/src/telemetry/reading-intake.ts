// Readings of a device on their way into the store, and what it says of their units. Borrows all parts.

import type { Reading } from '@sitecast/shared/protocol/telemetry';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import type { LatestValues } from './latest-values.ts';
import type { ReadingBatcher } from './reading-batcher.ts';
import type { SeriesCatalogue } from './series-catalogue.ts';

export interface ReadingIntakeOptions {
  batcher: Pick<ReadingBatcher, 'add'>;
  catalogue: Pick<SeriesCatalogue, 'tellUnits'>;
  latest: Pick<LatestValues, 'nameUnits'>;
}

export class ReadingIntake {
  readonly #options: ReadingIntakeOptions;

  constructor(options: ReadingIntakeOptions) {
    this.#options = options;
  }

  /** Resolves when values and units are committed. @throws {AppError} as `ReadingBatcher.add` does. */
  async add(site: string, sensor: string, source: { id: string }, readings: Reading[]): Promise<void> {
    try {
      await this.#options.batcher.add(site, sensor, source, readings);
    } catch (error) {
      // The others of the message are stored.
      if (isAppError(error, 'SERIES_LIMIT')) await this.#tellUnits(site, sensor, readings);
      throw error;
    }
    await this.#tellUnits(site, sensor, readings);
  }

  async #tellUnits(site: string, sensor: string, readings: Reading[]): Promise<void> {
    const told = readings.flatMap(({ units }) => (units ? [units] : []));
    if (told.length === 0) return;
    const units = Object.assign({}, ...told) as Record<string, string>;
    const changed = await this.#options.catalogue.tellUnits(site, sensor, units);
    if (Object.keys(changed).length > 0) this.#options.latest.nameUnits({ site, id: sensor }, changed);
  }
}
