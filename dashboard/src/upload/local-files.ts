import { isSystemFile } from './system-files.ts';
import { readZipMembers } from './zip-members.ts';

/** A file that the user chose. */
export interface LocalFile {
  /** The name, with the folders that were dropped, separated by `/`. */
  path: string;
  file: File;
  /** The names in a zip archive. */
  members?: string[];
}

/** Whether an operating system or an editor added a file or folder to a dropped folder. */
function isIgnored({ name }: FileSystemEntry): boolean {
  return name.startsWith('.') || isSystemFile(name);
}

/** The files of a drop, with those in its folders. Call it in the event handler: the browser clears the drop later. */
export async function droppedFiles(transfer: DataTransfer): Promise<LocalFile[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const files = entries.length === 0 ? fromList(transfer.files) : (await Promise.all(entries.map(filesOf))).flat();
  return withMembers(files);
}

/** The files of a file input. */
export function chosenFiles(list: FileList): Promise<LocalFile[]> {
  return withMembers(fromList(list));
}

function fromList(list: FileList): LocalFile[] {
  return [...list].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

async function filesOf(entry: FileSystemEntry): Promise<LocalFile[]> {
  if (isFile(entry)) {
    const file = await new Promise<File>((resolve, reject) => entry.file(resolve, reject));
    return [{ path: entry.fullPath.replace(/^\//, ''), file }];
  }
  const children = await readFolder((entry as FileSystemDirectoryEntry).createReader());
  return (await Promise.all(children.filter((child) => !isIgnored(child)).map(filesOf))).flat();
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

/** A reader returns the entries in parts; the last part is empty. */
async function readFolder(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
  return part.length === 0 ? [] : [...part, ...(await readFolder(reader))];
}

function withMembers(files: LocalFile[]): Promise<LocalFile[]> {
  return Promise.all(
    files.map(async (each) =>
      /\.zip$/i.test(each.path) ? { ...each, members: await readZipMembers(each.file) } : each,
    ),
  );
}
