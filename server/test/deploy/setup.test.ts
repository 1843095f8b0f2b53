// The script and the cloud-init file that prepare a machine: on files in a scratch root, twice, with every command of the
// system replaced by one that tells on whoever calls it.

import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { requireTool } from '../../../shared/test/require-tool.ts';

const SCRIPT = fileURLToPath(new URL('../../deploy/setup.sh', import.meta.url));
const CLOUD_INIT = fileURLToPath(new URL('../../deploy/cloud-init.yaml', import.meta.url));
const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url)).replace(/\/$/, '');
const OF_THE_SYSTEM = [
  'apt-get',
  'dd',
  'docker',
  'dpkg-query',
  'mkswap',
  'swapon',
  'sysctl',
  'systemctl',
  'ufw',
];
const NOBODY = 65534;
/** A sparse file, but small all the same. */
const SMALL = ['--swap-mib', '16'];

let scratch: string;
let root: string;
let commands: string;
let called: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'sitecast-setup-'));
  root = join(scratch, 'root');
  commands = join(scratch, 'commands');
  called = join(scratch, 'called');
  mkdirSync(root);
  mkdirSync(commands);
  for (const name of OF_THE_SYSTEM) {
    writeFileSync(join(commands, name), `#!/bin/sh\necho "$0 $*" >>"${called}"\n`);
    chmodSync(join(commands, name), 0o755);
  }
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

function setup(...options: string[]): { status: number | null; out: string; err: string } {
  const PATH = `${commands}:${process.env.PATH}`;
  const { status, stdout, stderr } = spawnSync('bash', [SCRIPT, ...options], {
    encoding: 'utf8',
    env: { PATH },
  });
  return { status, out: stdout, err: stderr };
}

const written = (path: string): string => readFileSync(join(root, path), 'utf8');
const environment = (): Record<string, string> =>
  Object.fromEntries(
    [...written(`${CHECKOUT}/.env`).matchAll(/^(\w+)=(.*)$/gm)].map(([, key = '', value = '']) => [
      key,
      value,
    ]),
  );

/** Every file below the root with its content, mode and time of change. */
function state(): Record<string, unknown> {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      const { mode, mtimeMs, ino, size } = statSync(path);
      return [path, { mode, mtimeMs, ino, content: name === 'swapfile' ? size : readFileSync(path, 'utf8') }];
    }),
  );
}

describe('setup.sh', () => {
  it('writes what a fresh machine lacks, and calls no command of the system below --root', () => {
    const { status, out } = setup(
      '--root',
      root,
      '--domain',
      'sitecast.example.com',
      '--mqtt-from',
      '10.8.0.0/24',
    );
    expect(status).toBe(0);
    expect(out).toContain('changed: 7');
    expect(statSync(join(root, 'swapfile')).size).toBe(2 * 1024 ** 3);
    expect(statSync(join(root, 'swapfile')).mode & 0o777).toBe(0o600);
    expect(written('etc/fstab')).toBe('/swapfile none swap sw 0 0\n');
    expect(written('etc/sysctl.d/60-sitecast.conf')).toContain('vm.swappiness = 10\n');
    expect(written('etc/apt/apt.conf.d/20auto-upgrades')).toContain('Unattended-Upgrade "1";');
    expect(written('etc/sitecast/firewall.rules').split('\n')).toEqual([
      'ufw limit 22/tcp',
      'ufw allow 80/tcp',
      'ufw allow 443/tcp',
      'ufw allow proto tcp from 10.8.0.0/24 to any port 1883,1884',
      '',
    ]);
    expect(environment()).toMatchObject({
      SITE_DOMAIN: 'sitecast.example.com',
      PUBLIC_URL: 'https://sitecast.example.com',
      TRUST_PROXY: 'true',
      COMPOSE_PROFILES: 'tls',
    });
    expect(existsSync(called)).toBe(false);
  });

  it('changes nothing when it runs again', () => {
    const options = [
      '--root',
      root,
      ...SMALL,
      '--domain',
      'a.example.com',
      '--mqtt-bind',
      '10.8.0.1',
      '--monitoring',
      '--mqtts',
    ];
    expect(setup(...options).status).toBe(0);
    const before = state();
    expect(Object.keys(before)).toHaveLength(7);
    const again = setup(...options);
    expect([again.status, again.out]).toEqual([0, 'nothing to change\n']);
    expect(state()).toEqual(before);
  });

  it('makes each secret once, of its own, for no one else to read, and prints none', () => {
    const { out } = setup('--root', root, ...SMALL, '--monitoring');
    const { POSTGRES_PASSWORD, REDIS_PASSWORD, SESSION_SECRET, METRICS_TOKEN, GRAFANA_PASSWORD } =
      environment();
    const secrets = [POSTGRES_PASSWORD, REDIS_PASSWORD, SESSION_SECRET, METRICS_TOKEN, GRAFANA_PASSWORD];
    expect(new Set(secrets).size).toBe(5);
    for (const secret of secrets) {
      expect(secret).toMatch(/^[0-9a-f]{64}$/);
      expect(out).not.toContain(secret);
    }
    expect(statSync(join(root, CHECKOUT, '.env')).mode & 0o777).toBe(0o600);
  });

  it('fills every variable that docker-compose.yml requires', () => {
    setup('--root', root, ...SMALL);
    const compose = readFileSync(join(CHECKOUT, 'docker-compose.yml'), 'utf8');
    const required = [...compose.matchAll(/(?<!\$)\$\{([A-Z_]+):\?/g)].map(([, name]) => name);
    expect(required.length).toBeGreaterThan(0);
    for (const name of required) expect(environment()).toHaveProperty([name ?? '']);
    const example = readFileSync(join(CHECKOUT, '.env.example'), 'utf8');
    setup('--root', root, ...SMALL, '--domain', 'a.example.com', '--mqtt-bind', '10.8.0.1', '--monitoring');
    for (const name of Object.keys(environment())) expect(example).toMatch(new RegExp(`^#?${name}=`, 'm'));
  });

  it('keeps what a person wrote, and changes of .env only what an option names', () => {
    mkdirSync(join(root, 'etc'), { recursive: true });
    mkdirSync(join(root, CHECKOUT), { recursive: true });
    writeFileSync(join(root, 'etc/fstab'), 'LABEL=root / ext4 defaults 0 1\n');
    writeFileSync(
      join(root, CHECKOUT, '.env'),
      '# mine\nPOSTGRES_PASSWORD=of-before\nMQTT_BIND=10.0.0.1\nLOG_LEVEL=debug\nCOMPOSE_PROFILES=tls\n',
    );
    expect(setup('--root', root, ...SMALL, '--mqtt-bind', '10.0.0.2', '--monitoring').status).toBe(0);
    expect(written('etc/fstab')).toBe('LABEL=root / ext4 defaults 0 1\n/swapfile none swap sw 0 0\n');
    expect(
      written(`${CHECKOUT}/.env`).startsWith(
        '# mine\nPOSTGRES_PASSWORD=of-before\nMQTT_BIND=10.0.0.2\nLOG_LEVEL=debug\nCOMPOSE_PROFILES=tls,monitoring\n',
      ),
    ).toBe(true);
  });

  it('keeps the networks and the ports that earlier runs let in, as ufw does, and adds to them', () => {
    const rules = (): string[] => written('etc/sitecast/firewall.rules').trim().split('\n').slice(3);
    const mqtt = (network: string): string => `ufw allow proto tcp from ${network} to any port 1883,1884`;
    setup('--root', root, ...SMALL, '--mqtt-from', '10.8.0.0/24', '--mqtts');
    const before = state();
    expect(setup('--root', root, ...SMALL).out).toBe('nothing to change\n');
    expect(state()).toEqual(before);
    const again = ['--mqtt-from', '10.9.0.0/24', '--mqtt-from', '10.8.0.0/24', '--mqtt-from', '10.9.0.0/24'];
    expect(setup('--root', root, ...SMALL, ...again).out).toContain('changed: 1');
    const expected = [mqtt('10.8.0.0/24'), 'ufw allow 8883,8884/tcp', mqtt('10.9.0.0/24')];
    expect(rules()).toEqual(expected);
    const { out } = setup('--dry-run', '--root', root, ...SMALL);
    for (const rule of expected) expect(out).toContain(`would run: ${rule}\n`);
    // As the help says it: without its line a rule is not made again.
    expect(setup('--help').out).toContain('remove the line of RULE');
    const kept = written('etc/sitecast/firewall.rules').replace(`${mqtt('10.8.0.0/24')}\n`, '');
    writeFileSync(join(root, 'etc/sitecast/firewall.rules'), kept);
    expect(setup('--dry-run', '--root', root, ...SMALL).out).not.toContain('10.8.0.0/24');
  });

  it('makes no command of a line of firewall.rules that it would not write itself', () => {
    mkdirSync(join(root, 'etc/sitecast'), { recursive: true });
    const line = 'ufw allow proto tcp from 10.8.0.0/24 to any port 1883,1884; reboot';
    writeFileSync(join(root, 'etc/sitecast/firewall.rules'), `${line}\nufw reset\n`);
    const { status, out } = setup('--dry-run', '--root', root, ...SMALL);
    expect(status).toBe(0);
    expect(out).toContain('would write: /etc/sitecast/firewall.rules');
    expect(out).not.toMatch(/reboot|ufw reset/);
  });

  it('takes a complete .env away from others, and leaves alone what is stricter than it asks', () => {
    setup('--root', root, ...SMALL);
    const path = join(root, CHECKOUT, '.env');
    const content = readFileSync(path, 'utf8');
    const mode = (): number => statSync(path).mode & 0o777;
    chmodSync(path, 0o644);
    expect(setup('--dry-run', '--root', root, ...SMALL).out).toContain(
      `would chmod: ${CHECKOUT}/.env to 600\n`,
    );
    expect(mode()).toBe(0o644);
    expect(setup('--root', root, ...SMALL).out).toBe(`chmod: ${CHECKOUT}/.env to 600\nchanged: 1\n`);
    expect([mode(), readFileSync(path, 'utf8')]).toEqual([0o600, content]);
    chmodSync(path, 0o400);
    expect(setup('--root', root, ...SMALL).out).toBe('nothing to change\n');
    expect(mode()).toBe(0o400);
  });

  it('says of a file that an ordinary user may not read that it cannot tell, and never replaces it', () => {
    const checkout = join(scratch, 'checkout');
    cpSync(SCRIPT, join(checkout, 'server/deploy/setup.sh'));
    const ordinary = (...options: string[]): { status: number | null; out: string; err: string } => {
      const { status, stdout, stderr } = spawnSync(
        'bash',
        [join(checkout, 'server/deploy/setup.sh'), '--root', root, ...SMALL, ...options],
        // As root nothing is kept from anybody.
        {
          encoding: 'utf8',
          env: { PATH: process.env.PATH },
          ...(process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}),
        },
      );
      return { status, out: stdout, err: stderr };
    };
    const path = join(root, checkout, '.env');
    mkdirSync(join(root, checkout), { recursive: true });
    writeFileSync(path, 'POSTGRES_PASSWORD=of-before\n');
    chmodSync(path, 0);
    for (const { parentPath } of readdirSync(scratch, { recursive: true, withFileTypes: true }))
      chmodSync(parentPath, 0o777);
    chmodSync(join(checkout, 'server/deploy/setup.sh'), 0o755);
    const { status, out } = ordinary('--dry-run');
    expect(status).toBe(0);
    expect(out).toContain(`cannot read: ${checkout}/.env; root can tell whether it would change\n`);
    expect(out).not.toContain(`would write: ${checkout}/.env`);
    expect(out).toMatch(/^would be changed: \d+, as far as it may read$/m);
    const real = ordinary();
    expect([real.status, real.err]).toEqual([1, `setup.sh: cannot read ${checkout}/.env\n`]);
    chmodSync(path, 0o600);
    expect(readFileSync(path, 'utf8')).toBe('POSTGRES_PASSWORD=of-before\n');
  });

  it('tells with --dry-run what it would do, and does nothing', () => {
    const { status, out } = setup('--dry-run', '--root', root, '--mqtts');
    expect(status).toBe(0);
    for (const part of [
      'would make: /swapfile of 2048 MiB',
      `would write: ${CHECKOUT}/.env`,
      'would run: ufw allow 8883,8884/tcp',
      'would run: docker compose',
    ])
      expect(out).toContain(part);
    expect(readdirSync(root)).toEqual([]);
    expect(existsSync(called)).toBe(false);
  });

  it('lets SSH in before it raises the firewall, and starts the containers last', () => {
    const { out } = setup('--dry-run', '--root', root);
    const order = ['ufw limit 22/tcp', 'ufw --force enable', 'docker compose --project-directory'].map(
      (part) => out.indexOf(part),
    );
    expect(order.every((at) => at >= 0)).toBe(true);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(setup('--dry-run', '--root', root, '--no-start').out).not.toContain('docker compose');
  });

  it.each([
    ['--mqtt-bind'],
    ['--domain', 'a b.example'],
    ['--domain', 'a.example|s'],
    ['--mqtt-from', 'any; reboot'],
    ['--swap-mib', '0'],
    ['--root', 'relative'],
    ['--nonsense'],
  ])('refuses %s %s with 64, before it does anything', (...options) => {
    const { status, err } = setup('--root', root, ...options);
    expect(status).toBe(64);
    expect(err).toContain('see --help');
    expect(readdirSync(root)).toEqual([]);
  });

  it('explains every option that it takes', () => {
    const { status, out } = setup('--help');
    expect(status).toBe(0);
    const taken = [...readFileSync(SCRIPT, 'utf8').matchAll(/^ {6}(--[a-z-]+)(?: \| -h)?\) /gm)].map(
      ([, option]) => option,
    );
    expect(taken).toHaveLength(10);
    for (const option of taken) expect(out).toMatch(new RegExp(`^  ${option} `, 'm'));
  });

  it.skipIf(!requireTool('shellcheck', 'it checks the scripts'))(
    'and what cloud-init runs are clean for shellcheck',
    () => {
      const inline = join(scratch, 'install.sh');
      writeFileSync(inline, cloudInit().write_files[1]?.content ?? '');
      for (const path of [SCRIPT, inline, join(CHECKOUT, '.ci/run')]) {
        // SC1091: what it sources is on the machine only.
        const { status, stdout } = spawnSync('shellcheck', ['--exclude=SC1091,SC2154', path], {
          encoding: 'utf8',
        });
        expect([path, status, stdout]).toEqual([path, 0, '']);
      }
    },
  );
});

describe('cloud-init.yaml', () => {
  it('begins with the word by which cloud-init knows it, and has only keys that it knows', () => {
    expect(readFileSync(CLOUD_INIT, 'utf8').startsWith('#cloud-config\n')).toBe(true);
    expect(Object.keys(cloudInit())).toEqual(['package_update', 'packages', 'write_files', 'runcmd']);
    for (const { path, permissions } of cloudInit().write_files) {
      expect(path).toMatch(/^\/(etc|usr\/local\/sbin)\/[\w./-]+$/);
      expect(permissions).toMatch(/^0[67]00$|^0755$/);
    }
  });

  it('runs a program that it wrote, which runs setup.sh with options that it takes', () => {
    const [settings, install] = cloudInit().write_files;
    expect(cloudInit().runcmd).toEqual([[install?.path]]);
    expect(install?.content).toContain(SCRIPT.slice(CHECKOUT.length));
    const example = /such as: (.+)$/m.exec(settings?.content ?? '')?.[1]?.split(' ') ?? [];
    expect(setup('--root', root, ...SMALL, ...example).status).toBe(0);
  });

  it('says what is missing as long as nobody filled it in', () => {
    const [settings, install] = cloudInit().write_files;
    const filled = join(scratch, 'install.env');
    writeFileSync(filled, settings?.content ?? '');
    const script = install?.content.replace(settings?.path ?? '', filled) ?? '';
    const { status, stderr } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
    expect(status).not.toBe(0);
    expect(stderr).toContain('fill in REPOSITORY');
  });
});

interface CloudInit {
  write_files: { path: string; permissions: string; content: string }[];
  runcmd: string[][];
}

function cloudInit(): CloudInit {
  return parse(readFileSync(CLOUD_INIT, 'utf8')) as CloudInit;
}
