// Names of sites, agents, cameras and sensors, and ids of stored things.

import { AppError } from '../runtime/app-error.ts';

/** Site, agent, camera and sensor ids (PR-2): also safe as a topic level, a path segment and a file name. */
export const ID_PATTERN = /^[a-z0-9][a-z0-9-]{0,62}$/;
/** ULID in Crockford base 32: 48 bits of ms since 1970, 80 random bits. https://github.com/ulid/spec */
export const ULID_PATTERN = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;
/**
 * A metric of a reading, such as `temperature` or `pm2.5` (PR-3). Not `__proto__`: assigning to that key of an object
 * changes its prototype and stores nothing.
 */
export const METRIC_PATTERN = /^(?!__proto__$)[A-Za-z0-9_][A-Za-z0-9_.:-]{0,62}$/;

export function isId(text: string): boolean {
  return ID_PATTERN.test(text);
}

export function isUlid(text: string): boolean {
  return ULID_PATTERN.test(text);
}

/** A camera's, agent's or sensor's address within the installation. */
export interface Address {
  site: string;
  id: string;
}

/** `site/id`, as viewers name a camera. */
export function formatAddress({ site, id }: Address): string {
  return `${site}/${id}`;
}

/** @throws {AppError} ID_INVALID when `text` is not `site/id` with two valid ids. */
export function parseAddress(text: string): Address {
  const [site, id, ...rest] = text.split('/');
  if (site === undefined || id === undefined || rest.length > 0 || !isId(site) || !isId(id)) {
    throw new AppError('ID_INVALID', `an address is "site/id", got ${JSON.stringify(text.slice(0, 140))}`);
  }
  return { site, id };
}
