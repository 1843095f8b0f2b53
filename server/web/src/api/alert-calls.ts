// The calls of the HTTP API about rules, alerts and channels.

import type { Alert, Channel, ChannelDraft, Delivery, Rule, RuleDraft, SiteSilence } from './alert-types.ts';
import { everyItem } from './endpoints.ts';
import { queryOf, request } from './http.ts';
import type { Page } from './types.ts';

export interface AlertFilter {
  site?: string | undefined;
  state?: Alert['state'];
  cursor?: string | null;
  limit?: number;
}

export const alertApi = {
  alerts: (filter: AlertFilter): Promise<Page<Alert>> => request('GET', `alerts${queryOf({ ...filter })}`),
  acknowledge: (id: string, note: string | null): Promise<Alert> =>
    request('POST', `alerts/${id}/acknowledge`, { body: { note } }),

  rules: () => everyItem<Rule>('rules'),
  createRule: (draft: RuleDraft): Promise<Rule> => request('POST', 'rules', { body: draft }),
  changeRule: (id: string, changes: Partial<RuleDraft>): Promise<Rule> =>
    request('PATCH', `rules/${id}`, { body: changes }),
  removeRule: (id: string): Promise<void> => request('DELETE', `rules/${id}`),
  silence: (id: string, until: Date | null): Promise<Rule> =>
    request('POST', `rules/${id}/silence`, { body: { until: until?.toISOString() ?? null } }),
  siteSilences: () => everyItem<SiteSilence>('site-silences'),
  silenceSite: (site: string, until: Date | null): Promise<unknown> =>
    request('POST', `sites/${encodeURIComponent(site)}/silence`, {
      body: { until: until?.toISOString() ?? null },
    }),
  testRule: (id: string): Promise<{ deliveries: string[] }> =>
    request('POST', `rules/${id}/test`, { body: {} }),

  channels: () => everyItem<Channel>('alert-channels'),
  createChannel: (draft: ChannelDraft): Promise<Channel> =>
    request('POST', 'alert-channels', { body: draft }),
  changeChannel: (id: string, changes: Partial<ChannelDraft>): Promise<Channel> =>
    request('PATCH', `alert-channels/${id}`, { body: changes }),
  removeChannel: (id: string): Promise<void> => request('DELETE', `alert-channels/${id}`),

  deadLetters: (): Promise<Page<Delivery>> =>
    request('GET', `alert-deliveries${queryOf({ state: 'dead', limit: 50 })}`),
  sendAgain: (id: string): Promise<Delivery> => request('POST', `alert-deliveries/${id}/send`, { body: {} }),
  removeDelivery: (id: string): Promise<void> => request('DELETE', `alert-deliveries/${id}`),
};
