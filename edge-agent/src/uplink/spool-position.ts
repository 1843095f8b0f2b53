// What a lane must remember beside its records: what is acknowledged, which number is next, what was lost.
//
// Two slots in one file are written in turn, so that a write that is torn leaves the one before it:
//
//   offset size field
//     0     4   CRC-32 of all that follows
//     4     4   jsonBytes
//     8     n   JSON; `generation` tells which slot is newer
//  4096     .   the other slot

import { constants } from 'node:fs';
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import * as z from 'zod';
import { LOSS_REASONS } from './gap.ts';
import type { Range } from './sequence-ranges.ts';

const SLOT_BYTES = 4_096;
const HEADER_BYTES = 8;

const number = z.number();
const gap = z.object({
  id: z.string(),
  count: number,
  fromMs: number,
  toMs: number,
  reasons: z.partialRecord(z.enum(LOSS_REASONS), number),
});
const position = z.object({
  generation: number,
  nextSequence: number,
  acked: z.array(z.tuple([number, number])),
  gap: gap.optional(),
  toldGap: gap.optional(),
});
export type Position = Omit<z.output<typeof position>, 'generation' | 'acked'> & { acked: readonly Range[] };

/** Owns its file. */
export class PositionFile {
  /** What an earlier run left; undefined when there was none, or none that can be read. */
  readonly loaded: Position | undefined;
  readonly #file: FileHandle;
  #generation: number;
  #saving: Promise<void> = Promise.resolve();

  private constructor(file: FileHandle, loaded: z.output<typeof position> | undefined) {
    this.#file = file;
    this.loaded = loaded;
    this.#generation = loaded?.generation ?? 0;
  }

  static async open(path: string): Promise<PositionFile> {
    const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(2 * SLOT_BYTES), 0, 2 * SLOT_BYTES, 0);
      const slots = [0, SLOT_BYTES].map((at) => readSlot(buffer.subarray(at, at + SLOT_BYTES)));
      const [newest] = slots.filter((slot) => slot !== undefined).sort((a, b) => b.generation - a.generation);
      // A full disk must not keep a position from being saved: its bytes are taken now.
      const isNew = bytesRead === 0;
      if (isNew) await file.write(Buffer.alloc(2 * SLOT_BYTES), 0, 2 * SLOT_BYTES, 0);
      return new PositionFile(file, isNew ? await loadOlder(dirname(path)) : newest);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** @param isDurable waits for the disk: it survives a power cut, not only the end of this process. */
  save(state: Position, { isDurable = false } = {}): Promise<void> {
    const saved = this.#saving.then(() => this.#write(state, isDurable));
    this.#saving = saved.catch(() => {});
    return saved;
  }

  async close(): Promise<void> {
    await this.#saving;
    await this.#file.close();
  }

  async #write(state: Position, isDurable: boolean): Promise<void> {
    const generation = this.#generation + 1;
    const json = Buffer.from(JSON.stringify({ generation, ...state }));
    if (json.length > SLOT_BYTES - HEADER_BYTES) throw new RangeError(`a position of ${json.length} bytes`);
    const slot = Buffer.alloc(HEADER_BYTES + json.length);
    slot.writeUInt32BE(json.length, 4);
    json.copy(slot, HEADER_BYTES);
    slot.writeUInt32BE(crc32(slot.subarray(4)), 0);
    await this.#file.write(slot, 0, slot.length, (generation % 2) * SLOT_BYTES);
    this.#generation = generation;
    if (isDurable) await this.#file.datasync();
  }
}

function readSlot(slot: Buffer): z.output<typeof position> | undefined {
  const jsonBytes = slot.readUInt32BE(4);
  if (jsonBytes === 0 || jsonBytes > SLOT_BYTES - HEADER_BYTES) return undefined;
  if (crc32(slot.subarray(4, HEADER_BYTES + jsonBytes)) !== slot.readUInt32BE(0)) return undefined;
  const json: unknown = JSON.parse(slot.toString('utf8', HEADER_BYTES, HEADER_BYTES + jsonBytes));
  return position.safeParse(json).data;
}

/** The file `acked` of an older agent: the number through which all is acknowledged, and its CRC-32. */
async function loadOlder(folder: string): Promise<z.output<typeof position> | undefined> {
  const bytes = await readFile(join(folder, 'acked')).catch(() => undefined);
  if (bytes?.length !== 12 || crc32(bytes.subarray(0, 8)) !== bytes.readUInt32BE(8)) return undefined;
  const through = Number(bytes.readBigUInt64BE(0));
  return { generation: 0, nextSequence: through + 1, acked: [[1, through]] };
}
