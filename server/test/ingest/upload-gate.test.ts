import { describe, expect, it } from 'vitest';
import { UploadGate } from '../../src/ingest/upload-gate.ts';

const open = (): UploadGate =>
  new UploadGate({ uploads: 3, bytes: 1_000, uploadsPerDevice: 2, bytesPerDevice: 600 });
const refused = expect.objectContaining({ code: 'RATE_LIMITED', retryable: true }) as Error;

describe('the gate of uploads', () => {
  it('lets in so many of one device, and the others all the same', () => {
    const gate = open();
    gate.enter('a', 10);
    gate.enter('a', 10);
    expect(() => gate.enter('a', 10)).toThrow(refused);
    gate.enter('b', 10);
    expect(() => gate.enter('c', 10)).toThrow(refused);
    expect(gate.counters).toEqual({ refusedOfDevice: 1, refusedInAll: 1 });
  });

  it('lets in so many bytes of one device, and in all', () => {
    const gate = open();
    const leave = gate.enter('a', 600);
    expect(() => gate.enter('a', 1)).toThrow(refused);
    expect(() => gate.enter('b', 401)).toThrow(refused);
    leave();
    gate.enter('b', 401);
    expect(gate.held).toEqual({ uploads: 1, bytes: 401 });
  });

  it('takes a place back once, however often it is given', () => {
    const gate = open();
    const leave = gate.enter('a', 100);
    gate.enter('a', 100);
    leave();
    leave();
    expect(gate.held).toEqual({ uploads: 1, bytes: 100 });
  });

  it('tells when to come back', () => {
    const gate = open();
    expect(() => gate.enter('a', 601)).toThrow(
      expect.objectContaining({
        detail: expect.objectContaining({ retryAfterMs: 2_000 }) as object,
      }) as Error,
    );
  });
});
