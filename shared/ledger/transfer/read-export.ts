import { createHash, type Hash } from 'node:crypto';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readChunks } from '#shared/streams/file-streams.ts';
import { type CollectionName, SCHEMAS } from '../collections.ts';
import { DocumentLineSchema, EXPORT_VERSION, HeaderSchema, TrailerSchema } from './export-format.ts';
import type { LedgerDocument } from './stored-ledger.ts';

/** Documents of one collection. */
export interface ExportedPage {
  collection: CollectionName;
  documents: LedgerDocument[];
}

/** A page ends after this many documents, or characters of their lines. */
const PAGE_DOCUMENTS = 200;
const PAGE_CHARACTERS = 2 * 2 ** 20;
/** MongoDB stores documents up to 16 MiB. A longer line cannot be one of them, nor its JSON. */
const MAX_LINE_BYTES = 64 * 2 ** 20;

const NEWLINE = 0x0a;

/**
 * Reads an export in pages. Each document is valid, and has only fields of its schema. After the last
 * page, throws if the file is not complete.
 * Throws LEDGER_FILE_INVALID, LEDGER_TOO_NEW; REQUEST_INVALID for a file that cannot be read.
 */
export async function* readExport(file: string, { signal }: { signal: AbortSignal }): AsyncGenerator<ExportedPage> {
  const hash = createHash('sha256');
  const counts: Record<string, number> = Object.fromEntries(Object.keys(SCHEMAS).map((name) => [name, 0]));
  let number = 0;
  let page: (ExportedPage & { characters: number }) | undefined;
  let isComplete = false;
  for await (const bytes of linesOf(file, signal)) {
    number += 1;
    const at: Place = { file, line: number };
    if (isComplete) throw damaged(at, 'follows the trailer');
    const value = parseJson(bytes, at);
    if (number === 1) requireHeader(value, at);
    else if (isTrailer(value)) {
      requireTrailer(value, counts, hash, at);
      isComplete = true;
      continue;
    } else {
      const { collection, document } = parseDocumentLine(value, at);
      counts[collection] = (counts[collection] ?? 0) + 1;
      if (page !== undefined && (page.collection !== collection || isFull(page))) {
        yield page;
        page = undefined;
      }
      page ??= { collection, documents: [], characters: 0 };
      page.documents.push(document);
      page.characters += bytes.length;
    }
    hash.update(bytes).update('\n');
  }
  if (!isComplete)
    throw damaged({ file, line: number }, 'is the last line, but not the trailer: the file is incomplete');
  if (page !== undefined) yield page;
}

function isFull({ documents, characters }: { documents: unknown[]; characters: number }): boolean {
  return documents.length >= PAGE_DOCUMENTS || characters >= PAGE_CHARACTERS;
}

interface Place {
  file: string;
  line: number;
}

function damaged({ file, line }: Place, problem: string): SluiceError {
  return new SluiceError('LEDGER_FILE_INVALID', `Line ${line} of ${file} ${problem}.`, { details: { file, line } });
}

/** The lines of the file without their line feeds. */
async function* linesOf(file: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let length = 0;
  let line = 1;
  const take = (part: Buffer) => {
    parts.push(part);
    length += part.length;
    if (length > MAX_LINE_BYTES) throw damaged({ file, line }, `is longer than ${MAX_LINE_BYTES / 2 ** 20} MiB`);
  };
  for await (const chunk of chunksOf(file, signal)) {
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      take(chunk.subarray(from, to));
      yield parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
      [parts, length, from] = [[], 0, to + 1];
      line += 1;
    }
    take(chunk.subarray(from));
  }
  if (length > 0) yield Buffer.concat(parts);
}

async function* chunksOf(file: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* readChunks(file, { signal });
  } catch (cause) {
    if (signal.aborted || typeof (cause as NodeJS.ErrnoException).code !== 'string') throw cause;
    throw new SluiceError('REQUEST_INVALID', `${file} cannot be read: ${(cause as Error).message}.`, {
      cause,
      details: { file },
    });
  }
}

function parseJson(bytes: Buffer, at: Place): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    throw damaged(at, 'is not JSON');
  }
}

function requireHeader(value: unknown, at: Place): void {
  const header = HeaderSchema.safeParse(value);
  if (!header.success) throw damaged(at, 'is not the header of an export of a ledger');
  const { version, release } = header.data;
  if (version <= EXPORT_VERSION) return;
  throw new SluiceError(
    'LEDGER_TOO_NEW',
    `${at.file} was written by Sluice ${release} in format version ${version}; this release reads versions up to ` +
      `${EXPORT_VERSION}.`,
    { details: { file: at.file, version, release } },
  );
}

function isTrailer(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'trailer' in value;
}

function requireTrailer(value: unknown, counts: Record<string, number>, hash: Hash, at: Place): void {
  const parsed = TrailerSchema.safeParse(value);
  if (!parsed.success) throw damaged(at, 'is not a valid trailer');
  const { trailer } = parsed.data;
  const wrong = Object.keys(counts).find((name) => counts[name] !== (trailer.counts[name] ?? 0));
  if (wrong !== undefined)
    throw damaged(at, `states ${trailer.counts[wrong] ?? 0} documents of ${wrong}, but the file has ${counts[wrong]}`);
  if (trailer.sha256 !== hash.digest('hex'))
    throw damaged(at, 'has a checksum that does not match the lines before it');
}

function parseDocumentLine(value: unknown, at: Place): { collection: CollectionName; document: LedgerDocument } {
  const line = DocumentLineSchema.safeParse(value);
  if (!line.success) throw damaged(at, `is not a document of the ledger (${z.prettifyError(line.error)})`);
  const { collection, document } = line.data;
  const parsed = SCHEMAS[collection].safeParse(document);
  const subject = `contains an invalid document ${document._id} of ${collection}`;
  if (!parsed.success) {
    const issues = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw damaged(at, `${subject} (${issues.join('; ')})`);
  }
  const unknown = unknownField(document, parsed.data);
  if (unknown !== undefined) throw damaged(at, `${subject} (${unknown} is not a field of it)`);
  return { collection, document };
}

/** Path of the first field that the schema removed. */
function unknownField(document: unknown, parsed: unknown, path = ''): string | undefined {
  if (typeof document !== 'object' || document === null) return undefined;
  for (const [name, field] of Object.entries(document)) {
    const below = path === '' ? name : `${path}.${name}`;
    if (!Object.hasOwn(parsed as object, name)) return below;
    const found = unknownField(field, (parsed as Record<string, unknown>)[name], below);
    if (found !== undefined) return found;
  }
  return undefined;
}
