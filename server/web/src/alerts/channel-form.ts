// The channel editor as a person fills it in, and the channel that comes of it. Pure.

import type { Channel, ChannelDraft, ChannelKind, ChannelSettings } from '../api/alert-types.ts';
import type { TextKey } from '../i18n/en.ts';

export interface ChannelForm {
  name: string;
  /** Empty: for all. */
  site: string;
  kind: ChannelKind;
  url: string;
  /** Empty: as it was. */
  secret: string;
  to: string;
  language: 'en' | 'ko';
  device: string;
}

const SECRET_MIN = 16;

export function channelFormOf(channel: Channel | undefined, site: string): ChannelForm {
  const settings = channel?.settings;
  return {
    name: channel?.name ?? '',
    site: channel === undefined ? site : (channel.site ?? ''),
    kind: channel?.kind ?? 'webhook',
    url: settings?.kind === 'webhook' ? settings.url : '',
    secret: '',
    to: settings?.kind === 'email' ? settings.to.join(', ') : '',
    language: channel?.language ?? 'en',
    device: settings?.kind === 'mqtt' ? settings.device : '',
  };
}

/** @returns the channel, or what is wrong with the form. */
export function channelDraftOf(
  form: ChannelForm,
): { draft: Omit<ChannelDraft, 'enabled'> } | { problem: TextKey } {
  if (form.name.trim() === '') return { problem: 'alerts.problem.name' };
  const settings = settingsOf(form);
  if (typeof settings === 'string') return { problem: settings };
  if (settings.kind === 'mqtt' && form.site === '') return { problem: 'alerts.problem.deviceSite' };
  const secret = settings.kind === 'webhook' ? form.secret.trim() : '';
  if (secret !== '' && secret.length < SECRET_MIN) return { problem: 'alerts.problem.secret' };
  return {
    draft: {
      name: form.name.trim(),
      site: form.site === '' ? null : form.site,
      language: form.language,
      settings,
      ...(secret === '' ? {} : { secret }),
    },
  };
}

function settingsOf({ kind, url, to, device }: ChannelForm): ChannelSettings | TextKey {
  switch (kind) {
    case 'webhook':
      return /^https?:\/\/\S+$/.test(url.trim()) ? { kind, url: url.trim() } : 'alerts.problem.url';
    case 'email': {
      const addresses = to.split(/[\s,;]+/).filter((one) => one !== '');
      const isGood = addresses.length > 0 && addresses.every((one) => /^[^@\s]+@[^@\s]+$/.test(one));
      return isGood ? { kind, to: addresses } : 'alerts.problem.to';
    }
    case 'mqtt':
      return device.trim() === '' ? 'alerts.problem.device' : { kind, device: device.trim() };
  }
}
