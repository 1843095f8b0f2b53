// The calls of the HTTP API about clips, and what they answer.

import { addressOf } from '../api/endpoints.ts';
import { API, queryOf, refusalOf, request } from '../api/http.ts';
import type { Agent, Page } from '../api/types.ts';

/** One that is on the server. */
export interface Clip {
  id: string;
  site: string;
  camera: string;
  startedAt: string;
  receivedAt: string;
  durationMs: number;
  reason: string;
  codec: string;
  width: number;
  height: number;
  bytes: number;
  /** A picture taken while it was recorded. */
  snapshotId: string | null;
}

/** Of kind `clip`: what the gateway tells of one that it records. */
export interface ClipEvent {
  id: string;
  site: string;
  camera: string;
  clipId: string;
  at: string;
  until: string | null;
  detail: string | null;
}

export interface ArrivingClip {
  id: string;
  bytes: number;
  receivedBytes: number;
  changedAt: string;
}

export interface ClipFilter {
  /** `site/camera`; undefined is every camera. */
  camera?: string | undefined;
  /** Where no camera is named; undefined is every site. */
  site?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

export interface PageOf {
  cursor?: string | null;
  limit: number;
}

export const clipApi = {
  clips: ({ camera, site, ...period }: ClipFilter, page: PageOf): Promise<Page<Clip>> =>
    camera === undefined
      ? request('GET', `clips${queryOf({ site, ...period, ...page })}`)
      : request('GET', `cameras/${addressOf(camera)}/clips${queryOf({ ...period, ...page })}`),
  events: ({ camera, site, ...period }: ClipFilter, page: PageOf): Promise<Page<ClipEvent>> => {
    const [cameraSite, id] = camera?.split('/') ?? [site];
    return request(
      'GET',
      `events${queryOf({ kind: 'clip', site: cameraSite, camera: id, ...period, ...page })}`,
    );
  },
  arriving: async (): Promise<ArrivingClip[]> =>
    (await request<Page<ArrivingClip>>('GET', 'clips/arriving')).items,
  record: (camera: string): Promise<{ clipId: string }> =>
    request('POST', `cameras/${addressOf(camera)}/clip`, { body: {} }),
  fetch: (camera: string, id: string): Promise<{ bytes: number }> =>
    request('POST', `cameras/${addressOf(camera)}/clips/${id}/upload`, { body: {} }),
  remove: (id: string): Promise<void> => request('DELETE', `clips/${id}`),
  /** After a browser could not play it: what the server says; undefined when the server would send it. */
  whyNot: (id: string): Promise<unknown> => refusalOf(`clips/${id}`),
  agent: (site: string, id: string): Promise<Agent> => request('GET', `agents/${addressOf(`${site}/${id}`)}`),
};

export const clipUrl = (id: string): string => `${API}/clips/${id}`;
