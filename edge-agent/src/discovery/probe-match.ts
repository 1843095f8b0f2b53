// The messages of WS-Discovery (2005/04) that a search for cameras needs: Probe out, ProbeMatches in. Pure.

import { plainText } from './plain-text.ts';

/** What a device says of itself before anybody logs in. */
export interface ProbeMatch {
  /** The device's own name for itself (a UUID); the same whichever way it is reached. */
  endpoint: string;
  /** From its scopes; empty when it says none. */
  name: string;
  model: string;
  /** Of its device service. */
  isTls: boolean;
  port: number;
  /** With query. */
  path: string;
}

/** Policy: what is beyond is left out. Bounds in edge-agent/README.md. */
const MAX_MATCHES_PER_ANSWER = 4;
const MAX_PATH_CHARACTERS = 256;
const SCOPE = 'onvif://www.onvif.org/';

const TYPES = [
  '<d:Types xmlns:n="http://www.onvif.org/ver10/network/wsdl">n:NetworkVideoTransmitter</d:Types>',
  '<d:Types xmlns:n="http://www.onvif.org/ver10/device/wsdl">n:Device</d:Types>',
];

/** Cameras of before and after ONVIF 2.0: each answers one of the two. @param ids UUIDs, one for each. */
export function probeMessages(ids: readonly [string, string]): string[] {
  return TYPES.map((types, index) => probeMessage(types, ids[index]!));
}

function probeMessage(types: string, id: string): string {
  const addressing = 'http://schemas.xmlsoap.org/ws/2004/08/addressing';
  const discovery = 'http://schemas.xmlsoap.org/ws/2005/04/discovery';
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="${addressing}" xmlns:d="${discovery}">`,
    `<s:Header><a:Action s:mustUnderstand="1">${discovery}/Probe</a:Action>`,
    `<a:MessageID>urn:uuid:${id}</a:MessageID>`,
    `<a:ReplyTo><a:Address>${addressing}/role/anonymous</a:Address></a:ReplyTo>`,
    '<a:To s:mustUnderstand="1">urn:schemas-xmlsoap-org:ws:2005:04:discovery</a:To></s:Header>',
    `<s:Body><d:Probe>${types}</d:Probe></s:Body></s:Envelope>`,
  ].join('');
}

/**
 * Read by its few flat elements instead of an XML parser: it comes from anybody on the network.
 * @param from the address that it came from; a service elsewhere is not believed.
 * @returns nothing when it is no answer to one of `ids`, or none of an ONVIF device.
 */
export function readProbeMatches(text: string, from: string, ids: readonly string[]): ProbeMatch[] {
  const relatesTo = elementText(text, 'RelatesTo').toLowerCase();
  if (!ids.some((id) => relatesTo.endsWith(id))) return [];
  const parts = text.split(/<(?:[\w.-]{1,40}:)?ProbeMatch(?=[\s>])/).slice(1, 1 + MAX_MATCHES_PER_ANSWER);
  return parts.map((part) => readProbeMatch(part, from)).filter((match) => match !== undefined);
}

function readProbeMatch(text: string, from: string): ProbeMatch | undefined {
  const endpoint = plainText(elementText(text, 'Address'));
  const scopes = elementText(text, 'Scopes').split(/\s+/);
  // Printers and PCs answer such a search too.
  const isCamera = elementText(text, 'Types').includes('NetworkVideoTransmitter');
  if (!isCamera && !scopes.some((scope) => scope.startsWith(SCOPE))) return undefined;
  const service = serviceOf(elementText(text, 'XAddrs'), from);
  if (!service || endpoint === '') return undefined;
  return { endpoint, name: scopeValue(scopes, 'name'), model: scopeValue(scopes, 'hardware'), ...service };
}

/** Its own address where the device names several; what else it names may not be reachable from here. */
function serviceOf(addresses: string, from: string): Pick<ProbeMatch, 'isTls' | 'port' | 'path'> | undefined {
  const urls = addresses
    .split(/\s+/, 8)
    .filter((text) => /^https?:/i.test(text) && URL.canParse(text))
    .map((text) => new URL(text));
  const url =
    urls.find(({ hostname }) => hostname === from) ??
    urls.find(({ hostname }) => !hostname.startsWith('[')) ??
    urls[0];
  if (!url) return undefined;
  const isTls = url.protocol === 'https:';
  const path = url.pathname + url.search;
  if (path.length > MAX_PATH_CHARACTERS) return undefined;
  return { isTls, port: Number(url.port) || (isTls ? 443 : 80), path };
}

function scopeValue(scopes: string[], name: string): string {
  const prefix = `${SCOPE}${name}/`;
  const value = scopes.find((scope) => scope.startsWith(prefix))?.slice(prefix.length) ?? '';
  try {
    return plainText(decodeURIComponent(value));
  } catch {
    return plainText(value);
  }
}

function elementText(text: string, name: string): string {
  const found = new RegExp(`<(?:[\\w.-]{1,40}:)?${name}(?:\\s[^<>]*)?>([^<]*)<`).exec(text);
  return (found?.[1] ?? '')
    .trim()
    .replace(/&(amp|lt|gt|quot|apos);/g, (_, entity: string) => ENTITIES[entity]!);
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
