// SIGHUP: what is the same in the configuration goes on as if nothing had happened, what is another one comes, goes or changes.

import { existsSync, readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cameraEvent } from '@sitecast/shared/protocol/events';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import { topics } from '@sitecast/shared/protocol/topics';
import { PATIENCE_MS } from '../../../shared/test/patience.ts';
import { requireTool } from '../../../shared/test/require-tool.ts';
import { temporaryFolder, waitFor } from '../support.ts';
import { startMosquitto } from './brokers.ts';
import { address, childrenOf, FakeServer, launch, type RunningAgent } from './running-agent.ts';
import { makeMovie, startScriptedCamera, type Movie, type ScriptedCamera } from './scripted-camera.ts';

/** Tells what keeps the process busy: handles and timers. */
const TELL_RESOURCES =
  'process.on("SIGUSR2",()=>process._rawDebug("resources "+JSON.stringify(process.getActiveResourcesInfo())))';

interface Site {
  server: FakeServer;
  agent: RunningAgent;
  pid: number;
  folder: string;
  /** The whole file, but for what every agent needs. */
  configure: (settings: string) => Promise<void>;
  reload: (settings: string) => Promise<void>;
  untilLive: (...ids: string[]) => Promise<unknown>;
}

async function startSite(settings: string): Promise<Site> {
  const mosquitto = await startMosquitto();
  const { url } = mosquitto;
  const server = new FakeServer(mosquitto);
  server.ackLive();
  const folder = await temporaryFolder();
  const path = join(folder, 'agent.yaml');
  const configure = (text: string): Promise<void> =>
    writeFile(path, `${FIRST_LINES}uplink: { url: "${url}", mediaUrl: "${url}" }\n${text}`);
  await configure(settings);
  const preload = `data:text/javascript,${encodeURIComponent(TELL_RESOURCES)}`;
  const env = { SITECAST_AGENT_SECRET: 's3cret', NODE_OPTIONS: `--import=${preload}` };
  const agent = launch(['run', '--config', path], env);
  return {
    server,
    agent,
    pid: agent.child.pid!,
    folder,
    configure,
    reload: async (text) => {
      await configure(text);
      agent.child.kill('SIGHUP');
    },
    untilLive: (...ids) =>
      waitFor(
        () => {
          const listed = server.cameras();
          const isAll = listed.map(({ id }) => id).join() === ids.join();
          return isAll && listed.every(({ state }) => state === 'live');
        },
        `${ids.join(', ')} to be live`,
      ),
  };
}

const FIRST_LINES = 'site: demo\nagent: gateway\ndataDir: ./data\n';

const entry = (id: string, { url }: ScriptedCamera, more = ''): string =>
  `  - { id: ${id}, source: "${url}", snapshotIntervalSeconds: 0${more} }\n`;
const camerasOf = (...entries: string[]): string => `cameras:\n${entries.join('')}`;

async function untilResources(
  site: Site,
  isEnough: (count: number) => boolean,
  what: string,
): Promise<number> {
  return waitFor(async () => {
    const told = (): string[] => site.agent.stderr().match(/^resources .*$/gm) ?? [];
    const before = told().length;
    site.agent.child.kill('SIGUSR2');
    await waitFor(() => told().length > before, 'what keeps the agent busy');
    const resources = JSON.parse(told().at(-1)!.slice('resources '.length)) as string[];
    const count = resources.length + readdirSync(`/proc/${site.pid}/fd`).length;
    return isEnough(count) && count;
  }, what);
}

/** The first of them longest; at the start there is one more for a moment, which tries an encoder. */
function untilChildren(pid: number, count: number): Promise<number[]> {
  const all = (): number[] => childrenOf(pid);
  return waitFor(() => all().length === count && all(), `${count} processes`);
}

/** What a viewer of the camera got, from the first lease on: nothing is missing, and nothing began anew. */
function expectWithoutGap(server: FakeServer, camera: string): void {
  const headers = server.frames('main', camera).map(({ header }) => header);
  expect(new Set(headers.map(({ epoch }) => epoch)).size).toBe(1);
  expect(headers.map(({ sequence }) => sequence)).toEqual(headers.map((_, index) => index));
  expect(headers.slice(2).some(({ isDiscontinuity }) => isDiscontinuity)).toBe(false);
}

async function untilMoreFrames(server: FakeServer, camera: string): Promise<void> {
  const before = server.frames('main', camera).length;
  await waitFor(() => server.frames('main', camera).length > before + 20, `frames of ${camera}`);
}

const leaseOf = (camera: string): object => ({ camera, profile: 'main', ttlMs: 60_000 });

describe.skipIf(!requireTool('mosquitto', 'the agent is tested against a real broker'))('SIGHUP', () => {
  let made: Promise<Movie> | undefined;
  const play = async (): Promise<ScriptedCamera> => {
    const movie = await (made ??= makeMovie());
    return startScriptedCamera({ movie, script: async (session) => void (await session.play(movie)) });
  };

  test(
    'changes what is another one, and nothing else',
    async () => {
      const [kept, changed, removed, added] = await Promise.all([play(), play(), play(), play()]);
      const site = await startSite(camerasOf(entry('kept', kept)));
      const { server, pid } = site;
      await site.untilLive('kept');
      const [capture] = await untilChildren(pid, 1);
      await server.keepLeased('main', 'kept');

      await site.reload(camerasOf(entry('kept', kept), entry('changed', changed), entry('removed', removed)));
      await site.untilLive('kept', 'changed', 'removed');
      const before = await untilChildren(pid, 3);
      await server.lease('main', 'removed');
      await untilMoreFrames(server, 'removed');

      const rule = `rules:
  - { id: hello, when: { event: online, camera: added }, then: [{ event: { kind: hello, camera: kept } }] }
`;
      const other = entry('changed', changed, ', name: "Another name"');
      await site.reload(camerasOf(entry('added', added), entry('kept', kept), other) + rule);
      await site.untilLive('added', 'kept', 'changed');
      expect(server.cameras().at(-1)).toMatchObject({ id: 'changed', name: 'Another name' });
      const after = await untilChildren(pid, 3);
      expect(after.filter((child) => before.includes(child))).toEqual([capture]);
      expect([kept, changed, removed, added].map(({ plays }) => plays)).toEqual([1, 2, 1, 1]);

      // Nobody gets a picture of what is gone, and everybody goes on seeing what stayed.
      const framesOfRemoved = server.frames('main', 'removed').length;
      await untilMoreFrames(server, 'kept');
      expect(server.frames('main', 'removed')).toHaveLength(framesOfRemoved);
      expectWithoutGap(server, 'kept');
      for (const op of ['live.lease', 'snapshot', 'camera.test']) {
        const reply = await server.command(
          op,
          op === 'live.lease' ? leaseOf('removed') : { camera: 'removed' },
        );
        expect(reply).toMatchObject({ ok: false, error: { code: 'NOT_FOUND' } });
      }
      await server.lease('main', 'changed');
      expect(await server.command('snapshot', { camera: 'added' })).toMatchObject({ ok: true });
      const kinds = (): string[] =>
        server.of(topics.event(address, 'kept')).map((payload) => decodeMessage(cameraEvent, payload).kind);
      await waitFor(() => kinds().includes('hello'), 'what the new rule says');
      const inHealth = (): string | undefined =>
        server
          .health()
          ?.cameras.map(({ id }) => id)
          .join();
      await waitFor(() => inHealth() === 'added,kept,changed', 'health of those that there are');
      expect(server.health()!.reload).toMatchObject({ refused: null, needRestart: [] });
    },
    10 * PATIENCE_MS,
  );

  test(
    'refuses a configuration with errors as a whole, and names what needs a restart',
    async () => {
      const [kept, added] = await Promise.all([play(), play()]);
      const good = camerasOf(entry('kept', kept));
      const site = await startSite(good);
      const { server, agent } = site;
      await site.untilLive('kept');
      const [capture] = await untilChildren(site.pid, 1);
      await server.keepLeased('main', 'kept');

      const bad = `colour: red\n${good}${entry('added', added)}  - { id: Bad, source: "rtsp://u:hunter2@h/x y" }\n`;
      await site.reload(bad);
      const refusal = (): string | null | undefined => server.health()?.reload?.refused;
      await waitFor(refusal, 'health that says so');
      expect(refusal()).toMatch(
        /agent\.yaml is not valid:\n {2}line 5: "colour" is wrong: unknown key\n {2}line 9/,
      );
      for (const line of ['line 5: \\"colour\\" is wrong', 'line 9: \\"cameras.2.id\\" is wrong'])
        expect(agent.stderr()).toContain(line);
      expect(agent.stderr()).not.toContain('hunter2');
      await untilMoreFrames(server, 'kept');
      expect([kept.plays, added.plays]).toEqual([1, 0]);

      await site.reload(
        `${good}${entry('added', added)}encoder: software\nsensors: []\nspool: { replayPercent: 90 }\n`,
      );
      await site.untilLive('kept', 'added');
      const needRestart = (): string | undefined => server.health()?.reload?.needRestart.join();
      await waitFor(() => needRestart() === 'encoder,spool.replayPercent', 'health that says so');
      expect(refusal()).toBeNull();
      expect(agent.stderr()).toContain(
        'needs a restart, and is as before until then: encoder, spool.replayPercent',
      );
      expect(await untilChildren(site.pid, 2)).toContain(capture);
      expect(kept.plays).toBe(1);
      expectWithoutGap(server, 'kept');
    },
    10 * PATIENCE_MS,
  );

  test(
    'leaves nothing behind of cameras that come and go',
    async () => {
      const [kept, guest] = await Promise.all([play(), play()]);
      const one = `${camerasOf(entry('kept', kept))}encoder: software\nencoders: { maxProcesses: 1 }\n`;
      const both = one.replace('encoder:', `${entry('guest', guest)}encoder:`);
      const site = await startSite(one);
      await site.untilLive('kept');
      const children = await untilChildren(site.pid, 1);
      const comeAndGo = async (): Promise<void> => {
        await site.reload(both);
        await site.untilLive('kept', 'guest');
        // The only encoder: it has to be given back each time.
        await site.server.lease('low', 'guest');
        const guests = (await untilChildren(site.pid, 3)).filter((child) => !children.includes(child));
        await site.reload(one);
        await site.untilLive('kept');
        await waitFor(() => guests.every((child) => !existsSync(`/proc/${child}`)), 'its processes to end');
      };
      // Once for what is made at the first time and stays.
      await comeAndGo();
      const usual = await untilResources(site, () => true, 'the usual number');
      for (let time = 0; time < 10; time += 1) await comeAndGo();
      await untilResources(site, (count) => count <= usual, `${usual} handles and timers`);
      expect(childrenOf(site.pid)).toEqual(children);
      expect([kept.plays, guest.plays]).toEqual([1, 11]);
      expect(readdirSync(join(site.folder, 'data/run'))).toHaveLength(1);
    },
    10 * PATIENCE_MS,
  );

  test(
    'is harmless while the agent starts, in any number, and while it ends',
    async () => {
      const [kept, added] = await Promise.all([play(), play()]);
      const one = camerasOf(entry('kept', kept));
      const site = await startSite(one);
      const { agent } = site;
      await waitFor(() => agent.stderr().includes('agent starts'), 'the start');
      await site.reload(camerasOf(entry('kept', kept), entry('added', added)));
      await site.untilLive('kept', 'added');
      for (let time = 0; time < 20; time += 1) agent.child.kill('SIGHUP');
      await site.reload(one);
      await site.untilLive('kept');
      await site.reload(camerasOf(entry('kept', kept), entry('added', added)));
      agent.child.kill('SIGTERM');
      for (let time = 0; time < 20; time += 1) agent.child.kill('SIGHUP');
      expect(await agent.exit).toBe(0);
      expect(kept.plays).toBe(1);
    },
    10 * PATIENCE_MS,
  );
});
