// Which rules look at a reading: asked for every value that is stored, so it is a look into a table. Made anew when rules change.

import type { Rule } from './rule.ts';

interface MissingOn {
  rule: Rule;
  subject: string;
}

interface SiteRules {
  /** By metric. */
  thresholds: Map<string, Rule[]>;
  missing: Rule[];
}

const NONE: readonly never[] = [];

export class ReadingRules {
  /** By site. Bound: the rules. */
  readonly #sites: ReadonlyMap<string, SiteRules>;

  constructor(rules: readonly Rule[]) {
    this.#sites = bySite(rules);
  }

  thresholdsOn(site: string, sensor: string, metric: string): readonly Rule[] {
    const rules = this.#sites.get(site)?.thresholds.get(metric);
    if (!rules) return NONE;
    return rules.filter(
      ({ condition }) =>
        condition.kind === 'threshold' && (condition.sensor === null || condition.sensor === sensor),
    );
  }

  missingOn(site: string, sensor: string, metric: string): readonly MissingOn[] {
    const rules = this.#sites.get(site)?.missing;
    if (!rules || rules.length === 0) return NONE;
    return rules.flatMap((rule) => {
      const { condition } = rule;
      if (condition.kind !== 'missing') return [];
      if (condition.sensor !== null && condition.sensor !== sensor) return [];
      if (condition.metric === null) return [{ rule, subject: sensor }];
      return condition.metric === metric ? [{ rule, subject: `${sensor}/${metric}` }] : [];
    });
  }
}

function bySite(rules: readonly Rule[]): ReadonlyMap<string, SiteRules> {
  const sites = new Map<string, SiteRules>();
  for (const rule of rules) {
    const { site, condition } = rule;
    if (site === null || (condition.kind !== 'threshold' && condition.kind !== 'missing')) continue;
    const known = sites.get(site) ?? { thresholds: new Map<string, Rule[]>(), missing: [] };
    sites.set(site, known);
    if (condition.kind === 'missing') known.missing.push(rule);
    else known.thresholds.set(condition.metric, [...(known.thresholds.get(condition.metric) ?? []), rule]);
  }
  return sites;
}
