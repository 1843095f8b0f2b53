// The direction of imports, as ARCHITECTURE.md draws it. A rule that is broken fails `npm run check`.
const only = (name, engine, folders) => ({
  name,
  severity: 'error',
  comment: `${engine} can be replaced in one place only while one folder imports it`,
  from: { path: '^(shared|edge-agent|server)/src', pathNot: folders },
  to: { path: `node_modules/${engine}/` },
});

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'shared-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^shared/' },
      to: { path: '^(edge-agent|server)/' },
    },
    {
      name: 'edge-and-server-apart',
      severity: 'error',
      from: { path: '^edge-agent/' },
      to: { path: '^server/' },
    },
    {
      name: 'server-and-edge-apart',
      severity: 'error',
      from: { path: '^server/', pathNot: '^server/test/e2e/' },
      to: { path: '^edge-agent/' },
    },
    {
      name: 'protocol-does-no-io',
      severity: 'error',
      from: { path: '^shared/src/protocol' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'runtime-knows-no-node',
      severity: 'error',
      from: { path: '^shared/src/runtime' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'relay-knows-neither-fastify-nor-mqtt',
      severity: 'error',
      from: { path: '^server/src/relay' },
      to: { path: 'node_modules/(fastify|@fastify|aedes|mqtt)/|^server/src/(broker|plugins|routes)' },
    },
    {
      name: 'domains-below-plugins-below-routes',
      severity: 'error',
      from: {
        path: '^server/src/(alerts|broker|relay|ingest|telemetry|reports|fleet|auth|guard|media-store|postgres|queues|timeline)/',
      },
      to: { path: '^server/src/(plugins|routes|app|main|standalone)' },
    },
    {
      name: 'plugins-below-routes',
      severity: 'error',
      from: { path: '^server/src/plugins' },
      to: { path: '^server/src/(routes|app|main|standalone)' },
    },
    {
      name: 'page-knows-only-shared',
      severity: 'error',
      from: { path: '^server/web/' },
      to: { path: '^(edge-agent|server/(src|dist|test|bench))/' },
    },
    {
      name: 'src-imports-no-tests',
      severity: 'error',
      from: { path: '^(shared|edge-agent|server)/src' },
      to: { path: '/(test|bench)/' },
    },
    only('sharp-in-imaging', 'sharp', '^edge-agent/src/imaging'),
    only('mqtt-in-uplink', 'mqtt', '^edge-agent/src/uplink'),
    only('fluent-ffmpeg-in-camera', 'fluent-ffmpeg', '^edge-agent/src/camera'),
    only('aedes-in-brokers', 'aedes', '^(server/src/broker|edge-agent/src/sensors)'),
    only('onvif-in-discovery', 'onvif', '^edge-agent/src/discovery'),
    only('node-rtsp-stream-in-encoder', 'node-rtsp-stream', '^edge-agent/src/camera/encoder'),
    only('bullmq-in-queues', '(bullmq|ioredis)', '^server/src/queues'),
    only('nodemailer-in-channels', 'nodemailer', '^server/src/alerts/channels'),
    only('pg-in-postgres', 'pg', '^server/src/postgres'),
  ],
  options: {
    // Only followed no further, not left out: an import by package name, and many a package, ends in a dist folder.
    doNotFollow: { path: ['node_modules', '^(shared|edge-agent|server)/dist/'] },
    exclude: { path: '^server/web/(dist|public)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
