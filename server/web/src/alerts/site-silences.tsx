// Sites of whose new alerts nobody is told for a while: said wherever alerts are looked at, so that none is forgotten.

import { useCallback, useState } from 'react';
import { alertApi } from '../api/alert-calls.ts';
import type { SiteSilence } from '../api/alert-types.ts';
import { formatDateTime } from '../i18n/format.ts';
import {
  useErrorSentence,
  useFleet,
  useLanguage,
  useMayAct,
  useSite,
  useSiteName,
  useText,
} from '../state/hooks.ts';
import { Choice } from '../ui/fields.tsx';
import { Button, Message } from '../ui/primitives.tsx';
import { toast } from '../ui/toasts.tsx';
import { SilenceDialog } from './silence-dialog.tsx';
import { useReread } from './use-reread.ts';

/** What is silenced, and whether a person may silence more of what is looked at. */
export function useSiteSilences() {
  const site = useSite();
  const sites = useFleet((state) => state.sites);
  const mayAct = useMayAct('operator');
  const read = useCallback(() => alertApi.siteSilences(), []);
  const { value, failure, reread } = useReread(read);
  const silences = value?.filter((silence) => site === undefined || silence.site === site) ?? [];
  const seen = site === undefined ? sites.length : 1;
  return { silences, failure, reread, maySilence: mayAct && silences.length < seen };
}

export function SiteSilences({
  silences,
  failure,
  reread,
}: Pick<ReturnType<typeof useSiteSilences>, 'silences' | 'failure' | 'reread'>) {
  const sentence = useErrorSentence();
  if (silences.length === 0 && failure === undefined) return null;
  return (
    <div className="silences">
      {failure === undefined ? null : <Message tone="bad">{sentence(failure)}</Message>}
      {silences.map((silence) => (
        <SilencedSite key={silence.site} silence={silence} onEnded={reread} />
      ))}
    </div>
  );
}

export function SilenceSiteButton({ onDone }: { onDone: () => void }) {
  const t = useText();
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <Button onClick={() => setAsking(true)} data-testid="site-silence">
        {t('alerts.silenceSite')}
      </Button>
      {isAsking ? (
        <SilenceSiteDialog
          onClose={() => setAsking(false)}
          onDone={() => {
            setAsking(false);
            onDone();
          }}
        />
      ) : null}
    </>
  );
}

function SilencedSite({ silence, onEnded }: { silence: SiteSilence; onEnded: () => void }) {
  const t = useText();
  const language = useLanguage();
  const sentence = useErrorSentence();
  const mayAct = useMayAct('operator');
  const name = useSiteName(silence.site);
  const end = (): void => {
    alertApi.silenceSite(silence.site, null).then(onEnded, (error: unknown) => toast(sentence(error)));
  };
  const time = formatDateTime(silence.until, language);
  return (
    <div className="silences__one" data-testid="site-silenced" data-site={silence.site}>
      <Message tone="warn">{t('alerts.siteSilenced', { name, time, by: silence.by })}</Message>
      {mayAct ? (
        <Button onClick={end} aria-label={`${t('alerts.speak')}: ${name}`} data-testid="site-speak">
          {t('alerts.speak')}
        </Button>
      ) : null}
    </div>
  );
}

function SilenceSiteDialog({ onClose, onDone }: { onClose: () => void; onDone: () => void }) {
  const t = useText();
  const sites = useFleet((state) => state.sites);
  const chosen = useSite();
  const [site, setSite] = useState(chosen ?? sites[0]?.id ?? '');
  const name = useSiteName(site);
  return (
    <SilenceDialog
      name={name}
      text={t('alerts.silenceSiteText')}
      silence={(until) => alertApi.silenceSite(site, until)}
      onClose={onClose}
      onDone={onDone}
    >
      <Choice
        label={t('shell.site')}
        value={site}
        options={sites.map(({ id, name: siteName }) => ({ value: id, label: siteName ?? id }))}
        onChange={setSite}
      />
    </SilenceDialog>
  );
}
