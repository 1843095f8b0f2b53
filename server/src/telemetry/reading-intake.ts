// Readings of a device on their way into the store, and what it says of their units and names. Borrows all parts.

import type { Reading } from '@sitecast/shared/protocol/telemetry';
import { isAppError } from '@sitecast/shared/runtime/app-error';
import type { LatestValues } from './latest-values.ts';
import type { ReadingBatcher } from './reading-batcher.ts';
import type { SeriesCatalogue } from './series-catalogue.ts';

export interface ReadingIntakeOptions {
  batcher: Pick<ReadingBatcher, 'add'>;
  catalogue: Pick<SeriesCatalogue, 'tellUnits' | 'tellLabels'>;
  latest: Pick<LatestValues, 'nameUnits' | 'nameSeries' | 'labelOf' | 'timeOf'>;
}

export class ReadingIntake {
  readonly #options: ReadingIntakeOptions;

  constructor(options: ReadingIntakeOptions) {
    this.#options = options;
  }

  /** Resolves when values, units and labels are committed. @throws {AppError} as `ReadingBatcher.add` does. */
  async add(site: string, sensor: string, source: { id: string }, readings: Reading[]): Promise<void> {
    try {
      await this.#options.batcher.add(site, sensor, source, readings);
    } catch (error) {
      // The others of the message are stored.
      if (isAppError(error, 'SERIES_LIMIT')) await this.#name(site, sensor, readings);
      throw error;
    }
    await this.#name(site, sensor, readings);
  }

  async #name(site: string, sensor: string, readings: Reading[]): Promise<void> {
    await this.#tellUnits(site, sensor, readings);
    await this.#tellLabels(site, sensor, readings);
  }

  async #tellLabels(site: string, sensor: string, readings: Reading[]): Promise<void> {
    const { catalogue, latest } = this.#options;
    const told = readings.flatMap(({ labels }) => Object.entries(labels ?? {}));
    // Of what is among the newest values only: the others would be written again with each message.
    const changed = told.filter(([metric, label]) => {
      const series = { site, sensor, metric };
      return latest.timeOf(series) !== undefined && latest.labelOf(series) !== label;
    });
    if (changed.length === 0) return;
    const labels = Object.fromEntries(changed);
    if (await catalogue.tellLabels(site, sensor, labels)) latest.nameSeries({ site, id: sensor }, labels);
  }

  async #tellUnits(site: string, sensor: string, readings: Reading[]): Promise<void> {
    const told = readings.flatMap(({ units }) => (units ? [units] : []));
    if (told.length === 0) return;
    const units = Object.assign({}, ...told) as Record<string, string>;
    const changed = await this.#options.catalogue.tellUnits(site, sensor, units);
    if (Object.keys(changed).length > 0) this.#options.latest.nameUnits({ site, id: sensor }, changed);
  }
}
