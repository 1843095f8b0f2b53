// What an admin gives a sensor that speaks the language of another project: topics beside its own, and rules.

import * as z from 'zod';
import { splitTopic } from '@sitecast/shared/protocol/mapping/topic-pattern';
import { mappingRulesSettings } from '@sitecast/shared/protocol/mapping/rule-settings';

/** Of one device. */
export const FOREIGN_TOPICS_MAX = 8;

const topicPrefix = z
  .string()
  .max(120)
  .refine(
    isForeignTopic,
    'the first levels of topics of another project, as zigbee2mqtt; not "sitecast", "$", "+" or "#"',
  );

export const deviceMapping = z.strictObject({
  /** The device may publish to each of these, and to what is below it. */
  topics: z.array(topicPrefix).max(FOREIGN_TOPICS_MAX).optional(),
  /** The ready rules when left out. */
  rules: mappingRulesSettings.optional(),
});
export type DeviceMapping = z.output<typeof deviceMapping>;

function isForeignTopic(text: string): boolean {
  const levels = splitTopic(text);
  if (!levels || levels.includes('') || /[+#]/.test(text)) return false;
  // Topics of ours mean what PROTOCOL.md says, whoever publishes them.
  return levels[0] !== 'sitecast' && !text.startsWith('$');
}
