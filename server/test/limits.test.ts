import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readLimitsConfig, SETTING_NAMES } from '../src/config.ts';
import { checkFit, limitRows, limitsAsMarkdown, limitsAsText, sumOf } from '../src/limits.ts';

const defaults = limitRows(readLimitsConfig({}));
const CONTAINER_BYTES = 1.5 * 1024 ** 3;

describe('the limits', () => {
  it('are those of the table in LIMITS.md', () => {
    const document = readFileSync(new URL('../LIMITS.md', import.meta.url), 'utf8');
    expect(tableOf(document.split('## Under pressure')[0] as string)).toEqual(
      tableOf(limitsAsMarkdown(defaults)),
    );
  });

  it('all together fit the container of the design, and the document says by how much', () => {
    const sumBytes = sumOf(defaults);
    expect(sumBytes).toBeLessThan(CONTAINER_BYTES);
    const document = readFileSync(new URL('../LIMITS.md', import.meta.url), 'utf8');
    expect(document).toContain(`${(sumBytes / 1024 ** 2).toFixed(1)} MiB`);
  });

  it('have names of their own, and settings that exist', () => {
    expect(new Set(defaults.map(({ name }) => name)).size).toBe(defaults.length);
    for (const { env } of defaults) if (env !== null) expect(SETTING_NAMES).toContain(env);
  });

  it('have a counter each, but where nobody is turned away', () => {
    const uncounted = defaults.filter(({ counter, policy }) => counter === null && policy !== 'report');
    expect(uncounted.map(({ name }) => name)).toEqual(['process']);
  });

  it('follow the settings', () => {
    const smaller = limitRows(
      readLimitsConfig({ MAX_VIEWERS: '10', MAX_VIEWERS_PER_STREAM: '10', MAX_STREAMS: '1' }),
    );
    expect(sumOf(smaller)).toBeLessThan(sumOf(defaults));
    expect(smaller.find(({ name }) => name === 'live streams')).toMatchObject({
      value: 1,
      env: 'MAX_STREAMS',
    });
  });

  it('that do not fit are refused with the whole table, and with the sum that `limits` prints', () => {
    const memory = { bytes: 256 * 1024 ** 2, source: 'container' } as const;
    const printed = limitsAsText(defaults, memory);
    const sum = `${(sumOf(defaults) / 1024 ** 2).toFixed(1)} MiB of 256.0 MiB`;
    expect(printed.at(-1)).toBe(`Sum ${sum} (container): does not fit`);
    for (const { name, env } of defaults)
      expect(printed.some((line) => line.startsWith(name) && line.endsWith(env ?? ''))).toBe(true);
    expect(() => checkFit(defaults, memory)).toThrow(
      expect.objectContaining({
        code: 'LIMITS_DO_NOT_FIT',
        message: expect.stringContaining(printed.join('\n')) as string,
      }),
    );
    expect(() => checkFit(defaults, { ...memory, bytes: CONTAINER_BYTES })).not.toThrow();
  });
});

/** Cells without the padding that a formatter adds. */
function tableOf(markdown: string): string[][] {
  return markdown
    .split('\n')
    .filter((line) => line.startsWith('|') && !/^\|[\s:|-]+\|$/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()));
}
