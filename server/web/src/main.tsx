// Entry of the dashboard: styles, preferences before the first paint, then the page.

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { applyPreferences } from './state/preferences.ts';
import { refreshSession } from './state/session.ts';
import 'uplot/dist/uPlot.min.css';
import './styles/tokens.css';
import './styles/base.css';
import './styles/primitives.css';
import './styles/controls.css';
import './styles/overlays.css';
import './styles/account.css';
import './styles/shell.css';
import './styles/login.css';
import './styles/stage.css';
import './styles/live.css';
import './styles/pages.css';
import './styles/records.css';
import './styles/tables.css';
import './styles/timeline.css';
import './styles/alerts.css';

applyPreferences();
void refreshSession();

const root = document.getElementById('root');
if (root === null) throw new TypeError('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
