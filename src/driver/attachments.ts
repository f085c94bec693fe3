import { mkdir, open, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, TproxyError } from '../errors.ts';
import { type Attachment, attachmentKey } from './attachment.ts';
import { attachmentText, parseAttachment } from './attachment-json.ts';

export interface LoadedAttachments {
  readonly attachments: readonly Attachment[];
  /** Messages about damaged records; they have been set aside as `….damaged`. */
  readonly damaged: readonly string[];
}

/** Records of who uses which bridge: one file each, so that one that is damaged harms no other. */
export interface AttachmentStore {
  load(): Promise<LoadedAttachments>;
  put(attachment: Attachment): Promise<void>;
  /** A record that is not there is fine. */
  remove(attachment: Attachment): Promise<void>;
}

const SUFFIX = '.json';
const TEMPORARY = '.tmp';

/**
 * Records in `directory`, which exists as long as there are any. The caller holds the lock, or says `look-only`: then damaged
 * records are told and stay where they are.
 */
export function attachmentsIn(directory: string, use: 'keep' | 'look-only' = 'keep'): AttachmentStore {
  const fileOf = (attachment: Attachment): string => join(directory, `${attachmentKey(attachment)}${SUFFIX}`);
  return {
    load: () => load(directory, use === 'keep'),

    async put(attachment) {
      const file = fileOf(attachment);
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        await writeAtomically(file, attachmentText(attachment, new Date()));
      } catch (error) {
        throw new TproxyError(`${file}: can't be written: ${messageOf(error)}; see to the file system`, {
          cause: error,
        });
      }
    },

    async remove(attachment) {
      await rm(fileOf(attachment), { force: true });
      await removeIfEmpty(directory);
    },
  };
}

async function load(directory: string, tidies: boolean): Promise<LoadedAttachments> {
  const attachments: Attachment[] = [];
  const damaged: string[] = [];
  for (const name of await namesIn(directory)) {
    const file = join(directory, name);
    // Half a record of a process that was killed; the lock says that nobody is writing it now.
    if (tidies && name.endsWith(TEMPORARY)) await rm(file, { force: true });
    if (!name.endsWith(SUFFIX)) continue;
    try {
      attachments.push(parseAttachment(await readFile(file, 'utf8'), file));
    } catch (error) {
      damaged.push(tidies ? await setAside(file, error) : `${messageOf(error)}: it is passed over`);
    }
  }
  return { attachments, damaged };
}

async function setAside(file: string, error: unknown): Promise<string> {
  const aside = `${file}.damaged`;
  const message = `${messageOf(error)}: set aside as ${aside}; delete it when you have seen it`;
  return rename(file, aside).then(
    () => message,
    (reason: unknown) => `${messageOf(error)}: can't be set aside either: ${messageOf(reason)}`,
  );
}

/** Readers see the old record or the new one, and never half of one, whatever happens in between. */
async function writeAtomically(file: string, text: string): Promise<void> {
  const temporary = `${file}${TEMPORARY}`;
  try {
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(text);
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}

async function removeIfEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    if (!isCode(error, 'ENOENT') && !isCode(error, 'ENOTEMPTY')) throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
