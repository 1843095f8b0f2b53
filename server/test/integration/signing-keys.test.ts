// Keys of gateways through the HTTP side: shown to operators, accepted by admins.

import { describe, expect, it } from 'vitest';
import { keyIdOf, newSigningKey, publicKeyOf } from '@sitecast/shared/node/signing';
import { SigningKeys, type KnownKey } from '../../src/evidence/signing-keys.ts';
import { openHttpHarness } from '../support/http-harness.ts';
import { useTestPostgres } from '../support/postgres.ts';

const postgres = useTestPostgres();
const AGENT = { site: 'yard', agent: 'gateway' };

describe('keys with which a gateway signs', () => {
  it('are believed from the first on, and another one when an admin of the site has accepted it', async () => {
    await using harness = await openHttpHarness(postgres);
    await harness.database.query(`insert into sites (id, name) values ('yard', 'Yard')`, []);
    const keys = new SigningKeys(harness.database);
    const [first, second] = [newSigningKey(), newSigningKey()].map(publicKeyOf);
    expect(await keys.seen(AGENT, first!)).toBeUndefined();
    expect(await keys.seen(AGENT, first!)).toBeUndefined();
    expect(await keys.seen(AGENT, second!)).toMatchObject({ keyId: keyIdOf(second!), acceptedAt: null });
    expect(await keys.seen(AGENT, second!)).toBeUndefined();
    // Of another agent it is the first one.
    expect(await keys.seen({ ...AGENT, agent: 'other' }, second!)).toBeUndefined();

    const url = '/api/v1/agents/yard/gateway/keys';
    const accept = { method: 'POST' as const, url: `${url}/${keyIdOf(second!)}/accept` };
    const operator = await harness.login('operator', ['yard']);
    expect((await harness.request(await harness.login('viewer'), { url })).statusCode).toBe(403);
    expect((await harness.request(await harness.login('operator', ['elsewhere']), { url })).statusCode).toBe(
      404,
    );
    expect((await harness.request(operator, accept)).statusCode).toBe(403);
    const admin = await harness.login('admin', ['yard']);
    expect(
      (await harness.request(admin, { ...accept, url: `${url}/${'0'.repeat(16)}/accept` })).statusCode,
    ).toBe(404);
    expect((await harness.request(admin, accept)).json()).toMatchObject({ acceptedAt: expect.any(String) });
    const { items } = (await harness.request(operator, { url })).json<{ items: KnownKey[] }>();
    expect(items).toMatchObject([
      { publicKey: first, acceptedAt: expect.any(String), retiredAt: expect.any(String) },
      { publicKey: second, acceptedAt: expect.any(String), retiredAt: null },
    ]);
  });
});
