// Commands, relay and broker.

import { DeviceBroker } from './broker/device-broker.ts';
import { AgentCommands, type CommandChannel } from './fleet/agent-commands.ts';
import { createAgentPort } from './fleet/agent-port.ts';
import { DeviceMessages } from './fleet/device-messages.ts';
import type { Devices, DeviceAddress } from './fleet/devices.ts';
import type { Fleet } from './fleet/fleet.ts';
import { Presence } from './fleet/presence.ts';
import { RevocationSweep } from './fleet/revocation-sweep.ts';
import type { UpdateHub } from './fleet/updates.ts';
import type { DiscoveredValues } from './foreign/discovered-values.ts';
import type { SealStore } from './evidence/seal-store.ts';
import type { SigningKeys } from './evidence/signing-keys.ts';
import type { ForeignIntake } from './foreign/foreign-intake.ts';
import type { ClipIntake } from './ingest/clip-intake.ts';
import type { EventStore } from './ingest/event-store.ts';
import type { SnapshotIntake } from './ingest/snapshot-intake.ts';
import { brokerLimits } from './broker/limits.ts';
import { RELAY_LIMITS } from './relay/limits.ts';
import { StreamHub } from './relay/stream-hub.ts';
import type { LatestValues } from './telemetry/latest-values.ts';
import type { ReadingBatcher } from './telemetry/reading-batcher.ts';
import { ReadingIntake } from './telemetry/reading-intake.ts';
import type { SeriesCatalogue } from './telemetry/series-catalogue.ts';
import type { OutageStore } from './timeline/outage-store.ts';
import type { Opening } from './app-opening.ts';

interface LiveNeeds {
  fleet: Fleet;
  updates: UpdateHub;
  devices: Devices;
  intake: SnapshotIntake;
  clipIntake: ClipIntake;
  events: EventStore;
  readings: ReadingBatcher;
  catalogue: SeriesCatalogue;
  latest: LatestValues;
  foreign: ForeignIntake;
  discovered: DiscoveredValues;
  outages: OutageStore;
  evidence: { seals: SealStore; keys: SigningKeys };
}

/**
 * Commands, relay and broker need each other. The broker opens last, and lets nobody in before all is wired: until then
 * nothing reaches for it.
 */
export async function openLive({ config, lifetime, logger }: Opening, needs: LiveNeeds) {
  const { fleet, devices } = needs;
  const channel: CommandChannel = {
    publish: (topic, payload, options) => broker.publish(topic, payload, options),
    isConnected: (agent) => broker.isConnected(agent),
  };
  const commands = lifetime.own('commands', new AgentCommands({ channel }));
  const relay = new StreamHub({
    agents: createAgentPort({
      commands,
      publish: (topic, payload) => broker.publish(topic, payload),
      agentOf: (camera) => fleet.agentOf(camera),
      hasAgent: (camera) => fleet.hasAgent(camera),
    }),
    limits: { ...RELAY_LIMITS, ...config.live },
    profilesOf: (camera) => fleet.camera(camera)?.report.profiles ?? [],
    limitOf: (camera) => fleet.camera(camera)?.report.limitedBy,
    logger,
  });
  const presence = new Presence({
    fleet,
    devices,
    onAgentConnected: ({ site }) => relay.agentsChanged(site),
    onAgentGone: (agent) => commands.agentGone(agent),
    logger,
  });
  const { intake: snapshots, clipIntake: clips } = needs;
  const readings = new ReadingIntake({ ...needs, batcher: needs.readings });
  const messages = new DeviceMessages({ ...needs, readings, commands, snapshots, clips, live: relay });
  let letIn: () => void = () => undefined;
  const isWired = new Promise<void>((resolve) => (letIn = resolve));
  const broker: DeviceBroker = await DeviceBroker.open({
    host: config.mqtt.host,
    dataPort: config.mqtt.dataPort,
    mediaPort: config.mqtt.mediaPort,
    limits: brokerLimits(config.mqtt),
    authenticate: (username, secret) => isWired.then(() => devices.authenticate(username, secret)),
    handlers: messages,
    logger,
  });
  lifetime.own('broker', broker);
  broker.onConnection(({ device, isOnline }) => presence.changed(device, isOnline));
  letIn();
  // After the broker in the list, so before it in the end: agents are told to stop sending.
  lifetime.own('relay', relay);
  const onRevoked = async (device: DeviceAddress): Promise<void> => {
    broker.disconnectDevice(device.id);
    if (device.kind !== 'agent') return needs.discovered.forget(device.id);
    await fleet.forgetAgent(device);
    relay.agentsChanged(device.site);
  };
  lifetime.own('revocations', new RevocationSweep({ devices, onRevoked, logger })).start();
  const onDeviceChanged = (id: string): void => broker.disconnectDevice(id);
  return { broker, relay, commands, presence, messages, onRevoked, onDeviceChanged };
}
