import { crc32, deflateRawSync } from 'node:zlib';

const VERSION = 20;
const UTF8_NAMES = 0x0800;
const DEFLATE = 8;

/**
 * A zip archive of the members, compressed with Deflate (APPNOTE.TXT of PKWARE). Sluice only reads zip archives, and a
 * library that writes them would serve tests only.
 */
export function zipOf(members: Record<string, Buffer | string>): Buffer {
  const [files, directory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const [path, content] of Object.entries(members)) {
    const [name, plain] = [Buffer.from(path), Buffer.from(content)];
    const data = deflateRawSync(plain, { level: 1 });
    const common = Buffer.alloc(26);
    common.writeUInt16LE(VERSION, 0);
    common.writeUInt16LE(UTF8_NAMES, 2);
    common.writeUInt16LE(DEFLATE, 4);
    common.writeUInt32LE(crc32(plain), 10);
    common.writeUInt32LE(data.length, 14);
    common.writeUInt32LE(plain.length, 18);
    common.writeUInt16LE(name.length, 22);
    const end = Buffer.alloc(14);
    end.writeUInt32LE(offset, 10);
    files.push(Buffer.from('PK\x03\x04'), common, name, data);
    directory.push(Buffer.from('PK\x01\x02\x14\x00'), common, end, name);
    offset += 4 + common.length + name.length + data.length;
  }
  const entries = Buffer.concat(directory);
  const trailer = Buffer.alloc(22);
  trailer.write('PK\x05\x06');
  trailer.writeUInt16LE(Object.keys(members).length, 8);
  trailer.writeUInt16LE(Object.keys(members).length, 10);
  trailer.writeUInt32LE(entries.length, 12);
  trailer.writeUInt32LE(offset, 16);
  return Buffer.concat([...files, entries, trailer]);
}
