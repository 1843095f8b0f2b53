// What is done with each message of a device. Resolves when the message is durable: the broker then sends its PUBACK.

import type { Address } from '@sitecast/shared/protocol/ids';
import { reply } from '@sitecast/shared/protocol/commands';
import { agentEvent, cameraEvent, type AgentEvent, type CameraEvent } from '@sitecast/shared/protocol/events';
import type { Profile } from '@sitecast/shared/protocol/frame-header';
import { decodeMessage } from '@sitecast/shared/protocol/json-message';
import {
  agentHealth,
  agentStatus,
  cameraInventory,
  type AgentHealth,
  type AgentStatus,
  type CameraInventory,
} from '@sitecast/shared/protocol/status';
import { parseReadings, type Reading } from '@sitecast/shared/protocol/telemetry';
import { sealMessage, type SealMessage } from '@sitecast/shared/protocol/evidence';
import type { AgentAddress, ParsedTopic } from '@sitecast/shared/protocol/topics';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { ulid } from 'ulid';
import type * as z from 'zod';
import { expectBelievable, isBelievable } from '../ingest/captured-at.ts';
import type { DeviceAddress } from './devices.ts';
import type { ForeignIntake } from '../foreign/foreign-intake.ts';
import type { Fleet } from './fleet.ts';
import type { UpdateHub } from './updates.ts';

export interface DeviceMessage {
  from: DeviceAddress;
  topic: ParsedTopic;
  payload: Buffer;
  receivedAtMs: number;
}

export interface DeviceMessagesOptions {
  fleet: Fleet;
  updates: UpdateHub;
  commands: {
    acceptReply(from: AgentAddress, answer: z.output<typeof reply>): void;
    tellTime(to: AgentAddress, times: { healthAt: string; nowMs: number }): void;
  };
  snapshots: { accept(from: AgentAddress & { camera: string }, envelope: Uint8Array): Promise<void> };
  clips: { accept(from: AgentAddress & { camera: string }, chunk: Uint8Array): Promise<void> };
  events: {
    insert(camera: Address, agent: string, event: CameraEvent): Promise<void>;
    insertOfAgent(from: AgentAddress, event: AgentEvent): Promise<void>;
  };
  evidence: {
    seals: { accept(from: AgentAddress, seal: SealMessage): Promise<void> };
    keys: { seen(from: AgentAddress, publicKey: string): Promise<{ keyId: string } | undefined> };
  };
  foreign: Pick<ForeignIntake, 'readingsOf' | 'note'>;
  /** Where cameras come and go. */
  outages: { followCamera(camera: Address, at: Date): Promise<void> };
  readings: { add(site: string, sensor: string, source: DeviceAddress, readings: Reading[]): Promise<void> };
  live: {
    acceptFrame(camera: Address, profile: Profile, bytes: Buffer): void;
    offersChanged(site: string): void;
  };
}

export class DeviceMessages {
  readonly #options: DeviceMessagesOptions;
  readonly #counters = { framesReceived: 0, bytesReceived: 0, framesOfOthers: 0 };

  constructor(options: DeviceMessagesOptions) {
    this.#options = options;
  }

  /** Live frames as they came in, wanted or not: with zero viewers they must stand still. */
  get liveCounters(): Readonly<Record<string, number>> {
    return this.#counters;
  }

  /** Synchronous, no copy: the broker calls it before routing. */
  onLiveFrame(from: DeviceAddress, topic: Extract<ParsedTopic, { kind: 'live' }>, bytes: Buffer): void {
    this.#counters.framesReceived += 1;
    this.#counters.bytesReceived += bytes.length;
    if (!this.#options.fleet.mayPublish({ site: from.site, agent: from.id }, topic.camera)) {
      this.#counters.framesOfOthers += 1;
      return;
    }
    this.#options.live.acceptFrame({ site: from.site, id: topic.camera }, topic.profile, bytes);
  }

  /**
   * @throws {AppError} not retryable when the message itself is bad: it is acknowledged, dropped and reported to the
   * device; anything else means that it could not be kept now, and the device sends it again.
   */
  async onMessage({ from, topic, payload, receivedAtMs }: DeviceMessage): Promise<void> {
    const { fleet, commands, readings } = this.#options;
    switch (topic.kind) {
      case 'status':
        return this.#acceptStatus(topic, decodeMessage(agentStatus, payload), receivedAtMs);
      case 'cameras':
        return this.#acceptInventory(topic, decodeMessage(cameraInventory, payload));
      case 'health':
        return this.#acceptHealth(topic, decodeMessage(agentHealth, payload), receivedAtMs);
      case 'reply':
        return commands.acceptReply(topic, decodeMessage(reply, payload));
      case 'snapshot':
        this.#expectOwn(topic, topic.camera);
        return this.#options.snapshots.accept(topic, payload);
      case 'clip':
        this.#expectOwn(topic, topic.camera);
        return this.#options.clips.accept(topic, payload);
      case 'event':
        this.#expectOwn(topic, topic.camera);
        return this.#acceptEvent(topic, topic.camera, decodeMessage(cameraEvent, payload), receivedAtMs);
      case 'agent-event':
        return this.#acceptAgentEvent(topic, decodeMessage(agentEvent, payload), receivedAtMs);
      case 'seal':
        return this.#options.evidence.seals.accept(topic, decodeMessage(sealMessage, payload));
      case 'agent-telemetry': {
        const parsed = parseReadings(payload, receivedAtMs);
        await fleet.sensorSeen({ site: topic.site, id: topic.sensor }, topic.agent);
        return readings.add(topic.site, topic.sensor, from, parsed);
      }
      case 'sensor-telemetry':
        return this.#acceptReadings(from, topic, this.#parseOrNote(topic, payload, receivedAtMs));
      case 'sensor-foreign':
        return this.#acceptReadings(
          from,
          topic,
          await this.#options.foreign.readingsOf(
            { ...topic, payload, arrivalMs: receivedAtMs },
            from.mapping,
          ),
        );
      case 'live':
      case 'command':
      case 'live-ack':
      case 'agent-errors':
      case 'agent-alerts':
      case 'sensor-errors':
      case 'sensor-alerts':
        throw new AppError('FORBIDDEN', `a device does not publish to its ${topic.kind} topic`);
    }
  }

  async #acceptStatus({ site, agent }: AgentAddress, status: AgentStatus, nowMs: number): Promise<void> {
    const { fleet, events, evidence } = this.#options;
    await fleet.applyStatus({ site, agent }, status);
    const another = status.publicKey && (await evidence.keys.seen({ site, agent }, status.publicKey));
    if (!another) return;
    const at = new Date(nowMs).toISOString();
    const detail = `The gateway signs with another key, ${another.keyId}. Nothing that it signs is believed before an admin accepts it.`;
    await events.insertOfAgent(
      { site, agent },
      { id: ulid(nowMs), kind: 'signing-key', at, until: at, detail, gap: null },
    );
  }

  /** A sensor that speaks another project's language has to be given its topics: whoever gives them sees which. */
  onForbidden(
    { kind, site, id: sensor }: DeviceAddress,
    { topic, payload }: { topic: string; payload: Buffer },
  ): void {
    if (kind !== 'sensor') return;
    const message = { site, sensor, topic, payload, arrivalMs: Date.now() };
    this.#options.foreign.note(message, 'not a topic of this device, nor one that it was given');
  }

  async #acceptInventory(from: AgentAddress, inventory: CameraInventory): Promise<void> {
    // Cameras of another agent refuse the message, but not those that are this agent's own.
    await this.#options.fleet
      .applyInventory(from, inventory)
      .finally(() => this.#options.live.offersChanged(from.site));
  }

  #acceptHealth(from: AgentAddress, health: AgentHealth, nowMs: number): Promise<void> {
    // Before it is stored: what that takes would be in the measured round trip.
    this.#options.commands.tellTime(from, { healthAt: health.at, nowMs });
    return this.#options.fleet.applyHealth(from, health);
  }

  async #acceptEvent(
    { site, agent }: AgentAddress,
    camera: string,
    event: CameraEvent,
    nowMs: number,
  ): Promise<void> {
    const { id, at, until } = event;
    expectBelievable(at, { what: 'at', id, nowMs });
    if (until !== null) expectBelievable(until, { what: 'until', id, nowMs });
    await this.#options.events.insert({ site, id: camera }, agent, event);
    // Once more with each repetition, so what could not be stored with the event is stored before the PUBACK.
    if (event.kind === 'online' || event.kind === 'offline')
      await this.#options.outages.followCamera({ site, id: camera }, new Date(at));
    this.#tell(site, camera, event);
  }

  /** With any clock: an agent that says what it lost is not sent away because its clock is wrong. */
  async #acceptAgentEvent({ site, agent }: AgentAddress, event: AgentEvent, nowMs: number): Promise<void> {
    const isPlaced = [event.at, event.until ?? event.at].every((time) => isBelievable(time, nowMs));
    const arrival = new Date(nowMs).toISOString();
    const placed = isPlaced ? event : { ...event, at: arrival, until: event.until && arrival };
    await this.#options.events.insertOfAgent({ site, agent }, placed);
    this.#tell(site, null, placed);
  }

  #tell(site: string, camera: string | null, { id, kind, at, until }: CameraEvent | AgentEvent): void {
    this.#options.updates.publish({ type: 'event', site, camera, id, kind, at, until });
  }

  /** Of a sensor that speaks for itself; none is nothing to be kept. */
  async #acceptReadings(
    from: DeviceAddress,
    { site, sensor }: { site: string; sensor: string },
    readings: Reading[],
  ): Promise<void> {
    if (readings.length === 0) return;
    await this.#options.fleet.sensorSeen({ site, id: sensor }, null);
    await this.#options.readings.add(site, sensor, from, readings);
  }

  /** @throws {AppError} as `parseReadings` does; somebody can look at such a message. */
  #parseOrNote(
    { site, sensor }: { site: string; sensor: string },
    payload: Buffer,
    arrivalMs: number,
  ): Reading[] {
    try {
      return parseReadings(payload, arrivalMs);
    } catch (error) {
      this.#options.foreign.note({ site, sensor, topic: 'telemetry', payload, arrivalMs }, messageOf(error));
      throw error;
    }
  }

  #expectOwn(from: AgentAddress, camera: string): void {
    if (this.#options.fleet.mayPublish(from, camera)) return;
    throw new AppError('FORBIDDEN', `camera ${camera} of site ${from.site} belongs to another agent`);
  }
}
