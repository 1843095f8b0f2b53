// The files of a ZIP, read by its central directory as readers of workbooks do (PKWARE APPNOTE 4.3).

import { crc32, inflateRawSync } from 'node:zlib';

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;

export function unzip(zip: Buffer): Map<string, string> {
  const end = zip.length - 22;
  if (zip.readUInt32LE(end) !== END) throw new Error('the ZIP does not end with its directory');
  const files = new Map<string, string>();
  let at = zip.readUInt32LE(end + 16);
  for (let entries = zip.readUInt16LE(end + 10); entries > 0; entries -= 1) {
    if (zip.readUInt32LE(at) !== ENTRY) throw new Error(`no entry of the directory at ${at}`);
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) =>
      zip.readUInt16LE(at + offset),
    ) as [number, number, number];
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    files.set(name, readEntry(zip, at).toString());
    at += 46 + nameLength + extraLength + commentLength;
  }
  return files;
}

function readEntry(zip: Buffer, at: number): Buffer {
  const [crc, packedBytes, local] = [16, 20, 42].map((offset) => zip.readUInt32LE(at + offset)) as [
    number,
    number,
    number,
  ];
  if (zip.readUInt32LE(local) !== LOCAL) throw new Error(`no local header at ${local}`);
  const begin = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
  const packed = zip.subarray(begin, begin + packedBytes);
  const content = zip.readUInt16LE(at + 10) === 8 ? inflateRawSync(packed) : packed;
  if (crc32(content) !== crc) throw new Error('the digest of an entry is wrong');
  return content;
}
