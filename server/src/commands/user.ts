// `sitecast-server user list|create|password`. A password is never an argument: arguments are in the process list.

import { AppError } from '@sitecast/shared/runtime/app-error';
import { Passwords } from '../auth/passwords.ts';
import type { Role } from '../auth/principal.ts';
import { newSecret } from '../auth/secrets.ts';
import { Sessions } from '../auth/sessions.ts';
import { Users, USERNAME_PATTERN } from '../auth/users.ts';
import { table } from '../text-table.ts';
import { printAnswer, type CommandContext } from './context.ts';
import { withDatabase } from './database.ts';

interface PasswordOptions {
  json?: boolean;
  passwordStdin?: boolean;
}

interface CreateOptions extends PasswordOptions {
  role: Role;
  sites?: string;
}

export async function listUsers(context: CommandContext, options: { json?: boolean }): Promise<void> {
  const users = await withDatabase(context, (database) =>
    new Users({ database, passwords: new Passwords() }).list(),
  );
  printAnswer(context, options, { users }, () =>
    table([
      ['USER', 'ROLE', 'SITES'],
      ...users.map(({ username, role, sites }) => [username, role, sites === null ? 'all' : sites.join(',')]),
    ]),
  );
}

export async function createUser(
  context: CommandContext,
  username: string,
  options: CreateOptions,
): Promise<void> {
  if (!USERNAME_PATTERN.test(username)) {
    throw new AppError(
      'BAD_REQUEST',
      `user name ${JSON.stringify(username)}: a-z, 0-9, ".", "_", "@" and "-" only`,
    );
  }
  const password = await choosePassword(context, options);
  const sites = options.sites === undefined ? null : options.sites.split(',').filter(Boolean);
  const user = await withDatabase(context, (database) =>
    new Users({ database, passwords: new Passwords() }).create({
      username,
      password,
      role: options.role,
      sites,
    }),
  );
  tellPassword(context, options, user.username, password);
}

export async function setPassword(
  context: CommandContext,
  username: string,
  options: PasswordOptions,
): Promise<void> {
  const password = await choosePassword(context, options);
  await withDatabase(context, async (database) => {
    const userId = await new Users({ database, passwords: new Passwords() }).setPassword(username, password);
    await new Sessions({ database }).endOthers(userId, undefined);
  });
  tellPassword(context, options, username, password);
}

async function choosePassword(context: CommandContext, { passwordStdin }: PasswordOptions): Promise<string> {
  return passwordStdin ? (await context.readInput()).replace(/\r?\n$/, '') : newSecret().slice(0, 20);
}

/** A password that the operator typed is not repeated. */
function tellPassword(
  context: CommandContext,
  options: PasswordOptions,
  username: string,
  password: string,
): void {
  const generated = options.passwordStdin ? {} : { password };
  printAnswer(context, options, { username, ...generated }, () =>
    options.passwordStdin ? [`${username}: done`] : [`${username}: ${password}`],
  );
}
