// Rules, alerts and who is told: after everything that they look at, and before HTTP, which shows them.

import { systemClock } from '@sitecast/shared/runtime/clock';
import type { AlertFeed } from './alerts/alert-feed.ts';
import { Alerts } from './alerts/alerts.ts';
import { ChannelStore } from './alerts/channels/channel-store.ts';
import { Deliveries, type DeliveryJob } from './alerts/channels/deliveries.ts';
import { DeliveryStore } from './alerts/channels/delivery-store.ts';
import { DeviceMessage } from './alerts/channels/device-message.ts';
import { Mail } from './alerts/channels/mail.ts';
import { WebAddresses } from './alerts/channels/web-addresses.ts';
import { Webhook } from './alerts/channels/webhook.ts';
import type { DeviceBroker } from './broker/device-broker.ts';
import type { AgentCommands } from './fleet/agent-commands.ts';
import type { Devices } from './fleet/devices.ts';
import type { Fleet } from './fleet/fleet.ts';
import type { Presence } from './fleet/presence.ts';
import type { UpdateHub } from './fleet/updates.ts';
import type { DiskWatch } from './guard/disk-watch.ts';
import type { Guard } from './guard/guard.ts';
import type { Database } from './postgres/pool.ts';
import { openQueue, type JobQueue } from './queues/job-queue.ts';
import type { LatestValues } from './telemetry/latest-values.ts';
import { takeSnapshot } from './app-http.ts';
import type { Opening } from './app-opening.ts';

interface AlertNeeds {
  database: Database;
  fleet: Fleet;
  devices: Devices;
  latest: LatestValues;
  guard: Guard;
  disk: DiskWatch;
  commands: AgentCommands;
  broker: DeviceBroker;
  presence: Presence;
  updates: UpdateHub;
  feed: AlertFeed;
}

interface AlertParts {
  alerts: Alerts;
  channels: ChannelStore;
  deliveries: Deliveries;
  deliveryQueue: JobQueue<DeliveryJob>;
  mail: Mail;
}

export async function openAlerts(opening: Opening, needs: AlertNeeds): Promise<AlertParts> {
  const { lifetime, logger } = opening;
  const { database, fleet, latest, guard, disk, commands, updates, feed } = needs;
  const told = await openDeliveries(opening, needs);
  const alerts = new Alerts({
    database,
    feed,
    disk,
    world: {
      cameras: () => fleet.cameras(),
      agents: () => fleet.agents(),
      sensors: () => fleet.sensors(),
      newestOf: (sensor) => latest.of(sensor),
      newestMsOf: (series) => latest.timeOf(series),
      pressure: () => guard.read(),
    },
    takeSnapshot: (camera) => takeSnapshot(camera, fleet, commands),
    onChanged: ({ id, site, state }) => updates.publish({ type: 'alert', id, site, state }),
    onTold: () => told.deliveries.wake(),
    logger,
  });
  lifetime.own('alerts', alerts);
  await alerts.start();
  return { ...told, alerts };
}

async function openDeliveries(
  { config, lifetime, logger }: Opening,
  { database, devices, presence, broker }: AlertNeeds,
): Promise<Omit<AlertParts, 'alerts'>> {
  const { redisUrl, postgres, http, alerts } = config;
  const deliveryQueue = await openQueue<DeliveryJob>({
    name: 'alerts',
    redisUrl,
    databaseUrl: postgres.url,
    logger,
  });
  lifetime.own('queue of messages about alerts', deliveryQueue);
  const { publicUrl } = http;
  const mail = new Mail({ settings: alerts.mail, publicUrl });
  const deliveries = new Deliveries({
    store: new DeliveryStore(database),
    queue: deliveryQueue,
    senders: {
      webhook: new Webhook({
        addresses: new WebAddresses({ allowPrivate: alerts.allowPrivateWebhooks }),
        publicUrl,
      }),
      email: mail,
      mqtt: new DeviceMessage({
        findDevice: (id) => devices.get(id),
        isConnected: (id) => presence.isConnected(id),
        publish: (topic, payload, options) => broker.publish(topic, payload, options),
        publicUrl,
      }),
    },
    logger,
    clock: systemClock,
  });
  lifetime.own('messages about alerts', deliveries).start();
  return { channels: new ChannelStore(database), deliveries, deliveryQueue, mail };
}
