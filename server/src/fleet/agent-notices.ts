// Tells an agent of a snapshot that was acknowledged and could not be kept after all. Best effort, like every notice: an agent
// that is not connected now is not told.

import type { DroppedNotice } from '@sitecast/shared/protocol/commands';
import { encodeJson } from '@sitecast/shared/protocol/json-message';
import { topics } from '@sitecast/shared/protocol/topics';
import type { RefusedSnapshot } from '../ingest/snapshot-worker.ts';

type Publish = (topic: string, payload: Uint8Array) => void;

export class AgentNotices {
  #publish: Publish = () => undefined;

  /** The broker opens after those who have something to tell. */
  sendThrough(publish: Publish): void {
    this.#publish = publish;
  }

  tellOfSnapshot({ site, agent, camera, id, error }: RefusedSnapshot): void {
    const notice: DroppedNotice = {
      topic: topics.snapshot({ site, agent }, camera),
      code: error.code,
      message: error.message.slice(0, 500),
      id,
      at: new Date().toISOString(),
    };
    this.#publish(topics.agentErrors({ site, agent }), encodeJson(notice));
  }
}
