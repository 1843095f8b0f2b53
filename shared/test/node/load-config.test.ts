import * as z from 'zod';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/node/load-config.ts';
import { redact } from '../../src/node/logger.ts';
import { appErrorOf } from '../app-error-of.ts';

const schema = z.strictObject({
  port: z.int().min(1).max(65_535).default(8080),
  cameras: z.array(z.strictObject({ source: z.string() })).default([]),
});

describe('parseConfig', () => {
  it('gives the checked values with their defaults', () => {
    expect(parseConfig(schema, { cameras: [{ source: 'demo:a' }] }, 'agent.yaml')).toEqual({
      port: 8080,
      cameras: [{ source: 'demo:a' }],
    });
  });

  it('lists every problem at once, with the path of its key', () => {
    const input = {
      port: 0,
      colour: 'red',
      camera: [],
      cameras: [{ source: 'demo:a' }, { source: 5, sorce: 'x' }],
    };
    const error = appErrorOf(() => parseConfig(schema, input, 'agent.yaml'));
    expect(error.code).toBe('CONFIG_INVALID');
    const problems = error.detail.problems as { key: string; message: string }[];
    expect(problems.map(({ key }) => key).sort()).toEqual(
      ['camera', 'cameras.1.source', 'cameras.1.sorce', 'colour', 'port'].sort(),
    );
    expect(problems.find(({ key }) => key === 'cameras.1.sorce')?.message).toBe('unknown key');
    expect(error.message).toMatch(/^agent\.yaml is not valid:\n/);
    for (const { key, message } of problems)
      expect(error.message).toContain(`  "${key}" is wrong: ${message}`);
  });

  it('says what is wrong with a secret in words that are no secret', () => {
    const secrets = z.object({ SESSION_SECRET: z.string().min(32) });
    const { message } = appErrorOf(() =>
      parseConfig(secrets, { SESSION_SECRET: 'hunter2' }, 'the environment'),
    );
    expect(redact(message)).toContain('"SESSION_SECRET" is wrong: Too small');
    expect(message).not.toContain('hunter2');
  });

  it('says of a key that is not there, or has no value, just that', () => {
    const modes = z.object({
      mode: z.enum(['slow', 'fast']),
      size: z.object({ width: z.int() }),
      name: z.string(),
    });
    const { message } = appErrorOf(() => parseConfig(modes, { size: {}, name: null }, 'x'));
    expect(message).toBe(
      'x is not valid:\n  "mode" is missing: it is one of slow, fast\n  "size.width" is missing\n  "name" has no value',
    );
  });

  it('says what is wrong with the whole when it is no object', () => {
    const error = appErrorOf(() => parseConfig(schema, null, 'agent.yaml'));
    expect(error.message).toMatch(/^agent\.yaml is not valid:\n {2}Invalid input: expected object/);
  });

  it('does not repeat a value, which may be a password', () => {
    const error = appErrorOf(() =>
      parseConfig(z.object({ secret: z.int() }), { secret: 'hunter2' }, 'the environment'),
    );
    expect(error.message + JSON.stringify(error.detail)).not.toContain('hunter2');
  });
});
