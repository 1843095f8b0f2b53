// The relay's way to agents: leases as commands with replies, acknowledgements of live bytes as plain messages.

import { leaseResult } from '@sitecast/shared/protocol/commands';
import type { Address } from '@sitecast/shared/protocol/ids';
import { encodeJson } from '@sitecast/shared/protocol/json-message';
import { topics, type AgentAddress } from '@sitecast/shared/protocol/topics';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { AgentPort } from '../relay/ports.ts';
import type { AgentCommands } from './agent-commands.ts';

export interface AgentPortOptions {
  /** False for a camera that only uploads pictures. */
  hasAgent: (camera: Address) => boolean;
  commands: AgentCommands;
  publish: (topic: string, payload: Uint8Array) => void;
  /** Who has the camera now. */
  agentOf: (camera: Address) => AgentAddress | undefined;
}

/** Below the time between two renewals, so that one is answered before the next is due. */
const LEASE_TIMEOUT_MS = 4_000;

export function createAgentPort({ commands, publish, agentOf, hasAgent }: AgentPortOptions): AgentPort {
  const find = (camera: Address): AgentAddress => {
    const agent = agentOf(camera);
    if (!agent) throw new AppError('NOT_FOUND', `no agent has camera ${camera.site}/${camera.id}`);
    if (!hasAgent(camera))
      throw new AppError('PROFILE_UNSUPPORTED', `camera ${camera.site}/${camera.id} only uploads pictures`);
    return agent;
  };
  return {
    async lease(camera, profile, ttlMs) {
      const args = { camera: camera.id, profile, ttlMs };
      const answer = await commands.request(find(camera), 'live.lease', args, {
        timeoutMs: LEASE_TIMEOUT_MS,
      });
      const checked = leaseResult.safeParse(answer);
      if (checked.success) return checked.data;
      throw new AppError(
        'FRAME_MALFORMED',
        `the answer to live.lease of ${camera.site}/${camera.id} is not one`,
      );
    },
    release(camera, profile) {
      const agent = agentOf(camera);
      if (!agent) return;
      // Whether it arrives is of no consequence: the lease ends by itself.
      commands.request(agent, 'live.release', { camera: camera.id, profile }).catch(() => undefined);
    },
    ack(camera, ack) {
      const agent = agentOf(camera);
      if (agent) publish(topics.liveAck(agent), encodeJson(ack));
    },
  };
}
