// Login, logout, who am I, change of password.

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import * as z from 'zod';
import { forgetFirstLogin } from '../auth/first-login.ts';
import type { LoginLimiter } from '../auth/login-limiter.ts';
import { ROLES, type Principal } from '../auth/principal.ts';
import type { Sessions } from '../auth/sessions.ts';
import type { Users } from '../auth/users.ts';
import {
  clearSessionCookie,
  principalOf,
  sessionSecretOf,
  setSessionCookie,
} from '../plugins/authentication.ts';
import { answers, id, noContent } from './schemas.ts';

export interface AuthRoutesOptions {
  users: Users;
  sessions: Sessions;
  loginLimiter: LoginLimiter;
  dataDir: string;
  publicUrl: URL | undefined;
}

const me = z.object({
  id: z.string(),
  username: z.string(),
  role: z.enum(ROLES),
  sites: z.array(id).nullable(),
});
/** Longer than any password may be, so that the answer says which rule it breaks. */
const givenPassword = z.string().min(1).max(1_000);

export const authRoutes: FastifyPluginAsyncZod<AuthRoutesOptions> = async (
  app,
  { users, sessions, loginLimiter, dataDir, publicUrl },
) => {
  app.post(
    '/auth/login',
    {
      config: { access: 'public' },
      schema: {
        tags: ['auth'],
        security: [],
        summary: 'Log in; the answer sets the session cookie',
        body: z.object({ username: z.string().trim().toLowerCase().min(1).max(64), password: givenPassword }),
        response: answers(me),
      },
    },
    async (request, reply) => {
      const { username, password } = request.body;
      loginLimiter.begin(request.ip, username);
      const user = await users.login(username, password);
      loginLimiter.succeeded(request.ip, username);
      setSessionCookie(reply, await sessions.begin(user.userId), publicUrl);
      request.log.info({ username }, 'logged in');
      return toMe(user);
    },
  );

  app.post(
    '/auth/logout',
    {
      config: { access: 'public', endsLogins: true },
      schema: { tags: ['auth'], security: [], summary: 'End this session', response: noContent },
    },
    async (request, reply) => {
      const secret = sessionSecretOf(request);
      if (secret !== undefined) await sessions.end(secret);
      clearSessionCookie(reply, publicUrl);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/auth/me',
    {
      config: { access: 'viewer' },
      schema: { tags: ['auth'], summary: 'Who is logged in', response: answers(me) },
    },
    async (request) => toMe(principalOf(request)),
  );

  app.post(
    '/auth/password',
    {
      config: { access: 'viewer', endsLogins: true },
      schema: {
        tags: ['auth'],
        summary: 'Change the own password; other sessions of the user end',
        body: z.object({ current: givenPassword, next: givenPassword }),
        response: noContent,
      },
    },
    async (request, reply) => {
      const { userId, username } = principalOf(request);
      loginLimiter.begin(request.ip, username);
      await users.changePassword(userId, request.body);
      loginLimiter.succeeded(request.ip, username);
      await sessions.endOthers(userId, sessionSecretOf(request));
      await forgetFirstLogin(dataDir, username);
      return reply.code(204).send(null);
    },
  );
};

function toMe({ userId, username, role, sites }: Principal): z.output<typeof me> {
  return { id: userId, username, role, sites: sites === null ? null : [...sites] };
}
