import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { AGENT_ERRORS } from '../src/errors.ts';

const root = new URL('..', import.meta.url).pathname;

test('README.md explains every code of errors.ts in the same words', () => {
  const readme = readFileSync(`${root}README.md`, 'utf8');
  const section = readme.slice(readme.indexOf('## Errors'), readme.indexOf('## Bounds'));
  const rows = [...section.matchAll(/^\| `([A-Z_]+)`\s*\| (.*?)\s*\|$/gm)];
  expect(Object.fromEntries(rows.map(([, code, sentence]) => [code, sentence]))).toEqual(AGENT_ERRORS);
});

test('errors.ts has every code that the agent throws', () => {
  const files = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' });
  const thrown = files
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => codesIn(`${root}src/${file}`));
  expect(Object.keys(AGENT_ERRORS)).toEqual(expect.arrayContaining([...new Set(thrown)]));
});

function codesIn(path: string): string[] {
  const thrown = readFileSync(path, 'utf8').matchAll(/new AppError\(\s*'([A-Z_]+)'/g);
  return [...thrown].map(([, code = '']) => code);
}
