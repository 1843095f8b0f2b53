import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url));
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** What `--help` lists: arguments and options with their words. */
function helpOf(verb: string): Map<string, string> {
  const help = execFileSync(process.execPath, [main, verb, '--help'], { encoding: 'utf8' });
  const usage = /^Usage: .*$/m.exec(help)![0];
  const rows = help
    .replace(/\n {6,}/g, ' ')
    .split('\n')
    .map((line) => /^ {2}(\S+(?: [^ ]+)*) {2,}(.*)$/.exec(line))
    .filter((row) => row !== null)
    .map(([, name, words]) => [nameIn(usage, name!), words!.trim()] as const);
  return new Map(
    rows.filter(([name, words]) => !name.includes('--help') && /^[-[]/.test(name) && words !== ''),
  );
}

/** An argument is listed by its bare name. */
function nameIn(usage: string, name: string): string {
  return usage.includes(`[${name}...]`) ? `[${name}...]` : usage.includes(`[${name}]`) ? `[${name}]` : name;
}

function tablesOf(verb: string): Map<string, string> {
  const section = readme.split(/^## /m).find((text) => text.includes(`sitecast-agent ${verb}`)) ?? '';
  const rows = [...section.matchAll(/^\| `(.*?)` \| (.*?) \|$/gm)];
  return new Map(rows.map(([, name, words]) => [name!, words!]));
}

// Node 20 takes `--env-file` for its own behind the name of the script, too.
it('discover gets its own options, whatever node calls its own', () => {
  const { status, stderr } = spawnSync(process.execPath, [main, 'discover', '--secrets-file', '/tmp/none'], {
    encoding: 'utf8',
  });
  expect(stderr).toContain('--secrets-file needs --user');
  expect(status).toBe(64);
});

describe.each(['probe', 'discover', 'preview'])('README.md on %s', (verb) => {
  it('has every option with the words of --help', () => {
    const help = helpOf(verb);
    expect(help.size).toBeGreaterThan(3);
    expect(Object.fromEntries(tablesOf(verb))).toEqual(Object.fromEntries(help));
  });
});
