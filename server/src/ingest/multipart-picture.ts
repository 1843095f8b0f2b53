// Finds the one picture in a multipart/form-data body (RFC 7578), which is in memory already and so bounded.

import { Busboy, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import { AppError } from '@sitecast/shared/runtime/app-error';

export const MULTIPART_LIMITS = {
  files: 1,
  /** Cameras add fields of their own, which are not read. */
  fields: 16,
  parts: 17,
  fieldSize: 1_024,
  headerPairs: 32,
  headerSize: 4_096,
} as const;

const IS_PICTURE = /^image\//;

/**
 * The first part with a file name or an image type.
 * @throws {AppError} BAD_REQUEST when the body is not what it says, or has no such part, or too many parts.
 */
export async function pictureOfMultipart(body: Buffer, contentType: string): Promise<Buffer> {
  const form = openForm(contentType);
  try {
    return await readForm(form, body);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw badForm('it ends early, or is not of the form that it says', error);
  } finally {
    form.destroy();
  }
}

function openForm(contentType: string): BusboyInstance {
  try {
    return new Busboy({
      headers: { 'content-type': contentType },
      limits: MULTIPART_LIMITS,
      isPartAFile: (_field, type, fileName) => fileName !== undefined || IS_PICTURE.test(type ?? ''),
    });
  } catch (error) {
    throw badForm('it names no boundary', error);
  }
}

function readForm(form: BusboyInstance, body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let files = 0;
    form.on('file', (_field, file: BusboyFileStream) => {
      files += 1;
      file.on('data', (chunk: Buffer) => chunks.push(chunk));
      file.on('error', reject);
    });
    form.on('filesLimit', () => reject(badForm('it has more than one file')));
    form.on('fieldsLimit', () => reject(badForm(`it has more than ${MULTIPART_LIMITS.fields} fields`)));
    form.on('partsLimit', () => reject(badForm(`it has more than ${MULTIPART_LIMITS.parts} parts`)));
    form.on('error', reject);
    form.on('finish', () =>
      files === 0 ? reject(badForm('it has no file')) : resolve(Buffer.concat(chunks)),
    );
    form.end(body);
  });
}

function badForm(why: string, cause?: unknown): AppError {
  return new AppError('BAD_REQUEST', `the multipart body is not taken: ${why}`, { cause });
}
