// The icons of the page, drawn on a 24 x 24 grid with one stroke.

import type { ReactNode } from 'react';

const SHAPES = {
  live: (
    <>
      <rect x="3" y="6" width="12" height="12" rx="2" />
      <path d="m15 10.5 6-3v9l-6-3" />
    </>
  ),
  snapshots: (
    <>
      <path d="M4 8h3l1.5-2.5h7L17 8h3v11H4z" />
      <circle cx="12" cy="13" r="3.25" />
    </>
  ),
  sensors: <path d="M3 13h4l2.5-7 4.5 12 2.5-7H21" />,
  timeline: <path d="M3 6h18M3 6v2m6-2v2m6-2v2m6-2v2M5 12h7m3 0h4M8 17h9" />,
  minus: <path d="M5 12h14" />,
  reports: <path d="M6 3h8l4 4v14H6zM9 17v-3m3 3v-6m3 6v-4" />,
  system: (
    <>
      <rect x="4" y="4" width="16" height="7" rx="1.5" />
      <rect x="4" y="13" width="16" height="7" rx="1.5" />
      <path d="M8 7.5h.01M8 16.5h.01" />
    </>
  ),
  devices: (
    <>
      <rect x="6" y="6" width="12" height="12" rx="2" />
      <path d="M10 3v3m4-3v3m-4 12v3m4-3v3M3 10h3m-3 4h3m12-4h3m-3 4h3" />
    </>
  ),
  alerts: <path d="M6 17V11a6 6 0 0 1 12 0v6l1.5 2h-15zM10 21.5h4" />,
  account: (
    <>
      <circle cx="12" cy="8.5" r="3.5" />
      <path d="M5 20c.6-3.7 3.4-5.5 7-5.5s6.4 1.8 7 5.5" />
    </>
  ),
  enlarge: <path d="M14 4h6v6m0-6-7 7M10 20H4v-6m0 6 7-7" />,
  fullscreen: <path d="M4 9V4h5m6 0h5v5m0 6v5h-5m-6 0H4v-5" />,
  back: <path d="M15 5l-7 7 7 7" />,
  next: <path d="M9 5l7 7-7 7" />,
  close: <path d="M6 6l12 12M18 6 6 18" />,
  download: <path d="M12 4v11m-4.5-4.5L12 15l4.5-4.5M5 20h14" />,
  play: <path d="M8 5.5v13l10.5-6.5z" />,
  plus: <path d="M12 5v14M5 12h14" />,
  copy: (
    <>
      <rect x="9" y="9" width="11" height="11" rx="2" />
      <path d="M15 9V6a2 2 0 0 0-2-2H6a2 2 0 0 0-2 2v7a2 2 0 0 0 2 2h3" />
    </>
  ),
  check: <path d="M5 12.5l4.5 4.5L19 7.5" />,
  warning: (
    <>
      <path d="M12 4 2.5 20h19z" />
      <path d="M12 10v4.5m0 2.75v.01" />
    </>
  ),
  dark: (
    <>
      <path d="M3 6h8a2 2 0 0 1 2 2v1m2 5v2a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V8" />
      <path d="m17 11 4-2.5v7M3 3l18 18" />
    </>
  ),
  link: <path d="M5 12a10 10 0 0 1 14 0M8 15.5a5.5 5.5 0 0 1 8 0M12 19h.01M2.5 8.5a14 14 0 0 1 19 0" />,
} satisfies Record<string, ReactNode>;

export type IconName = keyof typeof SHAPES;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {SHAPES[name]}
    </svg>
  );
}
