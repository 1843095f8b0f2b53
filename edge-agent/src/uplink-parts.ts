// The uplink of an agent, made from its settings: connections, the adaptive uplink, and who follows what it offers.

import { join } from 'node:path';
import type { Logger } from '@sitecast/shared/node/logger';
import { topics } from '@sitecast/shared/protocol/topics';
import { systemClock } from '@sitecast/shared/runtime/clock';
import type { Encoders } from './camera/encoder/encoders.ts';
import type { AgentConfig } from './config.ts';
import type { QuietLog } from './health/quiet-log.ts';
import type { LivePublisher } from './live/live-publisher.ts';
import type { AgentStatusMessage } from './reporting/agent-status.ts';
import type { RetainedMessage } from './reporting/retained-message.ts';
import type { AckMeter } from './uplink/ack-meter.ts';
import { AdaptiveUplink } from './uplink/adaptive-uplink.ts';
import { MqttConnection } from './uplink/connection.ts';
import type { Outbox } from './uplink/outbox.ts';
import type { SpoolSender } from './uplink/spool-sender.ts';
import { UplinkBudget } from './uplink/uplink-budget.ts';

interface ConnectionNeeds {
  config: AgentConfig;
  logger: Logger;
}

export function createDataConnection(
  { config, logger }: ConnectionNeeds,
  status: AgentStatusMessage,
  noticesTopic: string,
  acks: AckMeter,
): MqttConnection {
  return new MqttConnection({
    name: 'data',
    url: config.uplink.url,
    caPem: config.caPem,
    clientId: config.agent,
    username: config.agent,
    password: config.secret,
    will: () => ({ topic: status.topic, payload: status.encode('offline') }),
    subscriptions: [topics.command(config), noticesTopic],
    onAcked: (bytes, roundTripMs) => acks.acked(bytes, roundTripMs),
    logger,
  });
}

export function createMediaConnection({ config, logger }: ConnectionNeeds): MqttConnection {
  return new MqttConnection({
    name: 'media',
    url: config.uplink.mediaUrl,
    caPem: config.caPem,
    clientId: `${config.agent}:media`,
    username: config.agent,
    password: config.secret,
    subscriptions: [topics.liveAck(config)],
    logger,
  });
}

export interface UplinkNeeds {
  config: Pick<AgentConfig, 'dataDir' | 'uplink'>;
  outbox: Pick<Outbox, 'agentEvent'>;
  logger: Logger;
  log: QuietLog;
}

/** The caller closes it. */
export async function openAdaptiveUplink({
  config,
  outbox,
  logger,
  log,
}: UplinkNeeds): Promise<AdaptiveUplink> {
  const budget =
    config.uplink.budget &&
    (await UplinkBudget.open({
      ...config.uplink.budget,
      path: join(config.dataDir, 'uplink-month.json'),
      // The outbox counts and logs a failure; there is nobody else to tell.
      tell: (event) => void outbox.agentEvent(event).catch(() => {}),
      logger,
      log,
      clock: systemClock,
    }));
  return new AdaptiveUplink({ budget, logger });
}

export interface UplinkFollowers {
  data: MqttConnection;
  media: MqttConnection;
  live: LivePublisher;
  encoders: Encoders | undefined;
  inventory: RetainedMessage;
  sender: SpoolSender;
}

/** From here on the uplink is looked at, and what it carries is what is offered. */
export function startAdaptiveUplink(uplink: AdaptiveUplink, followers: UplinkFollowers): void {
  const { data, media, live, encoders, inventory, sender } = followers;
  uplink.onOffer(({ pace }) => {
    encoders?.setPace(pace);
    live.offersChanged();
    inventory.changed();
    sender.wake();
  });
  uplink.start({ connections: [data, media], live });
}
