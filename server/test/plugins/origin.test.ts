import { describe, expect, it } from 'vitest';
import { isOwnOrigin } from '../../src/plugins/origin.ts';

const publicUrl = new URL('https://sitecast.example.com/');

describe('the origin of a request', () => {
  it.each([
    ['no browser', undefined, '127.0.0.1:8080', undefined, true],
    ['our own page', 'http://127.0.0.1:8080', '127.0.0.1:8080', undefined, true],
    ['our own page by another name', 'http://LOCALHOST:8080', 'localhost:8080', undefined, true],
    ['our page behind a proxy', 'https://sitecast.example.com', '127.0.0.1:8080', publicUrl, true],
    ['another site', 'https://evil.example', '127.0.0.1:8080', publicUrl, false],
    ['another port of the same host', 'http://127.0.0.1:9090', '127.0.0.1:8080', undefined, false],
    ['a name that only begins like ours', 'https://sitecast.example.com.evil.example', 'x', publicUrl, false],
    ['the public name over plain http', 'http://sitecast.example.com', '127.0.0.1:8080', publicUrl, false],
    ['a sandboxed frame', 'null', '127.0.0.1:8080', undefined, false],
    ['an extension', 'chrome-extension://127.0.0.1:8080', '127.0.0.1:8080', undefined, false],
  ])('%s', (_who, origin, host, url, isOwn) => {
    expect(isOwnOrigin({ origin, host, publicUrl: url })).toBe(isOwn);
  });
});
