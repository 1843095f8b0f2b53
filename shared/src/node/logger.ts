// JSON log lines on standard error, with credentials taken out wherever they hide.

import { pino, type DestinationStream, type Logger as PinoLogger } from 'pino';

export type Logger = PinoLogger;

const HIDDEN = '***';
const NAMES = 'passwords?|passwd|passphrase|secrets?|tokens?|api[-_]?key|authorization|cookie';

// From the scheme up to the LAST @ of the word: a password may hold an @ or a / that nobody escaped. A quote ends the word
// only where it can be the end of one. The whole word is taken at once, so that a line full of :// costs no more than its length.
const URL_WORD = /:\/\/(?:[^\s"]|"(?![\s,:;)}\]]|$))+/gm;
// `Authorization: Digest username="x", response="y"`: the rest of the line is the secret.
const HEADER_LINES = /\b(authorization|cookie)(\s*[:=]\s*)[^\r\n]+/gi;
// `/etc/passwd: No such file or directory` is a file and what happened to it: so ends a path, and begins no secret.
const FILE_OF_USERS = `passwd:\\s(?<=(?:^|[\\s"'(]|file:)/(?:[^\\s"':]{0,200}/)?passwd:\\s)`;
const SECRET_FIELDS = new RegExp(
  `((?!${FILE_OF_USERS})(?:${NAMES}|\\bpass|\\bpwd)["']?\\s*[:=]\\s*)(?:"(?:\\\\.|[^"\\\\])*"?|'[^']*'?|[^\\s,;&}"']+)`,
  'gi',
);
const SECRET_WORD = new RegExp(`${NAMES}|\\bpass|\\bpwd`, 'i');
const SECRET_KEY = new RegExp(`(?:${NAMES}|^pass|^pwd)$`, 'i');

/** Removes `user:password@` from URLs and the values of secret-looking fields. For log lines, stderr tails, API details. */
export function redact(text: string): string {
  return text
    .replace(URL_WORD, withoutCredentials)
    .replace(HEADER_LINES, `$1$2${HIDDEN}`)
    .replace(SECRET_FIELDS, `$1${HIDDEN}`);
}

function withoutCredentials(word: string): string {
  const at = word.lastIndexOf('@');
  return at < 0 ? word : `://${HIDDEN}${word.slice(at)}`;
}

export interface LoggerOptions {
  name: string;
  level?: string;
  /** Where lines go; standard error unless given. */
  destination?: DestinationStream;
}

export function createLogger({ name, level = 'info', destination }: LoggerOptions): Logger {
  return pino(
    { name, level, hooks: { streamWrite: redactLine } },
    destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

// Every string at every depth of the finished line, so that an error's message, stack and detail are seen too.
function redactLine(line: string): string {
  const isHarmless = !(line.includes('://') && line.includes('@')) && !SECRET_WORD.test(line);
  if (isHarmless) return line;
  const hide = (key: string, value: unknown): unknown => {
    if (value !== null && value !== false && SECRET_KEY.test(key)) return HIDDEN;
    return typeof value === 'string' ? redact(value) : value;
  };
  try {
    return `${JSON.stringify(JSON.parse(line, hide))}\n`;
  } catch {
    return `${redact(line.trimEnd())}\n`;
  }
}
