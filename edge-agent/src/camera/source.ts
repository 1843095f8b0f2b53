// Where a camera's video comes from, as the configuration names it: `rtsp: rtsps: file: demo:NAME`.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { redact } from '@sitecast/shared/node/logger';
import { AppError, messageOf } from '@sitecast/shared/runtime/app-error';

export interface RtspSource {
  kind: 'rtsp';
  isEncrypted: boolean;
  /** `user:password`, each percent-encoded; empty without credentials. */
  userInfo: string;
  host: string;
  port: number | undefined;
  /** Path and query, from the first `/` on. */
  path: string;
}
export interface FileSource {
  kind: 'file';
  path: string;
}
export interface DemoSource {
  kind: 'demo';
  name: string;
}
export type Source = RtspSource | FileSource | DemoSource;

// The last @ before the path ends the credentials: passwords often hold an @ that nobody escaped.
const RTSP_URL = /^(rtsps?):\/\/(?:([^/?#]*)@)?(\[[0-9a-f:.%]+\]|[^/?#:@[\]]+)(?::(\d{1,5}))?([/?][^#]*)?$/i;
const DEMO_NAME = /^[\p{L}\p{N}][\p{L}\p{N} _.-]{0,62}$/u;
const CONTROL_CHARACTERS = /\p{Cc}/u;

/** @throws {AppError} CONFIG_INVALID, never with the credentials in its message. */
export function parseSource(text: string): Source {
  const scheme = /^([a-z]+):/i.exec(text)?.[1]?.toLowerCase();
  if (!CONTROL_CHARACTERS.test(text)) {
    if (scheme === 'rtsp' || scheme === 'rtsps') return parseRtsp(text);
    if (scheme === 'file') return { kind: 'file', path: filePathOf(text) };
    if (scheme === 'demo' && DEMO_NAME.test(text.slice(5))) return { kind: 'demo', name: text.slice(5) };
  }
  throw invalid(text);
}

/** Whether `parseSource` takes it. */
export function isSource(text: string): boolean {
  try {
    parseSource(text);
    return true;
  } catch {
    return false;
  }
}

function parseRtsp(text: string): RtspSource {
  const [, scheme = '', userInfo = '', host = '', port, path = '/'] = RTSP_URL.exec(text) ?? [];
  if (host === '' || (port !== undefined && (Number(port) < 1 || Number(port) > 65535))) throw invalid(text);
  return {
    kind: 'rtsp',
    isEncrypted: scheme.toLowerCase() === 'rtsps',
    userInfo: normalUserInfo(userInfo),
    host,
    port: port === undefined ? undefined : Number(port),
    path: path.replaceAll(' ', '%20').replaceAll("'", '%27'),
  };
}

// Escaped afresh, so that no quote, space or @ of a password is left for ffmpeg's parsers or for `redact` to stumble over.
function normalUserInfo(userInfo: string): string {
  if (userInfo === '') return '';
  const colon = userInfo.indexOf(':');
  const parts = colon < 0 ? [userInfo] : [userInfo.slice(0, colon), userInfo.slice(colon + 1)];
  return parts.map((part) => escapeAll(unescapeIfValid(part))).join(':');
}

function unescapeIfValid(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function escapeAll(text: string): string {
  return encodeURIComponent(text).replaceAll(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
}

function filePathOf(text: string): string {
  if (text.startsWith('file://')) return pathOfFileUrl(text);
  const path = text.slice('file:'.length);
  if (path === '') throw invalid(text);
  return isAbsolute(path) ? path : resolve(path);
}

function pathOfFileUrl(text: string): string {
  try {
    return fileURLToPath(text);
  } catch {
    throw invalid(text);
  }
}

function invalid(text: string): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `a camera source is rtsp://..., rtsps://..., file:PATH or demo:NAME, got ${JSON.stringify(redact(text).slice(0, 120))}`,
  );
}

/** With the password beside the user that the source names. */
export function withPassword(source: RtspSource, password: string): RtspSource {
  return { ...source, userInfo: `${source.userInfo.split(':')[0]}:${escapeAll(password)}` };
}

/** The URL with its credentials, for ffmpeg only. */
export function rtspUrl({ isEncrypted, userInfo, host, port, path }: RtspSource): string {
  const credentials = userInfo === '' ? '' : `${userInfo}@`;
  return `${isEncrypted ? 'rtsps' : 'rtsp'}://${credentials}${host}${port === undefined ? '' : `:${port}`}${path}`;
}

/**
 * The same source with an address in place of the host's name: a static ffmpeg (the bundled one) crashes in its name look-up.
 * @throws {AppError} SOURCE_UNREACHABLE when the name is not known.
 */
export async function resolveHost(source: RtspSource): Promise<RtspSource> {
  if (source.host.startsWith('[') || isIP(source.host) !== 0) return source;
  try {
    const addresses = await lookup(source.host, { all: true });
    // IPv4 first: cameras that listen on both are rare, and `localhost` names both.
    const { address, family } = addresses.find((entry) => entry.family === 4) ?? addresses[0]!;
    return { ...source, host: family === 6 ? `[${address}]` : address };
  } catch (error) {
    throw new AppError('SOURCE_UNREACHABLE', `the camera's host ${source.host} is not known`, {
      retryable: true,
      cause: messageOf(error),
    });
  }
}
