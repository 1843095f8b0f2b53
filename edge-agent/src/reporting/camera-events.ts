// Turns the states of cameras into events: `online` when the picture comes, `offline` when it is gone.

import { ulid } from 'ulid';
import type { CameraEvent } from '@sitecast/shared/protocol/events';
import type { CameraReport, CameraState } from '@sitecast/shared/protocol/status';

/** `connecting` is neither: a short interruption is no event. `stopped` is the agent's doing. */
const PRESENCE: Partial<Record<CameraState, 'online' | 'offline'>> = {
  live: 'online',
  waiting: 'offline',
  failed: 'offline',
};

/** Remembers one word a camera. */
export class CameraEvents {
  readonly #emit: (camera: string, event: CameraEvent) => void;
  readonly #presence = new Map<string, 'online' | 'offline'>();

  constructor(emit: (camera: string, event: CameraEvent) => void) {
    this.#emit = emit;
  }

  report({ id, state, since, detail }: CameraReport): void {
    const presence = PRESENCE[state];
    if (!presence || presence === this.#presence.get(id)) return;
    this.#presence.set(id, presence);
    this.#emit(id, { id: ulid(), kind: presence, at: since, until: null, detail, snapshotId: null });
  }
}
