// The HTTP side, put together: plugins first, then one scope for the API, where every route says who may use it.

import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Logger } from '@sitecast/shared/node/logger';
import { authentication, type AuthenticationOptions } from '../plugins/authentication.ts';
import { dashboard } from '../plugins/dashboard.ts';
import { answer, answerUnreadable, errorAnswers } from '../plugins/errors.ts';
import { httpAnswers, type HttpAnswers } from '../plugins/http-answers.ts';
import { httpBodies, type HttpBodies } from '../plugins/http-bodies.ts';
import { httpConnections, SILENT_MAX_MS } from '../plugins/http-connections.ts';
import { BODY_MAX_BYTES } from '../plugins/http-limits.ts';
import { requestMetrics, type Metrics, type OwnCounter } from '../plugins/metrics.ts';
import { openApi } from '../plugins/openapi.ts';
import { requestRateLimit } from '../plugins/rate-limit.ts';
import { webSockets, type WebSocketOptions } from '../plugins/web-sockets.ts';
import { agentRoutes, type AgentRoutesOptions } from './agents.ts';
import { alertChannelRoutes, type AlertChannelRoutesOptions } from './alert-channels.ts';
import { alertDeliveryRoutes, type AlertDeliveryRoutesOptions } from './alert-deliveries.ts';
import { alertRoutes, type AlertRoutesOptions } from './alerts.ts';
import { authRoutes, type AuthRoutesOptions } from './auth.ts';
import { cameraRoutes, type CameraRoutesOptions } from './cameras.ts';
import { clipRoutes, type ClipRoutesOptions } from './clips.ts';
import { deviceRoutes, type DeviceRoutesOptions } from './devices.ts';
import { eventRoutes, type EventRoutesOptions } from './events.ts';
import { healthRoutes, type HealthRoutesOptions } from './health.ts';
import { ingestRoutes, type IngestRoutesOptions } from './ingest.ts';
import { liveRoutes, type LiveRoutesOptions } from './live.ts';
import { metricsRoutes } from './metrics.ts';
import { openApiRoutes } from './openapi.ts';
import { reportScheduleRoutes, type ReportScheduleRoutesOptions } from './report-schedules.ts';
import { reportRoutes, type ReportRoutesOptions } from './reports.ts';
import { ruleRoutes, type RuleRoutesOptions } from './rules.ts';
import { sensorRoutes, type SensorRoutesOptions } from './sensors.ts';
import { siteSilenceRoutes, type SiteSilenceRoutesOptions } from './site-silences.ts';
import { siteRoutes, type SiteRoutesOptions } from './sites.ts';
import { snapshotRoutes, type SnapshotRoutesOptions } from './snapshots.ts';
import { systemRoutes, type SystemRoutesOptions } from './system.ts';
import { telemetryExportRoutes, type TelemetryExportRoutesOptions } from './telemetry-export.ts';
import { telemetryRoutes, type TelemetryRoutesOptions } from './telemetry.ts';
import { timelineRoutes, type TimelineRoutesOptions } from './timeline.ts';
import { tokenRoutes } from './tokens.ts';
import { unmappedSampleRoutes, type UnmappedSampleRoutesOptions } from './unmapped-samples.ts';
import { updateRoutes, type UpdateRoutesOptions } from './updates.ts';

const REQUEST_TIMEOUT_MS = 30_000;

/** What the routes need, each for its own; nothing here is opened or closed by the HTTP side. */
export interface HttpServices
  extends
    AuthenticationOptions,
    AuthRoutesOptions,
    SiteRoutesOptions,
    AgentRoutesOptions,
    CameraRoutesOptions,
    SnapshotRoutesOptions,
    ClipRoutesOptions,
    SensorRoutesOptions,
    UnmappedSampleRoutesOptions,
    EventRoutesOptions,
    TelemetryRoutesOptions,
    TelemetryExportRoutesOptions,
    ReportRoutesOptions,
    TimelineRoutesOptions,
    ReportScheduleRoutesOptions,
    RuleRoutesOptions,
    AlertRoutesOptions,
    SiteSilenceRoutesOptions,
    AlertChannelRoutesOptions,
    AlertDeliveryRoutesOptions,
    DeviceRoutesOptions,
    SystemRoutesOptions,
    IngestRoutesOptions,
    LiveRoutesOptions,
    UpdateRoutesOptions,
    HealthRoutesOptions {
  metrics: Metrics;
}

export interface HttpAppOptions {
  services: HttpServices;
  bodies: HttpBodies;
  answers: HttpAnswers;
  logger: Logger;
  version: string;
  trustProxy: boolean;
  requestsPerMinute: number;
  maxConnections: number;
  connectionsPerAddress: number;
  metricsToken: string | undefined;
  webSocket: WebSocketOptions;
  /** For tests; the built page otherwise. */
  webDir?: string;
}

/** Does not listen. `close()` of the instance ends WebSockets with 1001 and waits for requests. */
export async function buildHttpApp(options: HttpAppOptions): Promise<FastifyInstance> {
  const { services, version } = options;
  // As the type that plugins know it by.
  const baseLogger: FastifyBaseLogger = options.logger;
  const app = Fastify({
    loggerInstance: baseLogger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: options.trustProxy,
    bodyLimit: BODY_MAX_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: SILENT_MAX_MS,
    forceCloseConnections: 'idle',
    clientErrorHandler: answerUnreadable,
    frameworkErrors: (error, request, reply) => void answer(error, request, reply),
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.server.maxConnections = options.maxConnections;
  app.server.on('drop', () => services.metrics.count('http_connections_dropped'));

  const count = (name: OwnCounter): void => services.metrics.count(name);
  const maxPerAddress = options.trustProxy ? undefined : options.connectionsPerAddress;
  await app.register(httpConnections, { maxPerAddress, count });
  await app.register(httpAnswers, { answers: options.answers });
  await app.register(errorAnswers, { logger: options.logger });
  await app.register(requestMetrics, { metrics: services.metrics });
  await app.register(requestRateLimit, { requestsPerMinute: options.requestsPerMinute });
  await app.register(httpBodies, { bodies: options.bodies });
  await app.register(webSockets, { ...options.webSocket, count });
  await app.register(openApi, { version });
  await app.register(dashboard, { publicUrl: services.publicUrl, webDir: options.webDir });

  await app.register(healthRoutes, services);
  await app.register(metricsRoutes, { metrics: services.metrics, metricsToken: options.metricsToken });
  await app.register((api) => registerApi(api, services), { prefix: '/api/v1' });
  return app;
}

async function registerApi(api: FastifyInstance, services: HttpServices): Promise<void> {
  await api.register(authentication, services);
  // What the API says depends on who asks and when: no cache between may keep it, unless a route says otherwise.
  api.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'));
  await api.register(openApiRoutes);
  await api.register(authRoutes, services);
  await api.register(siteRoutes, services);
  await api.register(agentRoutes, services);
  await api.register(cameraRoutes, services);
  await api.register(snapshotRoutes, services);
  await api.register(clipRoutes, services);
  await api.register(sensorRoutes, services);
  await api.register(unmappedSampleRoutes, services);
  await api.register(eventRoutes, services);
  await api.register(telemetryRoutes, services);
  await api.register(telemetryExportRoutes, services);
  await api.register(reportRoutes, services);
  await api.register(timelineRoutes, services);
  await api.register(reportScheduleRoutes, services);
  await api.register(ruleRoutes, services);
  await api.register(alertRoutes, services);
  await api.register(siteSilenceRoutes, services);
  await api.register(alertChannelRoutes, services);
  await api.register(alertDeliveryRoutes, services);
  await api.register(deviceRoutes, services);
  await api.register(tokenRoutes, services);
  await api.register(systemRoutes, services);
  await api.register(ingestRoutes, services);
  await api.register(liveRoutes, services);
  await api.register(updateRoutes, services);
}
