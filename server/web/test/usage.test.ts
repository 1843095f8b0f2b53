import { expect, it } from 'vitest';
import { agentConfig, sensorCommand, type NewDevice } from '../src/devices/usage.ts';

const endpoint = { host: 'cloud.example', mqttPort: 1883, mediaPort: 1884 };
const device: NewDevice = { id: '007', site: 'true', kind: 'agent', secret: '-s3cret' };

it('quotes ids that YAML takes for a number or a truth value', () => {
  expect(agentConfig(device, endpoint)).toContain('site: "true"\nagent: "007"\n');
});

it('writes a command that publishes one reading under the topic of the sensor', () => {
  expect(sensorCommand(device, endpoint).replaceAll(' \\\n', '')).toBe(
    `mosquitto_pub -h cloud.example -p 1883 -q 1 -u 007 -P '-s3cret'  -t sitecast/v1/true/sensors/007/telemetry  -m '{"values":{"temperature":21.5}}'`,
  );
});
