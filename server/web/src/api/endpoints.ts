// The calls of the HTTP API that the page makes.

import { API, queryOf, request } from './http.ts';
import type {
  Agent,
  Camera,
  Device,
  DeviceMapping,
  Page,
  Sensor,
  Series,
  SigningKey,
  Site,
  Snapshot,
  SystemReport,
  TriedRule,
  UnmappedSample,
  Timeline,
  User,
} from './types.ts';
import type { LatestValue } from '@sitecast/shared/protocol/viewer-messages';

/** A list is read in pages of this size, and at most this many pages of it. */
const PAGE_ITEMS = 200;
const MAX_PAGES = 10;

export async function everyItem<Item>(path: string): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const answer: Page<Item> = await request('GET', `${path}${queryOf({ limit: PAGE_ITEMS, cursor })}`);
    items.push(...answer.items);
    cursor = answer.nextCursor ?? null;
    if (cursor === null) break;
  }
  return items;
}

export interface SnapshotFilter {
  /** `site/camera`; undefined is every camera. */
  camera?: string | undefined;
  cursor?: string | null;
  limit?: number;
}

export interface SeriesQuery {
  site: string;
  sensor: string;
  metric: string;
  from: string;
  to: string;
  maxPoints: number;
  /** Whose days are meant. */
  tz: string;
}

export interface TimelineQuery {
  site: string;
  from: string;
  to: string;
  camera?: string | undefined;
  sensor?: string | undefined;
  metric?: string | undefined;
  /** IANA name. */
  tz: string;
}

export const addressOf = (camera: string): string => camera.split('/').map(encodeURIComponent).join('/');

export const api = {
  login: async (username: string, password: string): Promise<User> =>
    userOf(await request('POST', 'auth/login', { body: { username, password } })),
  me: async (): Promise<User> => userOf(await request('GET', 'auth/me')),
  logout: (): Promise<void> => request('POST', 'auth/logout', { body: {} }),
  changePassword: (current: string, next: string): Promise<void> =>
    request('POST', 'auth/password', { body: { current, next } }),

  sites: () => everyItem<Site>('sites'),
  agents: () => everyItem<Agent>('agents'),
  cameras: () => everyItem<Camera>('cameras'),
  sensors: () => everyItem<Sensor>('sensors'),
  latest: async (): Promise<LatestValue[]> =>
    (await request<{ items: LatestValue[] }>('GET', 'telemetry/latest')).items,
  system: (): Promise<SystemReport> => request('GET', 'system'),

  snapshots: ({ camera, cursor, limit = 48 }: SnapshotFilter): Promise<Page<Snapshot>> =>
    request(
      'GET',
      `${camera === undefined ? 'snapshots' : `cameras/${addressOf(camera)}/snapshots`}${queryOf({ limit, cursor })}`,
    ),
  /** After a browser could not show it: what the server says. */
  whyNoPicture: (id: string): Promise<unknown> =>
    request('GET', `snapshots/${id}`).catch((error: unknown) => error),
  takeSnapshot: (camera: string): Promise<unknown> =>
    request('POST', `cameras/${addressOf(camera)}/snapshot`, { body: {} }),

  series: async (query: SeriesQuery, signal: AbortSignal): Promise<Series | undefined> => {
    const path = `telemetry/query${queryOf({ ...query })}`;
    return (await request<{ series: Series[] }>('GET', path, { signal })).series[0];
  },

  unmappedSamples: async (): Promise<UnmappedSample[]> =>
    (await request<Page<UnmappedSample>>('GET', 'unmapped-samples')).items,
  tryRules: (sample: UnmappedSample, rules: unknown): Promise<TriedRule> => {
    const { site, device, isOfGateway, topic, payload } = sample;
    const body = { site, topic, payload, rules, ...(isOfGateway ? {} : { device }) };
    return request('POST', 'unmapped-samples/try', { body });
  },

  timeline: (query: TimelineQuery, signal: AbortSignal): Promise<Timeline> =>
    request('GET', `timeline${queryOf({ ...query })}`, { signal }),

  devices: () => everyItem<Device>('devices'),
  addDevice: (device: {
    site: string;
    id: string;
    kind: Device['kind'];
  }): Promise<{ id: string; secret: string }> => request('POST', 'devices', { body: device }),
  signingKeys: async ({ site, id }: Device): Promise<SigningKey[]> =>
    (await request<Page<SigningKey>>('GET', `agents/${addressOf(`${site}/${id}`)}/keys`)).items,
  acceptKey: ({ site, id }: Device, keyId: string): Promise<SigningKey> =>
    request('POST', `agents/${addressOf(`${site}/${id}`)}/keys/${keyId}/accept`, { body: {} }),
  mapDevice: (id: string, mapping: DeviceMapping | null): Promise<Device> =>
    request('PATCH', `devices/${encodeURIComponent(id)}`, { body: { mapping } }),
  revokeDevice: (id: string): Promise<void> => request('DELETE', `devices/${encodeURIComponent(id)}`),
};

export const pictureUrl = (id: string): string => `${API}/snapshots/${id}`;
export const thumbnailUrl = (id: string): string => `${API}/snapshots/${id}/thumbnail`;

function userOf(answer: { user?: User } & Partial<User>): User {
  return answer.user ?? (answer as User);
}
