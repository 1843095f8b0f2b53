// Messages of foreign devices that gave no reading, and what a rule would make of one.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { SensorMapper, type Mapping } from '@sitecast/shared/protocol/mapping/sensor-mapper';
import { mappingRulesSettings } from '@sitecast/shared/protocol/mapping/rule-settings';
import type { Fleet } from '../fleet/fleet.ts';
import { whyRefused, type ForeignIntake } from '../foreign/foreign-intake.ts';
import { SAMPLE_PAYLOAD_BYTES, type UnmappedSamples } from '../foreign/unmapped-samples.ts';
import { expectSite, isAsked } from '../plugins/authentication.ts';
import { answers, id, time } from './schemas.ts';

const sampleAnswer = z.object({
  site: id,
  /** The device that sent it, or the gateway that heard it. */
  device: id,
  /** Whether a gateway heard it: then a rule for it belongs into the file of the gateway. */
  isOfGateway: z.boolean(),
  topic: z.string(),
  reason: z.string(),
  /** Its beginning. */
  payload: z.string(),
  /** Of the whole payload; null where only its beginning is known. */
  payloadBytes: z.number().nullable(),
  count: z.number(),
  lastAt: time.nullable(),
});
type SampleAnswer = z.output<typeof sampleAnswer>;

const tryBody = z.object({
  site: id,
  /** Whose message it is: a sensor that speaks for itself. Left out: as the broker of a gateway hears it. */
  device: id.optional(),
  topic: z.string().min(1).max(256),
  payload: z.string().max(SAMPLE_PAYLOAD_BYTES),
  /** The ready rules when left out. */
  rules: mappingRulesSettings.optional(),
});

const tryAnswer = z.object({
  kind: z.enum(['readings', 'ignored', 'refused']),
  rule: z.string().nullable(),
  /** Why it gives no reading. */
  reason: z.string().nullable(),
  sensor: z.string().nullable(),
  readings: z.array(z.object({ ts: time, values: z.record(z.string(), z.number()) })),
  units: z.record(z.string(), z.string()),
  leftOut: z.array(z.object({ metric: z.string(), reason: z.string() })),
});

export interface UnmappedSampleRoutesOptions {
  samples: Pick<UnmappedSamples, 'list'>;
  foreign: Pick<ForeignIntake, 'map'>;
  fleet: Fleet;
}

export const unmappedSampleRoutes: FastifyPluginAsyncZod<UnmappedSampleRoutesOptions> = async (
  app,
  { samples, foreign, fleet },
) => {
  app.get(
    '/unmapped-samples',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['sensors'],
        summary: 'The newest messages of devices and gateways that gave no reading, and why',
        querystring: z.object({ site: id.optional() }),
        response: answers(z.object({ items: z.array(sampleAnswer), nextCursor: z.null() })),
      },
    },
    async (request) => {
      const own = samples.list().map((sample): SampleAnswer => ({ ...sample, isOfGateway: false }));
      const items = [...own, ...samplesOfGateways(fleet)].filter(({ site }) => isAsked(request, site));
      return { items, nextCursor: null };
    },
  );

  app.post(
    '/unmapped-samples/try',
    {
      config: { access: 'operator' },
      schema: {
        tags: ['sensors'],
        summary: 'What rules would make of a message; nothing is stored',
        body: tryBody,
        response: answers(tryAnswer),
      },
    },
    async (request) => {
      const { site, device, topic, payload: text, rules } = request.body;
      expectSite(request, site);
      const payload = Buffer.from(text);
      const arrivalMs = Date.now();
      const mapper = SensorMapper.of(rules);
      return toAnswer(
        device === undefined
          ? mapper.map(topic, payload, arrivalMs)
          : foreign.map({ site, sensor: device, topic, payload, arrivalMs }, mapper),
      );
    },
  );
};

/** What gateways tell in their health messages. */
function samplesOfGateways(fleet: Fleet): SampleAnswer[] {
  return fleet.agents().flatMap(({ site, id: device, health }) =>
    (health?.siteBroker?.unmapped ?? []).map((sample) => ({
      ...sample,
      site,
      device,
      isOfGateway: true,
      payloadBytes: null,
      lastAt: health?.at ?? null,
    })),
  );
}

function toAnswer(mapping: Mapping): z.output<typeof tryAnswer> {
  const nothing = { sensor: null, readings: [], units: {}, leftOut: [] };
  if (mapping.kind === 'ignored') return { ...nothing, ...mapping };
  if (mapping.kind === 'refused')
    return { ...nothing, kind: 'refused', rule: mapping.rule ?? null, reason: whyRefused(mapping) };
  const { rule, sensor, readings, units, leftOut } = mapping;
  return {
    kind: 'readings',
    rule,
    reason: null,
    sensor,
    readings: readings.map(({ tsMs, values }) => ({ ts: new Date(tsMs).toISOString(), values })),
    units,
    leftOut,
  };
}
