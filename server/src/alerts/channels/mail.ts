// Mails, through the SMTP server of the settings. The only importer of nodemailer. One connection a mail: alerts are rare.

import { createTransport } from 'nodemailer';
import { AppError } from '@sitecast/shared/runtime/app-error';
import type { Letter } from './delivery-store.ts';
import { mailOf } from './letter-text.ts';

const CONNECT_MS = 10_000;
const SILENT_MS = 15_000;
/** The whole of an attempt: a server that says a little now and then is never silent. */
const TIMEOUT_MS = 45_000;

export interface MailSettings {
  /** `smtp://` or `smtps://`, with user name and password. */
  url: string;
  from: string;
}

export interface MailOptions {
  /** Undefined: there is no SMTP server. */
  settings: MailSettings | undefined;
  publicUrl: URL | undefined;
  timeoutMs?: number;
}

export class Mail {
  readonly #options: MailOptions;

  constructor(options: MailOptions) {
    this.#options = options;
  }

  get isConfigured(): boolean {
    return this.#options.settings !== undefined;
  }

  /** @throws {AppError} DELIVERY_FAILED (retryable); MAIL_NOT_CONFIGURED. Neither says who or with what. */
  async send(letter: Letter): Promise<void> {
    const { settings, publicUrl, timeoutMs = TIMEOUT_MS } = this.#options;
    const { settings: channel } = letter.channel;
    if (channel.kind !== 'email') throw new TypeError('not a mail');
    if (!settings) throw new AppError('MAIL_NOT_CONFIGURED', 'there is no SMTP server (SMTP_URL)');
    const transport = createTransport({
      url: settings.url,
      connectionTimeout: CONNECT_MS,
      greetingTimeout: CONNECT_MS,
      dnsTimeout: CONNECT_MS,
      socketTimeout: SILENT_MS,
    });
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      await transport.sendMail({
        from: settings.from,
        to: channel.to,
        ...mailOf(letter, publicUrl),
        // The same mail again has the same id, so that a mailbox can tell.
        messageId: `<${letter.id}@sitecast>`,
        headers: { 'auto-submitted': 'auto-generated' },
        disableFileAccess: true,
        disableUrlAccess: true,
        signal,
      });
    } catch (error) {
      throw signal.aborted ? failed(`within ${timeoutMs} ms`) : toDeliveryError(error);
    } finally {
      transport.close();
    }
  }
}

function toDeliveryError(error: unknown): AppError {
  const { code = 'unknown', responseCode } = error as { code?: string; responseCode?: number };
  const said = responseCode === undefined ? code : `${code} ${responseCode}`;
  return failed(`(${said})`);
}

const failed = (how: string): AppError =>
  new AppError('DELIVERY_FAILED', `the mail server did not take it ${how}`, { retryable: true });
