// Where alerts are told.

import { isIP } from 'node:net';
import * as z from 'zod';
import { ID_PATTERN } from '@sitecast/shared/protocol/ids';

const RECIPIENTS_MAX = 10;
export const CHANNELS_OF_RULE_MAX = 10;
/** As many random characters as nobody guesses. */
export const WEBHOOK_SECRET_MIN = 16;

const webUrl = z
  .url({ protocol: /^https?$/ })
  .max(1_000)
  .refine(
    (url) => !URL.canParse(url) || !hasCredentials(new URL(url)),
    'has a user name or a password in it',
  );

const hasCredentials = ({ username, password }: URL): boolean => username !== '' || password !== '';

export const channelSettings = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('webhook'), url: webUrl }),
  z.object({ kind: z.literal('email'), to: z.array(z.email().max(254)).min(1).max(RECIPIENTS_MAX) }),
  /** A device of the site of the channel; the topic is one of its own (PROTOCOL.md, PR-64). */
  z.object({ kind: z.literal('mqtt'), device: z.string().regex(ID_PATTERN) }),
]);
export type ChannelSettings = z.output<typeof channelSettings>;
export type ChannelKind = ChannelSettings['kind'];

export type Language = 'en' | 'ko';

export interface ChannelDraft {
  /** Rules of this site only; null: of all, and of the server. */
  site: string | null;
  name: string;
  enabled: boolean;
  language: Language;
  settings: ChannelSettings;
}

export interface Channel extends ChannelDraft {
  id: string;
  /** What it signs with is never shown. */
  hasSecret: boolean;
  createdAt: Date;
}

/** For a log line: the path of a webhook may be a secret of its own. */
export function nameOfTarget(settings: ChannelSettings): string {
  if (settings.kind === 'webhook') return new URL(settings.url).host;
  return settings.kind === 'email' ? `${settings.to.length} mailboxes` : settings.device;
}

/** `[::1]` of a URL is the address ::1. */
export function addressOf(hostname: string): string | undefined {
  const bare = hostname.replace(/^\[(.*)\]$/, '$1');
  return isIP(bare) === 0 ? undefined : bare;
}
