// Bounds of the HTTP server. Rows of LIMITS.md.

/** Larger than any JSON that the API takes. */
export const BODY_MAX_BYTES = 64 * 1024;
export const MAX_HTTP_CONNECTIONS = 512;
