// The command line: `sitecast-server VERB`. Exit codes: 0 done, 1 failed, 64 wrong usage, 78 wrong settings (sysexits.h).

import { Command, CommanderError, Option } from 'commander';
import { isAppError, messageOf } from '@sitecast/shared/runtime/app-error';
import { redact } from '@sitecast/shared/node/logger';
import { ROLES } from '../auth/principal.ts';
import { ToldFailure, type CommandContext } from './context.ts';
import { createDeviceCommand, listDevices, revokeDevice } from './device.ts';
import { doctorCommand, type DoctorOptions } from './doctor.ts';
import { printLimits } from './limits.ts';
import { migrateCommand } from './migrate.ts';
import { startCommand } from './start.ts';
import { verifyCommand, type VerifyCommandOptions } from './verify.ts';
import { createUser, listUsers, setPassword } from './user.ts';

const EXIT_FAILED = 1;
const EXIT_USAGE = 64;
const EXIT_CONFIG = 78;
const CONFIG_CODES = new Set(['CONFIG_INVALID', 'LIMITS_DO_NOT_FIT']);

/** @returns the exit code; every failure is told on standard error. */
export async function runProgram(
  argv: readonly string[],
  context: CommandContext,
  version: string,
  printError: (text: string) => void,
): Promise<number> {
  const program = buildProgram(context, version, printError);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has told the user already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
    if (error instanceof ToldFailure) return EXIT_FAILED;
    const code = isAppError(error) ? error.code : 'INTERNAL';
    if (code === 'INTERNAL') context.logger.error({ err: error }, 'the command failed');
    printError(`sitecast-server: ${redact(messageOf(error))} (${code})\n`);
    return CONFIG_CODES.has(code) ? EXIT_CONFIG : EXIT_FAILED;
  }
}

function buildProgram(context: CommandContext, version: string, printError: (text: string) => void): Command {
  const program = new Command('sitecast-server')
    .description(
      'Sitecast server: broker, relay, store and dashboard. Settings are environment variables (.env.example).',
    )
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: context.print, writeErr: printError });
  program.helpCommand(false);

  program
    .command('start')
    .description('bring the database up to date and serve until SIGTERM')
    .action(() => startCommand(context, version));
  withJson(program.command('migrate').description('bring the database up to date and end')).action(
    (options: JsonOption) => migrateCommand(context, options),
  );
  withJson(
    program.command('limits').description('print every limit and what all of them cost at the worst'),
  ).action((options: JsonOption) => printLimits(context, options));
  withJson(program.command('doctor'))
    .description('look at everything that a server needs, and say what to do; while one runs or not')
    .option('--repair', 'remove rows without files, set files without rows aside, finish deletions')
    .action((options: DoctorOptions) => doctorCommand(context, options));
  withJson(
    program.command('verify').description('compare what is stored of a site with what its agents signed'),
  )
    .requiredOption('--site <site>')
    .requiredOption('--from <time>', 'ISO 8601')
    .requiredOption('--to <time>', 'ISO 8601; at most 31 days after --from')
    .option('--key <publicKey...>', 'believe these keys only, as they were kept elsewhere')
    .option('--no-files', 'do not read the files of snapshots')
    .action((options: VerifyCommandOptions) => verifyCommand(context, options));
  addUserVerbs(program.command('user').description('people who log in'), context);
  addDeviceVerbs(program.command('device').description('agents and sensors'), context);
  return program;
}

interface JsonOption {
  json?: boolean;
}

function withJson(command: Command): Command {
  return command.option('--json', 'print JSON');
}

function addUserVerbs(user: Command, context: CommandContext): void {
  withJson(user.command('list')).action((options: JsonOption) => listUsers(context, options));
  withJson(user.command('create <username>'))
    .description('make a user; the password is generated and printed once, unless it is given')
    .addOption(new Option('--role <role>').choices(ROLES).default('viewer'))
    .option('--sites <sites>', 'comma-separated; every site when left out')
    .option('--password-stdin', 'read the password from standard input')
    .action((username: string, options: Parameters<typeof createUser>[2]) =>
      createUser(context, username, options),
    );
  withJson(user.command('password <username>'))
    .description('set a new password and end all sessions of the user')
    .option('--password-stdin', 'read the password from standard input')
    .action((username: string, options: Parameters<typeof setPassword>[2]) =>
      setPassword(context, username, options),
    );
}

function addDeviceVerbs(device: Command, context: CommandContext): void {
  withJson(device.command('list')).action((options: JsonOption) => listDevices(context, options));
  withJson(device.command('create <site> <id>'))
    .description('make a device; its secret is printed once')
    .addOption(new Option('--kind <kind>').choices(['agent', 'sensor']).makeOptionMandatory())
    .option('--renew', 'give an existing device a new secret')
    .action((site: string, id: string, options: Parameters<typeof createDeviceCommand>[3]) =>
      createDeviceCommand(context, site, id, options),
    );
  withJson(device.command('revoke <id>'))
    .description('void its secret; a running server cuts its connection within seconds')
    .action((id: string, options: JsonOption) => revokeDevice(context, id, options));
}
