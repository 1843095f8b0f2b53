// What the steps of the start hand to each other.

import type { Logger } from '@sitecast/shared/node/logger';
import type { Lifetime } from '@sitecast/shared/runtime/lifetime';
import type { ServerConfig } from './config.ts';

export interface AppOptions {
  config: ServerConfig;
  logger: Logger;
  version: string;
}

/** What every step of the start needs; what it opens goes to `lifetime`. */
export interface Opening extends AppOptions {
  lifetime: Lifetime;
}
