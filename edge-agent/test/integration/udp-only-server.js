// npm's rtsp-streaming-server in a process of its own, because it cannot be stopped: started with its two ports and the first of its
// RTP ports, it says `up` and ends when its standard input ends.

import streaming from 'rtsp-streaming-server';

// CommonJS made from TypeScript: its default export is a property.
const RtspServer = streaming.default;
const [serverPort, clientPort, rtpPortStart] = process.argv.slice(2).map(Number);

await new RtspServer({ serverPort, clientPort, rtpPortStart, rtpPortCount: 200 }).start();
process.stdout.write('up\n');
process.stdin.resume().once('end', () => process.exit(0));
