// How a new device connects: the agent's configuration and a mosquitto_pub line. Pure.

import type { Device } from '../api/types.ts';

export interface NewDevice {
  id: string;
  site: string;
  kind: Device['kind'];
  secret: string;
}

/** Where devices connect. */
export interface DeviceEndpoint {
  host: string;
  mqttPort: number;
  mediaPort: number;
}

export function agentConfig({ id, site }: NewDevice, { host, mqttPort, mediaPort }: DeviceEndpoint): string {
  return [
    // Quoted, because YAML takes an id such as 007 or true for something else than text.
    `site: "${site}"`,
    `agent: "${id}"`,
    'dataDir: /var/lib/sitecast-agent',
    'uplink:',
    `  url: "mqtt://${host}:${mqttPort}"`,
    `  mediaUrl: "mqtt://${host}:${mediaPort}"`,
    '  secretFile: ./secret',
    'cameras:',
    '  - { id: front, name: Front door, source: "rtsp://user:password@192.168.0.20/stream1" }',
  ].join('\n');
}

export function agentCommand(): string {
  return 'npx sitecast-agent run --config agent.yaml';
}

export function sensorCommand({ id, site, secret }: NewDevice, { host, mqttPort }: DeviceEndpoint): string {
  return [
    `mosquitto_pub -h ${host} -p ${mqttPort} -q 1 -u ${id} -P '${secret}' \\`,
    `  -t sitecast/v1/${site}/sensors/${id}/telemetry \\`,
    `  -m '{"values":{"temperature":21.5}}'`,
  ].join('\n');
}
