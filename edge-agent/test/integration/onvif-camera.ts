// A small ONVIF device on 127.0.0.1: WS-Discovery over UDP, SOAP over HTTP with WS-Security checked as OASIS' UsernameToken
// Profile 1.0 says. Written from the standards, not from what our client sends. Ends with the test.

import { createHash, randomUUID } from 'node:crypto';
import { createSocket, type RemoteInfo } from 'node:dgram';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface FakeProfile {
  token: string;
  source: string;
  encoding: string;
  width: number;
  height: number;
  uri: string;
}

export interface FakeCameraOptions {
  user?: string;
  password?: string;
  name?: string;
  model?: string;
  profiles?: FakeProfile[];
  /** How far its clock is off; it lets in what was signed within a minute of it. */
  clockSkewMs?: number;
  /** Where it says that its services are. */
  serviceHost?: string;
  /** An address of this machine: it is found there by multicast, as a camera is. */
  multicastOn?: string;
  /** In place of the answer to a Probe. */
  onProbe?: (answer: string, send: (message: string | Buffer) => void, from: RemoteInfo) => void;
  /** In place of the answer to an operation, where it answers itself. */
  onRequest?: (operation: string, response: ServerResponse) => boolean;
}

export interface FakeCamera {
  /** For WS-Discovery. */
  port: number;
  httpPort: number;
  /** Names of operations, in the order in which they came. */
  operations: string[];
  refused: number;
}

const MAIN: FakeProfile = {
  token: 'Profile_1',
  source: 'VideoSource_1',
  encoding: 'H264',
  width: 1920,
  height: 1080,
  uri: 'rtsp://192.168.1.108:554/Streaming/Channels/101?transportmode=unicast&profile=Profile_1',
};
export const PROFILES: FakeProfile[] = [
  MAIN,
  {
    ...MAIN,
    token: 'Profile_2',
    width: 640,
    height: 360,
    uri: 'rtsp://192.168.1.108:554/Streaming/Channels/102',
  },
  {
    ...MAIN,
    token: 'Profile_3',
    encoding: 'JPEG',
    width: 320,
    height: 180,
    uri: 'rtsp://192.168.1.108/jpeg',
  },
];
const DISCOVERY_PORT = 3702;
const MULTICAST = '239.255.255.250';
const MAX_CLOCK_DIFFERENCE_MS = 60_000;

export async function startFakeCamera(options: FakeCameraOptions = {}): Promise<FakeCamera> {
  const { name = 'Yard%20camera', model = 'IPC-4200', multicastOn } = options;
  const host = multicastOn ?? '127.0.0.1';
  const { serviceHost = host } = options;
  const camera: FakeCamera = { port: 0, httpPort: 0, operations: [], refused: 0 };
  const seen = new Set<string>();

  const http = createServer((request, response) => {
    void readBody(request).then((body) => answerRequest(body, response));
  });
  await new Promise<void>((resolve) => http.listen(0, host, resolve));
  camera.httpPort = (http.address() as AddressInfo).port;
  const service = `http://${serviceHost}:${camera.httpPort}/onvif/device_service`;

  function answerRequest(body: string, response: ServerResponse): void {
    const operation = /<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)/.exec(body)?.[1] ?? '';
    camera.operations.push(operation);
    if (options.onRequest?.(operation, response)) return;
    const isOpen = operation === 'GetSystemDateAndTime';
    if (!isOpen && !isAuthorized(body, options, seen)) {
      camera.refused += 1;
      return send(response, 400, fault('ter:NotAuthorized', 'Sender not Authorized'));
    }
    const answer = soapAnswer(operation, body, service, options);
    if (answer === undefined) send(response, 500, fault('ter:ActionNotSupported', 'Not supported'));
    else send(response, 200, envelope(answer));
  }

  const endpoint = `urn:uuid:${randomUUID().slice(0, 24)}000000000001`;
  const udp = createSocket({ type: 'udp4', reuseAddr: true });
  udp.on('message', (message, from) => {
    const id = /MessageID[^>]*>([^<]*)</.exec(message.toString())?.[1] ?? '';
    const reply = (text: string | Buffer): void => udp.send(text, from.port, from.address);
    const answer = probeMatches({
      id,
      endpoint,
      name,
      model,
      service,
    });
    if (options.onProbe) options.onProbe(answer, reply, from);
    else reply(answer);
  });
  await new Promise<void>((resolve) =>
    multicastOn === undefined ? udp.bind(0, host, resolve) : udp.bind(DISCOVERY_PORT, resolve),
  );
  if (multicastOn !== undefined) udp.addMembership(MULTICAST, multicastOn);
  camera.port = udp.address().port;
  onTestFinished(async () => {
    udp.close();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  });
  return camera;
}

interface Match {
  id: string;
  endpoint: string;
  name: string;
  model: string;
  service: string;
}

export function probeMatches({ id, endpoint, name, model, service }: Match): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"
 xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><SOAP-ENV:Header>
<wsa:MessageID>urn:uuid:9b2f7e04-0000-0000-0000-000000000000</wsa:MessageID><wsa:RelatesTo>${id}</wsa:RelatesTo>
<wsa:To>http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous</wsa:To></SOAP-ENV:Header>
<SOAP-ENV:Body><d:ProbeMatches><d:ProbeMatch><wsa:EndpointReference><wsa:Address>${endpoint}</wsa:Address></wsa:EndpointReference>
<d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>onvif://www.onvif.org/type/video_encoder
 onvif://www.onvif.org/name/${name} onvif://www.onvif.org/hardware/${model}</d:Scopes>
<d:XAddrs>http://[fe80::1]/onvif/device_service ${service}</d:XAddrs><d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch>
</d:ProbeMatches></SOAP-ENV:Body></SOAP-ENV:Envelope>`;
}

/** Password_Digest = Base64(SHA-1(nonce + created + password)); a nonce counts once. */
function isAuthorized(
  body: string,
  { user = 'admin', password = 'p@ss<&>word', clockSkewMs = 0 }: FakeCameraOptions,
  seen: Set<string>,
): boolean {
  const text = (element: string): string =>
    new RegExp(`<(?:\\w+:)?${element}(?:\\s[^>]*)?>([^<]*)<`).exec(body)?.[1] ?? '';
  const [nonce, created] = [text('Nonce'), text('Created')];
  const digest = createHash('sha1')
    .update(Buffer.concat([Buffer.from(nonce, 'base64'), Buffer.from(created + password)]))
    .digest('base64');
  const isFresh = Math.abs(Date.parse(created) - (Date.now() + clockSkewMs)) < MAX_CLOCK_DIFFERENCE_MS;
  const isNew = !seen.has(nonce);
  seen.add(nonce);
  return text('Username') === user && text('Password') === digest && isFresh && isNew;
}

function soapAnswer(
  operation: string,
  body: string,
  service: string,
  { profiles = PROFILES, model = 'IPC-4200', clockSkewMs = 0 }: FakeCameraOptions,
): string | undefined {
  switch (operation) {
    case 'GetSystemDateAndTime':
      return systemDateAndTime(new Date(Date.now() + clockSkewMs));
    case 'GetServices':
      return `<tds:GetServicesResponse>${['device', 'media'].map((name) => serviceOf(name, service)).join('')}</tds:GetServicesResponse>`;
    case 'GetDeviceInformation':
      return `<tds:GetDeviceInformationResponse><tds:Manufacturer>ACME</tds:Manufacturer><tds:Model>${model}</tds:Model>
        <tds:FirmwareVersion>V5.5.800</tds:FirmwareVersion><tds:SerialNumber>1</tds:SerialNumber><tds:HardwareId>88</tds:HardwareId></tds:GetDeviceInformationResponse>`;
    case 'GetProfiles':
      return `<trt:GetProfilesResponse>${profiles.map(profileOf).join('')}</trt:GetProfilesResponse>`;
    case 'GetStreamUri': {
      const token = /ProfileToken>([^<]*)</.exec(body)?.[1];
      const uri = profiles.find((profile) => profile.token === token)?.uri.replaceAll('&', '&amp;');
      return `<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>${uri}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>
        <tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout></trt:MediaUri></trt:GetStreamUriResponse>`;
    }
    default:
      return undefined;
  }
}

function systemDateAndTime(now: Date): string {
  const time = `<tt:Hour>${now.getUTCHours()}</tt:Hour><tt:Minute>${now.getUTCMinutes()}</tt:Minute><tt:Second>${now.getUTCSeconds()}</tt:Second>`;
  const date = `<tt:Year>${now.getUTCFullYear()}</tt:Year><tt:Month>${now.getUTCMonth() + 1}</tt:Month><tt:Day>${now.getUTCDate()}</tt:Day>`;
  return `<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType><tt:DaylightSavings>false</tt:DaylightSavings>
    <tt:UTCDateTime><tt:Time>${time}</tt:Time><tt:Date>${date}</tt:Date></tt:UTCDateTime></tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>`;
}

function serviceOf(name: string, service: string): string {
  return `<tds:Service><tds:Namespace>http://www.onvif.org/ver10/${name}/wsdl</tds:Namespace><tds:XAddr>${service}/${name}</tds:XAddr>
    <tds:Version><tt:Major>2</tt:Major><tt:Minor>60</tt:Minor></tds:Version></tds:Service>`;
}

function profileOf({ token, source, encoding, width, height }: FakeProfile): string {
  return `<trt:Profiles token="${token}" fixed="true"><tt:Name>${token}</tt:Name>
    <tt:VideoSourceConfiguration token="c"><tt:Name>c</tt:Name><tt:UseCount>2</tt:UseCount><tt:SourceToken>${source}</tt:SourceToken>
    <tt:Bounds x="0" y="0" width="${width}" height="${height}"/></tt:VideoSourceConfiguration>
    <tt:VideoEncoderConfiguration token="e"><tt:Name>e</tt:Name><tt:Encoding>${encoding}</tt:Encoding>
    <tt:Resolution><tt:Width>${width}</tt:Width><tt:Height>${height}</tt:Height></tt:Resolution><tt:Quality>3</tt:Quality></tt:VideoEncoderConfiguration></trt:Profiles>`;
}

export function envelope(body: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope" xmlns:tds="http://www.onvif.org/ver10/device/wsdl"
 xmlns:trt="http://www.onvif.org/ver10/media/wsdl" xmlns:tt="http://www.onvif.org/ver10/schema" xmlns:ter="http://www.onvif.org/ver10/error"><env:Body>${body}</env:Body></env:Envelope>`;
}

function fault(code: string, reason: string): string {
  return envelope(`<env:Fault><env:Code><env:Value>env:Sender</env:Value><env:Subcode><env:Value>${code}</env:Value></env:Subcode></env:Code>
    <env:Reason><env:Text xml:lang="en">${reason}</env:Text></env:Reason></env:Fault>`);
}

export function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/soap+xml; charset=utf-8' }).end(body);
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
