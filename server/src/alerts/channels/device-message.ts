// A message to a device of the site, on a topic of its own that only the server publishes to (PROTOCOL.md, PR-64).

import { topics } from '@sitecast/shared/protocol/topics';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Letter } from './delivery-store.ts';
import { jsonOf } from './letter-text.ts';

export interface DeviceMessageOptions {
  findDevice: (id: string) => Promise<{ id: string; site: string; kind: 'agent' | 'sensor' } | undefined>;
  isConnected: (deviceId: string) => boolean;
  publish: (topic: string, payload: Uint8Array, options: { qos: 1 }) => void;
  publicUrl: URL | undefined;
}

export class DeviceMessage {
  readonly #options: DeviceMessageOptions;

  constructor(options: DeviceMessageOptions) {
    this.#options = options;
  }

  /** Handed to the broker: whether the device has subscribed to the topic is its own business. @throws {AppError} DELIVERY_FAILED (retryable). */
  async send(letter: Letter): Promise<void> {
    const { findDevice, isConnected, publish, publicUrl } = this.#options;
    const { site, settings } = letter.channel;
    if (settings.kind !== 'mqtt') throw new TypeError('not a message to a device');
    const device = await findDevice(settings.device);
    // A device may have moved to another site meanwhile, where this is nobody's business.
    if (!device || device.site !== site) throw failed('there is no such device in the site of the channel');
    if (!isConnected(device.id)) throw failed('the device is not connected');
    const topic =
      device.kind === 'sensor'
        ? topics.sensorAlerts(device.site, device.id)
        : topics.agentAlerts({ site: device.site, agent: device.id });
    publish(topic, Buffer.from(jsonOf(letter, publicUrl)), { qos: 1 });
  }
}

const failed = (message: string): AppError => new AppError('DELIVERY_FAILED', message, { retryable: true });
