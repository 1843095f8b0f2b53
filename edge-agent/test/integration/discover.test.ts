import { createSocket } from 'node:dgram';
import { readFile, stat } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { PATIENCE_MS } from '../../../shared/test/patience.ts';
import { discover, type DiscoverOptions } from '../../src/commands/discover.ts';
import { parseAgentYaml } from '../../src/config-file.ts';
import { MAX_ANSWER_BYTES, MAX_DEVICES, MAX_DEVICES_PER_ADDRESS } from '../../src/discovery/camera-search.ts';
import { temporaryFolder } from '../support.ts';
import { envelope, probeMatches, PROFILES, send, startFakeCamera, type FakeCamera } from './onvif-camera.ts';

const PASSWORD = 'p@ss<&>word';
/** A thread runs no TypeScript. */
const workerUrl = new URL('../../dist/discovery/onvif-worker.js', import.meta.url);

interface Discovered {
  hasFound: boolean;
  output: string;
  warnings: string[];
}

/** Longer where nobody was heard: on a machine that stands still a second is over before an answer is read. */
async function run(
  camera: Pick<FakeCamera, 'port'> & Partial<FakeCamera>,
  options: Partial<DiscoverOptions> = {},
): Promise<Discovered> {
  const discovered = await runOnce(camera, options);
  const isHeard = !/ONVIF is switched on|"devices": *\[\]/.test(discovered.output);
  return camera.operations === undefined || isHeard
    ? discovered
    : await runOnce(camera, { ...options, seconds: 20 });
}

async function runOnce(
  camera: Pick<FakeCamera, 'port'>,
  options: Partial<DiscoverOptions>,
): Promise<Discovered> {
  let output = '';
  const warnings: string[] = [];
  const hasFound = await discover({
    hosts: ['127.0.0.1'],
    port: camera.port,
    user: undefined,
    secretsFile: undefined,
    seconds: 1,
    env: { SITECAST_CAMERA_PASSWORD: PASSWORD },
    json: false,
    print: (text) => (output += text),
    warn: (text) => warnings.push(text),
    askPassword: () => Promise.reject(new Error('nobody is to be asked')),
    signal: new AbortController().signal,
    workerUrl,
    deviceDeadlineMs: PATIENCE_MS,
    ...options,
  });
  for (const text of [output, ...warnings]) expect(text).not.toMatch(/p@ss|p%40ss/);
  return { hasFound, output, warnings };
}

interface Listed {
  devices: { address: string; name: string; model: string; port: number; failure: string | null }[];
  cameras: { id: string; name: string; streams: { url: string; width: number }[] }[];
}

async function listed(
  camera: FakeCamera,
  options: Partial<DiscoverOptions> = {},
): Promise<Discovered & Listed> {
  const discovered = await run(camera, { user: 'admin', json: true, ...options });
  return { ...discovered, ...(JSON.parse(discovered.output) as Listed) };
}

/** Of this machine, where it has a network at all. */
const lanAddress = Object.values(networkInterfaces())
  .flatMap((entries) => entries ?? [])
  .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
if (!lanAddress) {
  const sentence = 'SKIPPED: there is no network on which a camera could be found by multicast';
  if (process.env.CI) throw new Error(sentence);
  process.stderr.write(`\n  ##  ${sentence}\n`);
}

const AGENT = `site: demo
agent: gateway
uplink: { url: "mqtt://127.0.0.1:1", mediaUrl: "mqtt://127.0.0.1:1" }
`;

describe('sitecast-agent discover', () => {
  it('lists what answers, and logs in to nobody unless it is told to', async () => {
    const camera = await startFakeCamera();
    const { hasFound, output } = await run(camera);
    expect(hasFound).toBe(true);
    expect(output).toMatch(
      new RegExp(
        `^127\\.0\\.0\\.1 +Yard camera, IPC-4200  http://127\\.0\\.0\\.1:${camera.httpPort}/onvif/device_service$`,
        'm',
      ),
    );
    expect(camera.operations).toEqual([]);
  });

  it('gives the streams of a camera as YAML that agent.yaml takes, at the address that answered', async () => {
    const camera = await startFakeCamera();
    const { hasFound, output } = await run(camera, { user: 'admin' });
    expect(hasFound).toBe(true);
    expect(camera.refused).toBe(0);
    expect(camera.operations).toContain('GetStreamUri');
    const { cameras } = parseAgentYaml(AGENT + output, 'the output');
    expect(cameras).toMatchObject([
      {
        id: 'ipc-4200-1',
        name: 'Yard camera',
        source:
          'rtsp://admin:PASSWORD@127.0.0.1:554/Streaming/Channels/101?transportmode=unicast&profile=Profile_1',
        subStream: 'rtsp://admin:PASSWORD@127.0.0.1:554/Streaming/Channels/102',
      },
    ]);
  });

  it('writes the addresses with the password into a new file for its owner alone, on request', async () => {
    const camera = await startFakeCamera();
    const secretsFile = join(await temporaryFolder(), 'cameras.env');
    const { output } = await run(camera, { user: 'admin', secretsFile });
    const { cameras } = parseAgentYaml(AGENT + output, 'the output');
    expect(cameras).toMatchObject([
      { source: 'env:CAMERA_IPC_4200_1', subStream: 'env:CAMERA_IPC_4200_1_SUB' },
    ]);
    expect((await stat(secretsFile)).mode & 0o777).toBe(0o600);
    expect((await readFile(secretsFile, 'utf8')).split('\n')[1]).toBe(
      'CAMERA_IPC_4200_1_SUB=rtsp://admin:p%40ss%3C%26%3Eword@127.0.0.1:554/Streaming/Channels/102',
    );
    await expect(run(camera, { user: 'admin', secretsFile })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('signs with the clock of a camera that is a day behind', async () => {
    const camera = await startFakeCamera({ clockSkewMs: -86_400_000 });
    const { hasFound } = await listed(camera);
    expect(hasFound).toBe(true);
    expect(camera.refused).toBe(0);
  });

  it('makes a camera of each channel', async () => {
    const second = PROFILES.map((profile) => ({
      ...profile,
      token: `${profile.token}b`,
      source: 'VideoSource_2',
    }));
    const { cameras } = await listed(await startFakeCamera({ profiles: [...PROFILES, ...second] }));
    expect(cameras.map(({ id, name }) => [id, name])).toEqual([
      ['ipc-4200-1', 'Yard camera 1'],
      ['ipc-4200-1-2', 'Yard camera 2'],
    ]);
    expect(cameras[1]!.streams.map(({ width }) => width)).toEqual([1920, 640]);
  });

  it('says so when a camera refuses the password, and tries it once', async () => {
    const camera = await startFakeCamera({ password: 'another' });
    const { hasFound, devices } = await listed(camera);
    expect(hasFound).toBe(false);
    expect(devices[0]!.failure).toBe('it refuses the user name or password');
    expect(camera.refused).toBe(1);
  });

  it('asks for a password where the environment has none, and refuses an empty one', async () => {
    const camera = await startFakeCamera();
    const asked: string[] = [];
    const askPassword = async (question: string): Promise<string> => {
      asked.push(question);
      return PASSWORD;
    };
    expect((await run(camera, { user: 'admin', env: {}, askPassword })).hasFound).toBe(true);
    expect(asked).toEqual(['Password of admin: ']);
    const nothing = run(camera, { user: 'admin', env: { SITECAST_CAMERA_PASSWORD: '' } });
    await expect(nothing).rejects.toMatchObject({ code: 'BAD_REQUEST' });
    await expect(run(camera, { secretsFile: '/tmp/x' })).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  });

  it('says what to look at when nothing answers', async () => {
    const { hasFound, output } = await run({ port: 9 });
    expect(hasFound).toBe(false);
    expect(output).toMatch(/ONVIF is switched on/);
  });

  it.skipIf(!lanAddress)('finds a camera by multicast on the LAN', async () => {
    const camera = await startFakeCamera({ multicastOn: lanAddress });
    const { hasFound, devices } = await listed(camera, { hosts: [] });
    expect(hasFound).toBe(true);
    // Whatever else this network has.
    const found = devices.find(({ address, port }) => address === lanAddress && port === camera.httpPort);
    expect(found).toMatchObject({ name: 'Yard camera', failure: null });
  });

  it('stops when it is told to', async () => {
    const stopping = new AbortController();
    const camera = await startFakeCamera({ onRequest: () => true });
    const running = run(camera, { user: 'admin', signal: stopping.signal });
    setTimeout(() => stopping.abort(), 1_500);
    await expect(running).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

describe('sitecast-agent discover, among strangers', () => {
  it('reads past garbage, giants and answers to others', async () => {
    const camera = await startFakeCamera({
      onProbe: (answer, reply) => {
        reply(Buffer.from([0, 255, 254, 1, 2, 3]));
        reply('');
        reply('<Envelope><Body><ProbeMatches/></Body></Envelope>');
        reply(answer.replace(/RelatesTo>[^<]*</, 'RelatesTo>urn:uuid:other<'));
        reply(answer.replace(/<d:XAddrs>[^<]*</, '<d:XAddrs><'));
        reply(answer.replace('NetworkVideoTransmitter', 'Printer').replaceAll('onvif.org/', 'example.org/'));
        reply(`${answer}${' '.repeat(MAX_ANSWER_BYTES)}`);
        reply(answer);
      },
    });
    const { devices, warnings } = await listed(camera, { user: undefined });
    expect(devices).toMatchObject([{ name: 'Yard camera', model: 'IPC-4200' }]);
    expect(warnings.join()).toMatch(/answers were ignored/);
  });

  it('keeps to its bounds when thousands answer from one address', async () => {
    const camera = await startFakeCamera({
      onProbe: (answer, reply) => {
        for (let n = 0; n < 3_000; n += 1) reply(answer.replace('000000000001', String(n).padStart(12, '0')));
      },
    });
    const { devices, warnings } = await listed(camera, { user: undefined });
    expect(devices.length).toBe(MAX_DEVICES_PER_ADDRESS);
    expect(warnings.join()).toMatch(/answers were ignored/);
  });

  it('keeps to its bounds when a whole network answers', async () => {
    const sockets = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const socket = createSocket('udp4');
        await new Promise<void>((resolve) => socket.bind(0, `127.0.1.${index + 1}`, resolve));
        return socket;
      }),
    );
    onTestFinished(() => sockets.forEach((socket) => socket.close()));
    const camera = await startFakeCamera({
      onProbe: (answer, _reply, { address, port }) => {
        for (const socket of sockets) {
          for (let n = 0; n < 4; n += 1)
            socket.send(answer.replace('000000000001', `00000000000${n}`), port, address);
        }
      },
    });
    const { devices, warnings } = await listed(camera, { user: undefined });
    expect(devices).toHaveLength(MAX_DEVICES);
    expect(warnings.join()).toMatch(/only the first 64 cameras are listed/);
  });

  it('prints nothing that moves a cursor, ends a comment or breaks out of YAML', async () => {
    const name = encodeURIComponent('\u001b[2J"\n- id: evil\u2028x: \u202e');
    const camera = await startFakeCamera({ name, model: 'M&#10;x%0a"' });
    const { output } = await run(camera, { user: 'admin' });
    expect(output.replaceAll('\n', '')).not.toMatch(/[\p{C}\p{Zl}]/u);
    const { cameras } = parseAgentYaml(AGENT + output, 'the output');
    expect(cameras).toHaveLength(1);
  });

  it('sends its login nowhere but to the address that answered', async () => {
    let connections = 0;
    const elsewhere = createServer(() => (connections += 1));
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.2', resolve));
    onTestFinished(() => void elsewhere.close());
    const { port } = elsewhere.address() as AddressInfo;
    const camera = await startFakeCamera({
      onRequest: (operation, response) => {
        if (operation !== 'GetServices') return false;
        const service = `<tds:Service><tds:Namespace>http://www.onvif.org/ver10/media/wsdl</tds:Namespace>
          <tds:XAddr>http://127.0.0.2:${port}/media</tds:XAddr></tds:Service>`;
        send(
          response,
          200,
          envelope(`<tds:GetServicesResponse>${service}${service}</tds:GetServicesResponse>`),
        );
        return true;
      },
      profiles: [{ ...PROFILES[0]!, uri: `rtsp://127.0.0.2:${port}/live` }],
    });
    const { cameras } = await listed(camera);
    expect(connections).toBe(0);
    expect(cameras[0]!.streams[0]!.url).toBe(`rtsp://127.0.0.1:${port}/live`);
  });

  const answers: Record<string, string> = {
    'nothing at all': '',
    'no XML': '\u0000\u0001 not < xml >',
    'an envelope with nothing in it': envelope(''),
    'a service without an address': envelope(
      '<tds:GetServicesResponse><tds:Service><tds:Namespace>http://www.onvif.org/ver10/media/wsdl</tds:Namespace><tds:XAddr/></tds:Service></tds:GetServicesResponse>',
    ),
    'profiles that are none': envelope('<trt:GetProfilesResponse/>'),
    'an answer to something else': envelope('<x:toStringResponse/>'),
    'names of the language': envelope('<__proto__><constructor/></__proto__>'),
    'ten thousand elements in each other': envelope('<a>'.repeat(10_000) + '</a>'.repeat(10_000)),
    'entities that grow': `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>${envelope('&b;')}`,
  };

  it.each(Object.keys(answers))('survives a device that answers with %s', async (what) => {
    const camera = await startFakeCamera({
      onRequest: (operation, response) => {
        if (operation === 'GetSystemDateAndTime') return false;
        send(response, 200, answers[what]!);
        return true;
      },
    });
    const { hasFound, devices } = await listed(camera);
    expect(hasFound).toBe(false);
    expect(devices[0]!.failure).toMatch(/./);
  });

  it('survives one whose every answer breaks in another place, and lists those beside it', async () => {
    const camera = await startFakeCamera({
      onProbe: (answer, reply) => {
        reply(answer);
        reply(answer.replace('000000000001', '000000000002'));
      },
      onRequest: (operation, response) => {
        if (operation !== 'GetProfiles' || camera.operations.filter((name) => name === operation).length > 1)
          return false;
        send(response, 200, envelope('<trt:GetProfilesResponse><trt:Profiles/></trt:GetProfilesResponse>'));
        return true;
      },
    });
    const { devices, cameras } = await listed(camera);
    expect(devices).toHaveLength(2);
    expect(cameras).toHaveLength(1);
  });

  it('cuts off an answer without end, and gives up one that does not come', async () => {
    const endless = await startFakeCamera({
      onRequest: (_operation, response) => {
        const more = (): void => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        };
        response.on('drain', more).on('error', () => {});
        more();
        return true;
      },
    });
    const flooded = await listed(endless);
    expect(flooded.devices[0]!.failure).toMatch(/more than \d+ bytes/);
    const silent = await startFakeCamera({ onRequest: () => true });
    const waited = await listed(silent, { deviceDeadlineMs: 2_000 });
    expect(waited.devices[0]!.failure).toMatch(/took more than 2 s/);
  });

  it('believes no camera whose answer came from somewhere else than it says', async () => {
    const match = { endpoint: 'urn:uuid:x', name: 'x', model: 'y', service: 'http://127.0.0.2:1/onvif' };
    const camera = await startFakeCamera({
      onProbe: (answer, reply) =>
        reply(probeMatches({ ...match, id: /RelatesTo>([^<]*)</.exec(answer)![1]! })),
    });
    const { devices } = await listed(camera, { user: undefined });
    expect(devices).toMatchObject([{ address: '127.0.0.1', port: 1 }]);
  });
});
