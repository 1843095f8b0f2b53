// What the fleet knows of one agent, camera or sensor.

import type { AgentHealth, CameraReport } from '@sitecast/shared/protocol/status';

/** From the first loss of the connection; further ones belong to it until the agent is back (absence.ts). */
export interface Absence {
  since: Date;
  losses: number;
}

export interface Agent {
  site: string;
  id: string;
  /** Given by a person; null shows the id. */
  name: string | null;
  isConnected: boolean;
  since: Date;
  /** The newest one that this process saw, over or not. */
  absence: Absence | null;
  version: string | null;
  bootId: string | null;
  health: AgentHealth | null;
  lastSeenAt: Date;
}

export interface Camera {
  site: string;
  id: string;
  agent: string;
  customName: string | null;
  /** As the agent gave it; `Fleet.camera` answers with what is true while the agent is away. */
  report: CameraReport;
  updatedAt: Date;
}

/** The `reason` in the report of a camera that no agent reaches: its device uploads pictures, and there is no live one. */
export const UPLOADS_ONLY = 'UPLOADS_ONLY';

export function isUploadsOnly({ report }: Pick<Camera, 'report'>): boolean {
  return report.reason === UPLOADS_ONLY;
}

export interface NewestSnapshot {
  id: string;
  capturedAt: Date;
}

export interface Sensor {
  site: string;
  id: string;
  /** null when the sensor speaks for itself. */
  agent: string | null;
  name: string;
  lastSeenAt: Date;
}
