import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readFirstBytes } from '#shared/formats/signatures.ts';
import type { Layer } from '#shared/gdal/layers.ts';
import { decoderOf } from '#shared/text/utf8.ts';
import { replaceHeader } from './mapinfo-texts.ts';

/**
 * The encoding of a MapInfo file is in its header, as the name of a charset. The charset `Neutral` names no encoding,
 * and GDAL returns the bytes as they are.
 */

/** Encodings, as the Encoding Standard of the WHATWG names them, and the charsets that GDAL reads in them. */
const CHARSETS: Record<string, string | undefined> = {
  'utf-8': 'Neutral',
  'windows-1250': 'WindowsLatin2',
  'windows-1251': 'WindowsCyrillic',
  'windows-1252': 'WindowsLatin1',
  'windows-1253': 'WindowsGreek',
  'windows-1254': 'WindowsTurkish',
  'windows-1255': 'WindowsHebrew',
  'windows-1256': 'WindowsArabic',
  'windows-1257': 'WindowsBalticRim',
  'iso-8859-2': 'ISO8859_2',
  'iso-8859-3': 'ISO8859_3',
  'iso-8859-4': 'ISO8859_4',
  'iso-8859-5': 'ISO8859_5',
  'iso-8859-6': 'ISO8859_6',
  'iso-8859-7': 'ISO8859_7',
  'iso-8859-8': 'ISO8859_8',
  big5: 'WindowsTradChinese',
  gbk: 'WindowsSimpChinese',
  shift_jis: 'WindowsJapanese',
  'euc-jp': 'PackedEUCJapaese', // This is the spelling of GDAL and MapInfo.
  'euc-kr': 'WindowsKorean',
};

/** The charset is in the first lines. */
const HEADER_BYTES = 4096;
/** `Charset "Neutral"` of .mif files, `!charset Neutral` and `Type NATIVE Charset "Neutral"` of .tab files. */
const CHARSET = /^([ \t]*(?:charset|type[ \t]+\w+[ \t]+charset)[ \t]+)"[^"\n]*"|^([ \t]*!charset[ \t]+)\S+/gim;
const VERSION = /^[ \t]*!?version[^\n]*\n/im;
/** The first line of .tab files. Their version can be absent. */
const TABLE = /^\s*!table[^\n]*\n/i;

/** Replaces the charset of the local copy. Throws ENCODING_INVALID for an encoding that GDAL has no charset for. */
export async function declareCharset(
  { path, file }: Record<'path' | 'file', string>,
  encoding: string,
  signal: AbortSignal,
): Promise<void> {
  const charset = CHARSETS[decoderOf(encoding, file).encoding];
  if (charset === undefined) {
    const names = Object.keys(CHARSETS).join(', ');
    throw new SluiceError(
      'ENCODING_INVALID',
      `\`encoding\` ${JSON.stringify(encoding)} of ${file} is not an encoding of MapInfo files. Use one of ${names}.`,
      { details: { file, encoding } },
    );
  }
  const header = (await readFirstBytes(path, HEADER_BYTES)).toString('latin1');
  await replaceHeader(path, header.length, withCharset(header, charset), signal);
}

/** The header with this charset instead of its own one, or with a further line when it has none. */
export function withCharset(header: string, charset: string): string {
  const replaced = header.replaceAll(CHARSET, (_, quoted?: string, plain?: string) =>
    quoted === undefined ? `${plain}${charset}` : `${quoted}"${charset}"`,
  );
  if (new RegExp(CHARSET).test(header)) return replaced;
  const added = TABLE.test(header) ? `!charset ${charset}\n` : `Charset "${charset}"\n`;
  return header.replace(VERSION.test(header) ? VERSION : TABLE, (line) => line + added);
}

/** Rejects a column whose name is not UTF-8, which SQLite cannot store. Its bytes are replacement characters here. */
export function rejectBrokenNames({ fields }: Layer, file: string): void {
  const index = fields.findIndex(({ name }) => name.includes('\uFFFD'));
  if (index < 0) return;
  const column = fields[index]?.name;
  throw new SluiceError(
    'ENCODING_INVALID',
    `The name of column ${index + 1} of ${file} is not UTF-8 (${JSON.stringify(column)}), ` +
      'and the charset of the file, such as Neutral, names no encoding.',
    { details: { file, column } },
  );
}
