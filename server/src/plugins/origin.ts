// Whether a browser's request comes from our own page.

export interface OriginFacts {
  /** The `Origin` header; browsers send it with every WebSocket and every cross-site POST, and a page cannot change it. */
  origin: string | undefined;
  /** The `Host` header, or what a trusted proxy says it was. */
  host: string | undefined;
  publicUrl: URL | undefined;
}

/** No `Origin` means that no browser asks, so nobody's cookie is being used behind their back. */
export function isOwnOrigin({ origin, host, publicUrl }: OriginFacts): boolean {
  if (origin === undefined) return true;
  if (!URL.canParse(origin)) return false;
  const given = new URL(origin);
  if (publicUrl && given.origin === publicUrl.origin) return true;
  return /^https?:$/.test(given.protocol) && given.host === withoutDefaultPort(given.protocol, host);
}

function withoutDefaultPort(protocol: string, host = ''): string | undefined {
  const url = `${protocol}//${host}`;
  return URL.canParse(url) ? new URL(url).host : undefined;
}
