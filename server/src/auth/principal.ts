// Who makes a request, and what they may do.

export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export interface Principal {
  userId: string;
  username: string;
  role: Role;
  /** Sites that the user sees; null means all. */
  sites: readonly string[] | null;
}

/** Each role may do all that the ones before it may. */
export function hasRole(principal: Principal, atLeast: Role): boolean {
  return ROLES.indexOf(principal.role) >= ROLES.indexOf(atLeast);
}

export function seesSite(principal: Principal, site: string): boolean {
  return principal.sites === null || principal.sites.includes(site);
}
