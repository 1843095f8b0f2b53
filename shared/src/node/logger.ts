// JSON log lines on standard error, with credentials taken out wherever they hide.

import { pino, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

// Up to the LAST @ of the word: a password may hold an @ or a / that nobody escaped.
const URL_CREDENTIALS = /\b([a-z][a-z0-9+.-]*:\/\/)[^\s"'<>]*@/gi;
const SECRET_FIELDS = /("?(?:password|secret|token|authorization|cookie)"?\s*[:=]\s*)("[^"]*"|[^\s,;}"]+)/gi;

/** Removes `user:password@` from URLs and the values of secret-looking fields. For log lines, stderr tails, API details. */
export function redact(text: string): string {
  return text.replace(URL_CREDENTIALS, '$1***@').replace(SECRET_FIELDS, '$1***');
}

export interface LoggerOptions {
  name: string;
  level?: string;
}

export function createLogger({ name, level = 'info' }: LoggerOptions): Logger {
  return pino(
    {
      name,
      level,
      redact: {
        paths: [
          'password',
          'secret',
          'token',
          '*.password',
          '*.secret',
          '*.token',
          'req.headers.cookie',
          'req.headers.authorization',
        ],
        censor: '***',
      },
      hooks: { streamWrite: redactUrls },
    },
    pino.destination({ dest: 2, sync: true }),
  );
}

// A last net below field redaction: an error message or a stack may carry a camera URL.
function redactUrls(line: string): string {
  return line.includes('://') ? line.replace(URL_CREDENTIALS, '$1***@') : line;
}
