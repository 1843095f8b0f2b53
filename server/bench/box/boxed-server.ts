// The server, PostgreSQL and Redis, each in a memory group of its size, all on two CPUs.

import { Resources } from '../harness/resources.ts';
import { SitecastServer } from '../harness/sitecast-server.ts';
import { TempDir } from '../harness/temp-dir.ts';
import { ControlGroups, type MemoryGroup } from './control-groups.ts';
import { hasRedis, startRedis } from './redis.ts';

const MIB = 1024 * 1024;
export const SERVER_BYTES = 1_536 * MIB;
const POSTGRES_BYTES = 512 * MIB;
const REDIS_BYTES = 256 * MIB;
export const BOX_CORES = 2;

/** One user stands for all viewers, one address for all uploads; every other bound is the default. */
const ENV = {
  MAX_VIEWERS_PER_USER: '100',
  HTTP_REQUESTS_PER_MINUTE: '100000',
};

export class BoxedServer implements AsyncDisposable {
  readonly server: SitecastServer;
  readonly group: MemoryGroup;
  readonly #resources: Resources;

  private constructor(server: SitecastServer, group: MemoryGroup, resources: Resources) {
    this.server = server;
    this.group = group;
    this.#resources = resources;
  }

  /** @throws {Unavailable} */
  static async start(log: (line: string) => void): Promise<BoxedServer> {
    await using resources = new Resources();
    const groups = resources.use(new ControlGroups(BOX_CORES));
    const group = groups.memoryGroup('server', SERVER_BYTES);
    const postgres = groups.memoryGroup('postgres', POSTGRES_BYTES);
    const { path } = resources.use(new TempDir());
    const env: Record<string, string> = { ...ENV };
    if (hasRedis()) {
      const redis = await startRedis(path, groups.memoryGroup('redis', REDIS_BYTES));
      resources.use(redis.program);
      env.REDIS_URL = redis.url;
    } else log('redis-server is not installed: jobs wait in PostgreSQL');
    const server = await SitecastServer.start({
      env,
      launch: (options) => group.launch(options),
      onDatabase: (pids) => postgres.add(pids),
    });
    resources.use(server);
    return new BoxedServer(server, group, resources.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}
