// Who is logged in.

import { api } from '../api/endpoints.ts';
import { ApiError } from '../api/http.ts';
import type { Role, User } from '../api/types.ts';
import { createStore } from './store.ts';

export type Session =
  { kind: 'unknown' } | { kind: 'unreachable' } | { kind: 'anonymous' } | { kind: 'user'; user: User };

export const session = createStore<Session>({ kind: 'unknown' });

/** Asks the server who this is; a session that ended shows the login page. */
export async function refreshSession(): Promise<void> {
  try {
    session.set({ kind: 'user', user: await api.me() });
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) session.set({ kind: 'anonymous' });
    else if (session.get().kind !== 'user') session.set({ kind: 'unreachable' });
  }
}

export async function logIn(username: string, password: string): Promise<void> {
  session.set({ kind: 'user', user: await api.login(username, password) });
}

export async function logOut(): Promise<void> {
  try {
    await api.logout();
  } finally {
    session.set({ kind: 'anonymous' });
  }
}

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 };

export function mayAct(current: Session, role: Role): boolean {
  return current.kind === 'user' && RANK[current.user.role] >= RANK[role];
}
