// MQTT topics (PROTOCOL.md, "Topics"): one builder for each, and one parser for all that a device may publish.

import { isId } from './ids.ts';
import { splitTopic } from './mapping/topic-pattern.ts';
import { isProfile, type Profile } from './frame-header.ts';

const ROOT = 'sitecast/v1';
const ROOT_PREFIX = `${ROOT}/`;

export interface AgentAddress {
  site: string;
  agent: string;
}

const agentRoot = ({ site, agent }: AgentAddress): string => `${ROOT}/${site}/${agent}`;

export const topics = {
  status: (to: AgentAddress): string => `${agentRoot(to)}/status`,
  cameras: (to: AgentAddress): string => `${agentRoot(to)}/cameras`,
  health: (to: AgentAddress): string => `${agentRoot(to)}/health`,
  command: (to: AgentAddress): string => `${agentRoot(to)}/cmd`,
  reply: (to: AgentAddress): string => `${agentRoot(to)}/reply`,
  liveAck: (to: AgentAddress): string => `${agentRoot(to)}/live-ack`,
  /** Where the server tells an agent that a message of its was dropped, and why. */
  agentErrors: (to: AgentAddress): string => `${agentRoot(to)}/errors`,
  /** Where the server tells an agent of alerts. */
  agentAlerts: (to: AgentAddress): string => `${agentRoot(to)}/alerts`,
  live: (to: AgentAddress, camera: string, profile: Profile): string =>
    `${agentRoot(to)}/cam/${camera}/live/${profile}`,
  snapshot: (to: AgentAddress, camera: string): string => `${agentRoot(to)}/cam/${camera}/snapshot`,
  /** Of the agent itself, as a gap is. */
  agentEvent: (to: AgentAddress): string => `${agentRoot(to)}/event`,
  clip: (to: AgentAddress, camera: string): string => `${agentRoot(to)}/cam/${camera}/clip`,
  event: (to: AgentAddress, camera: string): string => `${agentRoot(to)}/cam/${camera}/event`,
  /** What an agent signs of all that it spooled. */
  seal: (to: AgentAddress): string => `${agentRoot(to)}/seal`,
  agentTelemetry: (to: AgentAddress, sensor: string): string => `${agentRoot(to)}/telemetry/${sensor}`,
  sensorTelemetry: (site: string, sensor: string): string => `${ROOT}/${site}/sensors/${sensor}/telemetry`,
  /** Where a sensor may speak the language of another project: `topic` is one of that project's. */
  sensorForeign: (site: string, sensor: string, topic: string): string =>
    `${ROOT}/${site}/sensors/${sensor}/foreign/${topic}`,
  /** Where the server tells a sensor that a message of its was dropped, and why. */
  sensorErrors: (site: string, sensor: string): string => `${ROOT}/${site}/sensors/${sensor}/errors`,
  /** Where the server tells a sensor, or whatever else speaks for itself, of alerts. */
  sensorAlerts: (site: string, sensor: string): string => `${ROOT}/${site}/sensors/${sensor}/alerts`,
} as const;

/** What a topic means; `site` and, for all but `sensor-*`, `agent` are in each. */
export type ParsedTopic =
  | (AgentAddress & {
      kind:
        | 'status'
        | 'cameras'
        | 'health'
        | 'agent-event'
        | 'seal'
        | 'command'
        | 'reply'
        | 'live-ack'
        | 'agent-errors'
        | 'agent-alerts';
    })
  | (AgentAddress & { kind: 'live'; camera: string; profile: Profile })
  | (AgentAddress & { kind: 'snapshot' | 'clip' | 'event'; camera: string })
  | (AgentAddress & { kind: 'agent-telemetry'; sensor: string })
  | { kind: 'sensor-telemetry' | 'sensor-errors' | 'sensor-alerts'; site: string; sensor: string }
  | { kind: 'sensor-foreign'; site: string; sensor: string; topic: string };

const PLAIN_KINDS = {
  status: 'status',
  cameras: 'cameras',
  health: 'health',
  event: 'agent-event',
  seal: 'seal',
  cmd: 'command',
  reply: 'reply',
  'live-ack': 'live-ack',
  errors: 'agent-errors',
  alerts: 'agent-alerts',
} as const;

/** @returns undefined for anything that is not one of our topics, wildcards and bad ids included. */
export function parseTopic(topic: string): ParsedTopic | undefined {
  if (!topic.startsWith(ROOT_PREFIX)) return undefined;
  const [site = '', owner = '', ...rest] = topic.slice(ROOT_PREFIX.length).split('/');
  if (!isId(site) || !isId(owner)) return undefined;
  // "sensors" is a reserved agent id: its place in the topic belongs to sensors that speak for themselves.
  return owner === 'sensors' ? parseSensorTopic(site, rest) : parseAgentTopic(site, owner, rest);
}

function parseSensorTopic(site: string, rest: string[]): ParsedTopic | undefined {
  const [sensor = '', what, ...foreign] = rest;
  if (!isId(sensor)) return undefined;
  if (what === 'foreign') return parseForeignTopic(site, sensor, foreign.join('/'));
  if (rest.length !== 2) return undefined;
  if (what === 'telemetry') return { kind: 'sensor-telemetry', site, sensor };
  if (what === 'errors') return { kind: 'sensor-errors', site, sensor };
  if (what === 'alerts') return { kind: 'sensor-alerts', site, sensor };
  return undefined;
}

function parseForeignTopic(site: string, sensor: string, topic: string): ParsedTopic | undefined {
  const levels = splitTopic(topic);
  if (!levels || levels.includes('') || /[+#]/.test(topic)) return undefined;
  return { kind: 'sensor-foreign', site, sensor, topic };
}

// Literals rather than `{...address, kind}`: V8 made a new hidden class for each of those, half the cost of parsing.
function parseAgentTopic(site: string, agent: string, rest: string[]): ParsedTopic | undefined {
  const [what = '', name = '', leaf, profile = ''] = rest;
  if (rest.length === 1 && Object.hasOwn(PLAIN_KINDS, what)) {
    return { kind: PLAIN_KINDS[what as keyof typeof PLAIN_KINDS], site, agent };
  }
  if (!isId(name)) return undefined;
  if (rest.length === 2 && what === 'telemetry')
    return { kind: 'agent-telemetry', site, agent, sensor: name };
  if (what !== 'cam') return undefined;
  if (rest.length === 3 && (leaf === 'snapshot' || leaf === 'clip' || leaf === 'event'))
    return { kind: leaf, site, agent, camera: name };
  if (rest.length === 4 && leaf === 'live' && isProfile(profile))
    return { kind: 'live', site, agent, camera: name, profile };
  return undefined;
}
