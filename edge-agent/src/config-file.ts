// Reads agent.yaml: all problems at once, each with its line, before anything opens.

import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseConfig, type ConfigProblem } from '@sitecast/shared/node/load-config';
import { AppError, isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { isNode, LineCounter, parseDocument, type Document } from 'yaml';
import { isSource } from './camera/source.ts';
import {
  agentConfigSchema,
  siteCredential,
  type AgentConfig,
  type AgentSettings,
  type CameraSettings,
  type SiteBrokerConfig,
} from './config.ts';
import type { AgentErrorCode } from './errors.ts';
import type { SiteCredential } from './sensors/site-login.ts';

export type Environment = Record<string, string | undefined>;

/**
 * Paths in the file are relative to the file. `SITECAST_AGENT_SECRET` wins over `uplink.secretFile`, `FFMPEG_PATH` over
 * `ffmpegPath`.
 * @throws {AppError} CONFIG_INVALID with every problem found.
 */
export async function loadAgentConfig(path: string, env: Environment): Promise<AgentConfig> {
  const settings = parseAgentYaml(await readText(path, 'the configuration file'), path);
  const inFolder = (relative: string): string => resolve(dirname(path), relative);
  return {
    ...settings,
    dataDir: inFolder(settings.dataDir),
    ffmpegPath: env.FFMPEG_PATH ?? (settings.ffmpegPath && inFolder(settings.ffmpegPath)),
    cameras: settings.cameras.map((camera) => resolveSources(camera, env, inFolder)),
    siteBroker: await resolveSiteBroker(settings, inFolder),
    secret: await readSecret(settings, env, inFolder),
    caPem: settings.uplink.ca && (await readText(inFolder(settings.uplink.ca), '"uplink.ca"')),
  };
}

/** @throws {AppError} CONFIG_INVALID; each problem names its key and its line. */
export function parseAgentYaml(text: string, subject: string): AgentSettings {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ message, pos }) => ({
      line: lines.linePos(pos[0]).line,
      text: message,
    }));
    throw invalid(subject, problems);
  }
  const plain = toPlain(document, subject);
  try {
    return parseConfig(agentConfigSchema, plain, subject);
  } catch (error) {
    if (!isAppError(error, 'CONFIG_INVALID')) throw error;
    const problems = (error.detail.problems as ConfigProblem[]).map(({ key, message }) => ({
      line: lineOf(document, lines, key),
      text: `"${key}" is wrong: ${message}`,
    }));
    throw invalid(subject, problems);
  }
}

/** Without the aliases, which a small file can make huge with. */
function toPlain(document: Document, subject: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 20 }) ?? {};
  } catch (error) {
    throw invalid(subject, [{ line: 1, text: messageOf(error) }]);
  }
}

interface Problem {
  line: number;
  text: string;
}

function invalid(subject: string, problems: Problem[]): AppError<AgentErrorCode> {
  const sorted = [...problems].sort((a, b) => a.line - b.line);
  const listed = sorted.map(({ line, text }) => `  line ${line}: ${text}`);
  return new AppError('CONFIG_INVALID', `${subject} is not valid:\n${listed.join('\n')}`, {
    detail: { problems: sorted },
  });
}

/** The line of the key, or of the nearest thing around it that is there: a missing key has no line of its own. */
function lineOf(document: Document, lines: LineCounter, key: string): number {
  const path = key.split('.');
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

function resolveSources(
  camera: CameraSettings,
  env: Environment,
  inFolder: (relative: string) => string,
): CameraSettings {
  const { id, source, subStream } = camera;
  const resolve = (text: string): string => resolveSource({ id, source: text }, env, inFolder);
  return { ...camera, source: resolve(source), subStream: subStream && resolve(subStream) };
}

function resolveSource(
  { id, source }: Pick<CameraSettings, 'id' | 'source'>,
  env: Environment,
  inFolder: (relative: string) => string,
): string {
  // A file:// URL is absolute, and percent-encoded.
  if (source.startsWith('file:') && !source.startsWith('file://')) {
    return `file:${inFolder(source.slice('file:'.length))}`;
  }
  if (!source.startsWith('env:')) return source;
  const name = source.slice('env:'.length);
  const value = env[name];
  if (value && /^rtsps?:/i.test(value) && isSource(value)) return value;
  throw new AppError(
    'CONFIG_INVALID',
    `camera "${id}": ${name} must be set to an rtsp:// or rtsps:// address`,
  );
}

async function readSecret(
  { uplink }: AgentSettings,
  env: Environment,
  inFolder: (relative: string) => string,
): Promise<string> {
  const secret =
    env.SITECAST_AGENT_SECRET ??
    (uplink.secretFile && (await readText(inFolder(uplink.secretFile), '"uplink.secretFile"')));
  if (secret?.trim()) return secret.trim();
  throw new AppError(
    'CONFIG_INVALID',
    'the secret of the agent is missing: set SITECAST_AGENT_SECRET or "uplink.secretFile"',
  );
}

async function resolveSiteBroker(
  { siteBroker }: AgentSettings,
  inFolder: (relative: string) => string,
): Promise<SiteBrokerConfig | undefined> {
  if (!siteBroker?.credentialsFile) return siteBroker;
  const path = inFolder(siteBroker.credentialsFile);
  const inFile = parseCredentials(await readText(path, '"siteBroker.credentialsFile"'), path);
  return { ...siteBroker, credentials: [...siteBroker.credentials, ...inFile] };
}

/** `USER:PASSWORD` lines; a line that is empty or begins with # says nothing. Problems never carry the line: it is a secret. */
function parseCredentials(text: string, path: string): SiteCredential[] {
  const credentials: SiteCredential[] = [];
  const problems: Problem[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const colonAt = line.indexOf(':');
    const credential = { user: line.slice(0, Math.max(0, colonAt)), password: line.slice(colonAt + 1) };
    if (siteCredential.safeParse(credential).success) credentials.push(credential);
    else problems.push({ line: index + 1, text: 'must be USER:PASSWORD' });
  }
  if (credentials.length === 0) problems.push({ line: 1, text: 'must have a line USER:PASSWORD' });
  if (problems.length > 0) throw invalid(path, problems);
  return credentials;
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${what} ${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}
