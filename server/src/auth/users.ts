// People who log in. Owns the `users` table.

import { ulid } from 'ulid';
import { AppError } from '@sitecast/shared/runtime/app-error';
import { limitReached } from '../errors.ts';
import type { Database } from '../postgres/pool.ts';
import type { Passwords } from './passwords.ts';
import type { Principal, Role } from './principal.ts';

export interface User extends Principal {
  createdAt: Date;
}

interface UserRow {
  id: string;
  username: string;
  password_hash: string;
  role: Role;
  sites: string[] | null;
  created_at: Date;
}

export interface UsersOptions {
  database: Database;
  passwords: Passwords;
}

export const MAX_USERS = 1_000;
export const USERNAME_PATTERN = /^[a-z0-9][a-z0-9._@-]{0,62}$/;

export class Users {
  readonly #database: Database;
  readonly #passwords: Passwords;

  constructor({ database, passwords }: UsersOptions) {
    this.#database = database;
    this.#passwords = passwords;
  }

  /** @throws {AppError} LOGIN_FAILED, the same for an unknown name and for a wrong password. */
  async login(username: string, password: string): Promise<User> {
    const row = await this.#find('username', username);
    const matches = await this.#passwords.matches(password, row?.password_hash);
    if (!matches || !row) throw new AppError('LOGIN_FAILED', 'wrong user name or password');
    return toUser(row);
  }

  /** @throws {AppError} CONFLICT when the name is taken; LIMIT_REACHED above MAX_USERS; PASSWORD_WEAK. */
  async create(given: {
    username: string;
    password: string;
    role: Role;
    sites: string[] | null;
  }): Promise<User> {
    const passwordHash = await this.#passwords.hash(given.password);
    const [row] = await this.#database.query<UserRow>(
      `insert into users (id, username, password_hash, role, sites)
       select $1, $2, $3, $4, $5 where (select count(*) from users) < ${MAX_USERS}
       on conflict (username) do nothing
       returning *`,
      [ulid(), given.username, passwordHash, given.role, given.sites],
    );
    if (row) return toUser(row);
    if (await this.#find('username', given.username))
      throw new AppError('CONFLICT', `user ${given.username} exists already`);
    throw limitReached('users', MAX_USERS);
  }

  async count(): Promise<number> {
    const [row] = await this.#database.query<{ count: number }>(
      'select count(*)::int as count from users',
      [],
    );
    return row?.count ?? 0;
  }

  async list(): Promise<User[]> {
    const rows = await this.#database.query<UserRow>(
      `select * from users order by username limit ${MAX_USERS}`,
      [],
    );
    return rows.map(toUser);
  }

  /** @throws {AppError} LOGIN_FAILED when `current` is wrong; PASSWORD_WEAK. Ending sessions is the caller's. */
  async changePassword(userId: string, { current, next }: { current: string; next: string }): Promise<void> {
    const row = await this.#find('id', userId);
    if (!(await this.#passwords.matches(current, row?.password_hash))) {
      throw new AppError('LOGIN_FAILED', 'the current password is wrong');
    }
    await this.#storePassword(userId, next);
  }

  /**
   * For the operator at the machine, who needs no old password.
   * @returns the id of the user, whose sessions are the caller's to end.
   * @throws {AppError} NOT_FOUND; PASSWORD_WEAK.
   */
  async setPassword(username: string, password: string): Promise<string> {
    const row = await this.#find('username', username);
    if (!row) throw new AppError('NOT_FOUND', `there is no user ${username}`);
    await this.#storePassword(row.id, password);
    return row.id;
  }

  async #storePassword(userId: string, password: string): Promise<void> {
    const passwordHash = await this.#passwords.hash(password);
    await this.#database.query('update users set password_hash = $2 where id = $1', [userId, passwordHash]);
  }

  async #find(column: 'id' | 'username', value: string): Promise<UserRow | undefined> {
    const [row] = await this.#database.query<UserRow>(`select * from users where ${column} = $1`, [value]);
    return row;
  }
}

function toUser(row: UserRow): User {
  return {
    userId: row.id,
    username: row.username,
    role: row.role,
    sites: row.sites,
    createdAt: row.created_at,
  };
}
