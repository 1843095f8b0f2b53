// Which topics a device may touch: its own, each on the listener where it belongs, and nothing else.

import { splitTopic } from '@sitecast/shared/protocol/mapping/topic-pattern';
import { parseTopic, topics, type ParsedTopic } from '@sitecast/shared/protocol/topics';
import type { DeviceIdentity } from './device.ts';

export type ListenerName = 'data' | 'media';

const AGENT_DATA_KINDS: ReadonlySet<ParsedTopic['kind']> = new Set([
  'status',
  'cameras',
  'health',
  'reply',
  'snapshot',
  'clip',
  'event',
  'agent-event',
  'seal',
  'agent-telemetry',
]);

/** @returns what `topic` means when `device` may publish to it on this listener. */
export function publishableTopic(
  device: DeviceIdentity,
  listener: ListenerName,
  topic: string,
): ParsedTopic | undefined {
  const parsed = parseTopic(topic);
  if (!parsed) return grantedTopic(device, listener, topic);
  if (parsed.site !== device.site) return undefined;
  return mayPublish(device, listener, parsed) ? parsed : undefined;
}

/** Nothing that devices publish is routed: a topic that two of them have is two topics. */
function grantedTopic(
  { kind, site, id: sensor, mapping }: DeviceIdentity,
  listener: ListenerName,
  topic: string,
): ParsedTopic | undefined {
  if (kind !== 'sensor' || listener !== 'data') return undefined;
  const isGranted = (mapping?.topics ?? []).some(
    (prefix) => topic === prefix || topic.startsWith(`${prefix}/`),
  );
  const levels = splitTopic(topic);
  const isTopic = levels !== undefined && !levels.includes('') && !/[+#]/.test(topic);
  return isGranted && isTopic ? { kind: 'sensor-foreign', site, sensor, topic } : undefined;
}

function mayPublish(device: DeviceIdentity, listener: ListenerName, topic: ParsedTopic): boolean {
  if (device.kind === 'sensor') {
    const isReading = topic.kind === 'sensor-telemetry' || topic.kind === 'sensor-foreign';
    return listener === 'data' && isReading && topic.sensor === device.id;
  }
  if (!('agent' in topic) || topic.agent !== device.id) return false;
  return listener === 'media' ? topic.kind === 'live' : AGENT_DATA_KINDS.has(topic.kind);
}

/** Exact names only: a filter with a wildcard is never one of them. */
export function maySubscribe(device: DeviceIdentity, listener: ListenerName, filter: string): boolean {
  if (device.kind === 'sensor') {
    const { site, id } = device;
    return (
      listener === 'data' &&
      (filter === topics.sensorErrors(site, id) || filter === topics.sensorAlerts(site, id))
    );
  }
  const agent = { site: device.site, agent: device.id };
  if (listener === 'media') return filter === topics.liveAck(agent);
  return [topics.command(agent), topics.agentErrors(agent), topics.agentAlerts(agent)].includes(filter);
}

/** An agent may use one listener each with the client id that belongs to it; a sensor the data listener, with any. */
export function mayConnect(device: DeviceIdentity, listener: ListenerName, clientId: string): boolean {
  if (device.kind === 'sensor') return listener === 'data';
  return clientId === (listener === 'data' ? device.id : `${device.id}:media`);
}

// Control characters and lone surrogates have no place in a client id, and break whatever prints it.
const CLIENT_ID_PATTERN = /^[^\p{Cc}\p{Cs}]{0,128}$/u;

export function isClientId(text: string): boolean {
  return CLIENT_ID_PATTERN.test(text);
}

/** Where the device is told about a message that was dropped. */
export function errorsTopicOf(device: DeviceIdentity): string {
  return device.kind === 'sensor'
    ? topics.sensorErrors(device.site, device.id)
    : topics.agentErrors({ site: device.site, agent: device.id });
}
