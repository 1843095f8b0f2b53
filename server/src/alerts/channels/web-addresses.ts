// Which addresses a webhook may reach. Whoever may write a URL must not be able to talk through this server to what only the
// server can reach: its own services, the network behind it, the metadata of its cloud.

import { lookup as resolve } from 'node:dns';
import { BlockList, type LookupFunction } from 'node:net';
import { AppError } from '@sitecast/shared/runtime/app-error';

type Range = readonly [net: string, prefix: number, family: 'ipv4' | 'ipv6'];

/** Nobody's server: unspecified, link-local with the metadata of clouds, multicast, reserved, and tunnels that may lead to any of these. */
const NEVER: readonly Range[] = [
  ['0.0.0.0', 8, 'ipv4'],
  ['169.254.0.0', 16, 'ipv4'],
  ['224.0.0.0', 3, 'ipv4'],
  ['::', 128, 'ipv6'],
  ['64:ff9b::', 32, 'ipv6'],
  ['2001::', 32, 'ipv6'],
  ['2002::', 16, 'ipv6'],
  ['fd00:ec2::', 32, 'ipv6'],
  ['fe80::', 10, 'ipv6'],
  ['ff00::', 8, 'ipv6'],
];
/** This machine, and networks that are not the internet (RFC 6890). */
const PRIVATE: readonly Range[] = [
  ['10.0.0.0', 8, 'ipv4'],
  ['100.64.0.0', 10, 'ipv4'],
  ['127.0.0.0', 8, 'ipv4'],
  ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'],
  ['192.0.2.0', 24, 'ipv4'],
  ['192.168.0.0', 16, 'ipv4'],
  ['198.18.0.0', 15, 'ipv4'],
  ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'],
  ['::1', 128, 'ipv6'],
  ['100::', 64, 'ipv6'],
  ['2001:db8::', 32, 'ipv6'],
  ['fc00::', 7, 'ipv6'],
];

export class WebAddresses {
  readonly #refused = new BlockList();

  constructor({ allowPrivate }: { allowPrivate: boolean }) {
    for (const [net, prefix, family] of allowPrivate ? NEVER : [...NEVER, ...PRIVATE])
      this.#refused.addSubnet(net, prefix, family);
  }

  /** IPv4 in the clothes of IPv6 counts as IPv4. */
  allows(address: string): boolean {
    return !this.#refused.check(address, address.includes(':') ? 'ipv6' : 'ipv4');
  }

  /** @throws {AppError} WEBHOOK_ADDRESS */
  expect(address: string): void {
    if (!this.allows(address)) throw refused();
  }

  /** In the place of `dns.lookup`: what was checked is what is connected to, whatever the name says a moment later. */
  readonly lookup: LookupFunction = (hostname, options, callback) => {
    resolve(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '');
      const allowed = found.filter(({ address }) => this.allows(address));
      const [first] = allowed;
      if (!first) return callback(refused(), '');
      if (options.all) return callback(null, allowed);
      callback(null, first.address, first.family);
    });
  };
}

const refused = (): AppError =>
  new AppError('WEBHOOK_ADDRESS', 'its address is one that webhooks may not reach (WEBHOOK_ALLOW_PRIVATE)');
