// PROTOCOL.md and the code say the same: every sample is read by the real codec, every table is compared both ways.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { alertMessage } from '../../src/protocol/alert-message.ts';
import { clipChunkHeader, decodeClipChunk, encodeClipChunk } from '../../src/protocol/clip-chunk.ts';
import {
  clipResult,
  command,
  droppedNotice,
  leaseResult,
  liveAck,
  reply,
  snapshotResult,
} from '../../src/protocol/commands.ts';
import { WIRE_ERRORS } from '../../src/protocol/errors.ts';
import { sealBody, sealMessage } from '../../src/protocol/evidence.ts';
import { agentEvent, cameraEvent } from '../../src/protocol/events.ts';
import { decodeFrame, encodeFrame, FrameKind, PROFILES } from '../../src/protocol/frame-header.ts';
import { decodeMessage, encodeJson } from '../../src/protocol/json-message.ts';
import * as limits from '../../src/protocol/limits.ts';
import {
  decodeSnapshotEnvelope,
  encodeSnapshotEnvelope,
  snapshotHeader,
} from '../../src/protocol/snapshot-envelope.ts';
import { agentHealth, agentStatus, cameraInventory } from '../../src/protocol/status.ts';
import { parseReadings } from '../../src/protocol/telemetry.ts';
import { topics } from '../../src/protocol/topics.ts';
import { PROTOCOL_VERSION } from '../../src/protocol/version.ts';
import { CloseCode, viewerMessage } from '../../src/protocol/viewer-messages.ts';
import { appErrorOf } from '../app-error-of.ts';
import { code, DOCUMENT, rulesOf, samplesOf, tableOf } from './document.ts';
import { liveMessage, updateMessage } from './server-messages.ts';

const ARRIVAL = Date.UTC(2026, 2, 1, 9, 0, 3);

/** Reads a sample and writes it again: nothing of an honest sample may be lost on the way. */
const json =
  (schema: z.ZodType) =>
  (bytes: Uint8Array): void => {
    const sample = JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown;
    expect(decodeMessage(schema, bytes)).toEqual(sample);
  };

const CODECS: Record<string, (bytes: Uint8Array) => void> = {
  'dropped-notice': json(droppedNotice),
  alert: json(alertMessage),
  status: json(agentStatus),
  inventory: json(cameraInventory),
  health: json(agentHealth),
  event: json(cameraEvent),
  'agent-event': json(agentEvent),
  seal: json(sealMessage),
  'seal-body': json(sealBody),
  command: json(command),
  reply: json(reply),
  'lease-result': json(leaseResult),
  'snapshot-result': json(snapshotResult),
  'clip-result': json(clipResult),
  'clip-header': json(clipChunkHeader),
  'live-ack': json(liveAck),
  'snapshot-header': json(snapshotHeader),
  viewer: json(viewerMessage),
  live: json(liveMessage),
  update: json(updateMessage),
  telemetry: (bytes) => void parseReadings(bytes, ARRIVAL),
  'live-frame': (bytes) => {
    const { header, payload } = decodeFrame(bytes);
    expect(encodeFrame(header, payload)).toEqual(bytes);
  },
  'clip-chunk': (bytes) => {
    const chunk = decodeClipChunk(bytes);
    expect(encodeClipChunk(chunk)).toEqual(bytes);
    expect(createHash('sha256').update(chunk.bytes).digest('hex')).toBe(chunk.header.sha256);
  },
  'snapshot-envelope': (bytes) => {
    const envelope = decodeSnapshotEnvelope(bytes);
    expect(encodeSnapshotEnvelope(envelope)).toEqual(bytes);
    expect(createHash('sha256').update(envelope.snapshot).digest('hex')).toBe(envelope.header.sha256);
  },
};

const samples = samplesOf(DOCUMENT);
const honest = samples.filter(({ refusedWith }) => refusedWith === undefined);

const parsed = (label: string): Record<string, unknown>[] =>
  honest
    .filter((sample) => sample.label === label)
    .map(({ bytes }) => JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<string, unknown>);

/** The literals that tell the members of a union apart. */
const variantsOf = (union: { options: readonly z.ZodObject[] }, key: string): unknown[] =>
  union.options.map((option) => (option.shape[key] as z.ZodLiteral).value);

describe('samples of PROTOCOL.md', () => {
  it.each(honest)('$label of line $line is read by its codec', ({ label, bytes }) => {
    const codec = CODECS[label];
    if (!codec) throw new Error(`no codec is named ${label}`);
    codec(bytes);
  });

  it.each(samples.filter(({ refusedWith }) => refusedWith !== undefined))(
    '$label of line $line is refused with $refusedWith',
    ({ label, bytes, refusedWith }) => {
      expect(appErrorOf(() => CODECS[label]?.(bytes)).code).toBe(refusedWith);
    },
  );

  it('show every message that there is', () => {
    expect([...new Set(honest.map(({ label }) => label))].sort()).toEqual(Object.keys(CODECS).sort());
  });

  it('show every command, every viewer and server message, and both kinds of reply', () => {
    const shown = (label: string, key: string): unknown[] =>
      [...new Set(parsed(label).map((message) => message[key]))].sort();
    expect(shown('command', 'op')).toEqual(variantsOf(command, 'op').sort());
    expect(shown('viewer', 'type')).toEqual(variantsOf(viewerMessage, 'type').sort());
    expect(shown('live', 'type')).toEqual(variantsOf(liveMessage, 'type').sort());
    expect(shown('update', 'type')).toEqual(variantsOf(updateMessage, 'type').sort());
    expect(shown('reply', 'ok')).toEqual([false, true]);
  });

  it('of a lease reply hold a lease result', () => {
    const [lease] = parsed('reply');
    expect(leaseResult.safeParse(lease?.result).success).toBe(true);
  });

  it('hold the header that the sample envelope holds', () => {
    const envelope = honest.find(({ label }) => label === 'snapshot-envelope');
    expect(parsed('snapshot-header')).toEqual([
      decodeSnapshotEnvelope(envelope?.bytes ?? new Uint8Array()).header,
    ]);
  });

  it('hold the header that the sample chunk of a clip holds', () => {
    const chunk = honest.find(({ label }) => label === 'clip-chunk');
    expect(parsed('clip-header')).toEqual([decodeClipChunk(chunk?.bytes ?? new Uint8Array()).header]);
  });

  it('say of an error what the code says', () => {
    const [shown] = parsed('live').filter(({ type }) => type === 'error');
    expect([shown?.message, shown?.messageKo]).toEqual(WIRE_ERRORS.STREAM_LIMIT);
  });

  it('are all below the limit of a JSON message when written by the code', () => {
    for (const label of ['inventory', 'health']) {
      expect(encodeJson(parsed(label)[0]).length).toBeLessThan(limits.MAX_JSON_MESSAGE_BYTES);
    }
  });
});

describe('tables of PROTOCOL.md', () => {
  it('name each topic that the code builds, and no other', () => {
    const agent = { site: '{site}', agent: '{agent}' };
    const built = [
      topics.status(agent),
      topics.cameras(agent),
      topics.health(agent),
      topics.command(agent),
      topics.reply(agent),
      topics.agentErrors(agent),
      topics.agentAlerts(agent),
      topics.live(agent, '{camera}', '{profile}' as 'main'),
      topics.liveAck(agent),
      topics.snapshot(agent, '{camera}'),
      topics.clip(agent, '{camera}'),
      topics.event(agent, '{camera}'),
      topics.agentEvent(agent),
      topics.seal(agent),
      topics.agentTelemetry(agent, '{sensor}'),
      topics.sensorTelemetry('{site}', '{sensor}'),
      topics.sensorForeign('{site}', '{sensor}', '{topic...}'),
      topics.sensorErrors('{site}', '{sensor}'),
      topics.sensorAlerts('{site}', '{sensor}'),
    ];
    expect(built).toHaveLength(Object.keys(topics).length);
    const rows = tableOf(DOCUMENT, ['Topic', 'Direction', 'Listener', 'QoS', 'Retained', 'Payload']);
    const documented = rows.map(({ Topic }) => code(Topic).replace(/^S\//, 'sitecast/v1/{site}/'));
    expect(documented.sort()).toEqual(built.sort());
  });

  it('name each error code with its sentences, and no other', () => {
    const rows = tableOf(DOCUMENT, ['Code', 'English', 'Korean', 'What the receiver does']);
    const documented = rows.map(({ Code, English, Korean }) => [code(Code), [English, Korean]]);
    expect(documented).toEqual(Object.entries(WIRE_ERRORS));
  });

  it('name each limit with its value, and no other', () => {
    const rows = tableOf(DOCUMENT, ['Name', 'Value', 'Unit', 'Of what']);
    const documented = Object.fromEntries(rows.map(({ Name, Value }) => [code(Name), Number(Value)]));
    const { KIB: _kib, MIB: _mib, ...inCode } = limits;
    expect(documented).toEqual({ ...inCode });
    expect(rows).toHaveLength(Object.keys(inCode).length);
  });

  it('name each kind of live frame, and no other', () => {
    const rows = tableOf(DOCUMENT, ['Kind', 'Name', 'Payload']);
    expect(Object.fromEntries(rows.map(({ Kind, Name }) => [code(Name), Number(Kind)]))).toEqual(FrameKind);
  });

  it('name each profile, and no other', () => {
    const rows = tableOf(DOCUMENT, ['Profile', 'Container', 'Mime', 'Frames']);
    expect(rows.map(({ Profile }) => code(Profile))).toEqual(PROFILES);
    const containers = liveMessage.options[0].shape.container.options;
    expect(rows.every(({ Container }) => (containers as string[]).includes(code(Container)))).toBe(true);
  });

  it('name each close code, and no other', () => {
    const rows = tableOf(DOCUMENT, ['Close code', 'Name', 'When']);
    const documented = rows.map((row) => [code(row.Name), Number(row['Close code'])]);
    expect(Object.fromEntries(documented)).toEqual(CloseCode);
  });

  it('name each command with its args, and no other', () => {
    const rows = tableOf(DOCUMENT, ['Op', 'Args', 'Result']);
    const documented = rows.map(({ Op, Args = '' }) => [
      code(Op),
      [...Args.matchAll(/`(\w+)`/g)].map(([, arg]) => arg),
    ]);
    const inCode = command.options.map(({ shape }) => [
      shape.op.value,
      Object.keys('shape' in shape.args ? shape.args.shape : shape.args.unwrap().shape),
    ]);
    expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(inCode));
  });
});

describe('rules of PROTOCOL.md', () => {
  const rules = rulesOf(DOCUMENT);

  it('are numbered without a gap, each once', () => {
    expect(rules).toEqual(rules.map((_rule, at) => at + 1));
    expect(rules.length).toBeGreaterThan(30);
  });

  it('exist wherever the code or the document cites one', () => {
    const cited = (text: string): number[] =>
      [...text.matchAll(/\bPR-(\d+)/g)].map(([, number]) => Number(number));
    const root = fileURLToPath(new URL('../../..', import.meta.url));
    const files = ['shared/src', 'edge-agent/src', 'server/src'].flatMap((folder) =>
      readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.ts'))
        .map((path) => `${root}${folder}/${path}`),
    );
    const inCode = files.flatMap((path) => cited(readFileSync(path, 'utf8')));
    expect(inCode.length).toBeGreaterThan(3);
    expect([...inCode, ...cited(DOCUMENT)].filter((rule) => !rules.includes(rule))).toEqual([]);
  });

  it('keep the numbers that code comments know them by', () => {
    const ruleOf = (number: number): string =>
      DOCUMENT.split(`- **PR-${number}** `)[1]?.split('\n- **PR-')[0] ?? '';
    expect(ruleOf(1)).toContain(`The version of the protocol is ${PROTOCOL_VERSION}.`);
    expect(ruleOf(2)).toMatch(/^Ids /);
    expect(ruleOf(3)).toMatch(/^Metrics /);
    expect(ruleOf(40)).toContain('codes cross the wire');
  });
});

describe('limits', () => {
  it('fit one into another', () => {
    const overhead = limits.PACKET_OVERHEAD_BYTES;
    expect(limits.MAX_SNAPSHOT_ENVELOPE_BYTES + overhead).toBeLessThanOrEqual(limits.MAX_DATA_PACKET_BYTES);
    expect(limits.MAX_CLIP_CHUNK_MESSAGE_BYTES + overhead).toBeLessThanOrEqual(limits.MAX_DATA_PACKET_BYTES);
    expect(limits.MAX_CLIP_BYTES % limits.CLIP_CHUNK_BYTES).toBe(0);
    expect(limits.MAX_JSON_MESSAGE_BYTES + overhead).toBeLessThanOrEqual(limits.MAX_DATA_PACKET_BYTES);
    expect(limits.MAX_TELEMETRY_PAYLOAD_BYTES + overhead).toBeLessThanOrEqual(limits.MAX_DATA_PACKET_BYTES);
    expect(limits.MAX_FRAME_BYTES + overhead).toBeLessThanOrEqual(limits.MAX_MEDIA_PACKET_BYTES);
    // Two renewals may be lost before a lease ends.
    expect(limits.AGENT_LEASE_RENEW_MS * 3).toBeLessThanOrEqual(limits.AGENT_LEASE_MS);
  });

  it('leave the longest topic room beside the largest payload', () => {
    const id = 'x'.repeat(63);
    const longest = topics.live({ site: id, agent: id }, id, 'stills').length;
    expect(longest + 4).toBeLessThan(limits.PACKET_OVERHEAD_BYTES);
  });
});
