// Which devices are connected, and who has to hear of a change. Borrows everything.

import type { AgentAddress } from '@sitecast/shared/protocol/topics';
import type { Logger } from '@sitecast/shared/node/logger';
import { messageOf } from '@sitecast/shared/runtime/app-error';
import type { DeviceAddress, Devices } from './devices.ts';
import type { Fleet } from './fleet.ts';

export interface PresenceOptions {
  fleet: Pick<Fleet, 'connectionChanged'>;
  devices: Pick<Devices, 'seen'>;
  /** An agent can take commands again. */
  onAgentConnected: (agent: AgentAddress) => void;
  /** Replies of the agent will not come. */
  onAgentGone: (agent: AgentAddress) => void;
  logger: Logger;
}

export class Presence {
  readonly #options: PresenceOptions;
  /** Bound: connections of the broker. */
  readonly #connected = new Set<string>();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  get connected(): number {
    return this.#connected.size;
  }

  isConnected(deviceId: string): boolean {
    return this.#connected.has(deviceId);
  }

  /** Returns at once; what has to be stored is stored behind it, and again at the next change when that fails. */
  changed(device: DeviceAddress, isOnline: boolean): void {
    if (isOnline) this.#connected.add(device.id);
    else this.#connected.delete(device.id);
    if (isOnline) this.#inBackground('last seen', this.#options.devices.seen(device.id));
    if (device.kind !== 'agent') return;
    const agent = { site: device.site, agent: device.id };
    this.#inBackground('presence', this.#options.fleet.connectionChanged(agent, isOnline));
    if (isOnline) this.#options.onAgentConnected(agent);
    else this.#options.onAgentGone(agent);
  }

  #inBackground(what: string, work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#options.logger.warn(
        { what, reason: messageOf(error) },
        'a change of a connection could not be stored',
      );
    });
  }
}
