// What agent.yaml refers to: variables of the environment and files beside it. They are followed also where the rest of the
// configuration is wrong, so that all problems are told at once.

import { readFile } from 'node:fs/promises';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import * as z from 'zod';
import { isSource } from './camera/source.ts';
import { siteCredential } from './config.ts';
import type { SiteCredential } from './sensors/site-login.ts';

export type Environment = Record<string, string | undefined>;

/** Policy: the first ones are told; the rest of a file that is something else would say the same. */
const MAX_TOLD_LINES = 10;

export interface ReferenceProblem {
  /** Of the key that refers. */
  path: PropertyKey[];
  sentence: string;
}

export interface References {
  /** undefined when there is none; the problems say why. */
  secret: string | undefined;
  caPem: string | undefined;
  /** Of `siteBroker.credentialsFile`. */
  credentials: SiteCredential[];
  problems: ReferenceProblem[];
}

export interface ReferenceOptions {
  env: Environment;
  /** Makes a path relative to the file absolute. */
  inFolder: (relative: string) => string;
}

const text = z.string().optional().catch(undefined);
/** The keys that refer to something, as far as they can be read. */
const referring = z.object({
  cameras: z.array(z.object({ source: text, subStream: text }).catch({})).catch([]),
  uplink: z.object({ secretFile: text, ca: text }).catch({}),
  siteBroker: z.object({ credentialsFile: text }).catch({}),
});
type Referring = z.output<typeof referring>;

/** Never rejects for what the configuration says. */
export async function followReferences(values: unknown, options: ReferenceOptions): Promise<References> {
  const read = referring.safeParse(values);
  if (!read.success) return { secret: undefined, caPem: undefined, credentials: [], problems: [] };
  const { cameras, uplink, siteBroker } = read.data;
  const problems = sourceProblems(cameras, options.env);
  const attempt = async <T>(path: PropertyKey[], follow: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await follow();
    } catch (error) {
      if (!isAppError(error, 'CONFIG_INVALID')) throw error;
      problems.push({ path, sentence: error.message });
      return undefined;
    }
  };
  const at = options.inFolder;
  const { ca } = uplink;
  const { credentialsFile } = siteBroker;
  const secret = await attempt(['uplink', 'secretFile'], () => readSecret(uplink, options));
  const caPem = ca && (await attempt(['uplink', 'ca'], () => readText(at(ca), '"uplink.ca"')));
  const credentials =
    credentialsFile &&
    (await attempt(['siteBroker', 'credentialsFile'], () => readCredentials(at(credentialsFile))));
  return { secret, caPem: caPem || undefined, credentials: credentials || [], problems };
}

function sourceProblems(cameras: Referring['cameras'], env: Environment): ReferenceProblem[] {
  return cameras.flatMap((camera, index) =>
    (['source', 'subStream'] as const).flatMap((key) => {
      const name = variableOf(camera[key] ?? '');
      if (name === undefined || isCameraAddress(env[name])) return [];
      const why = env[name] ? 'is set to something else than' : 'is not set; it must be';
      const sentence = `"cameras.${index}.${key}" is wrong: the variable ${name} ${why} an rtsp:// or rtsps:// address`;
      return [{ path: ['cameras', index, key], sentence }];
    }),
  );
}

/** @returns what `followReferences` has found to be good. */
export function resolveSource(source: string, { env, inFolder }: ReferenceOptions): string {
  // A file:// URL is absolute, and percent-encoded.
  if (source.startsWith('file:') && !source.startsWith('file://')) {
    return `file:${inFolder(source.slice('file:'.length))}`;
  }
  const name = variableOf(source);
  return (name === undefined ? undefined : env[name]) ?? source;
}

function variableOf(source: string): string | undefined {
  return /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(source)?.[1];
}

function isCameraAddress(value: string | undefined): boolean {
  return value !== undefined && /^rtsps?:/i.test(value) && isSource(value);
}

async function readSecret(
  { secretFile }: Referring['uplink'],
  { env, inFolder }: ReferenceOptions,
): Promise<string> {
  const secret =
    env.SITECAST_AGENT_SECRET ??
    (secretFile && (await readText(inFolder(secretFile), '"uplink.secretFile"')));
  if (secret?.trim()) return secret.trim();
  throw new AppError(
    'CONFIG_INVALID',
    'the secret of the agent is missing: set SITECAST_AGENT_SECRET or "uplink.secretFile"',
  );
}

/** `USER:PASSWORD` lines; a line that is empty or begins with # says nothing. Problems never carry the line: it is a secret. */
async function readCredentials(path: string): Promise<SiteCredential[]> {
  const what = '"siteBroker.credentialsFile"';
  const lines = (await readText(path, what)).split(/\r?\n/);
  const credentials: SiteCredential[] = [];
  const problems: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const colonAt = line.indexOf(':');
    const credential = { user: line.slice(0, Math.max(0, colonAt)), password: line.slice(colonAt + 1) };
    if (siteCredential.safeParse(credential).success) credentials.push(credential);
    else problems.push(`line ${index + 1}: must be USER:PASSWORD`);
  }
  if (credentials.length + problems.length === 0) problems.push('line 1: must have a line USER:PASSWORD');
  if (problems.length === 0) return credentials;
  throw new AppError('CONFIG_INVALID', `${what} ${path}, ${problems.slice(0, MAX_TOLD_LINES).join('; ')}`);
}

/** @throws {AppError} CONFIG_INVALID */
export async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${what} ${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
