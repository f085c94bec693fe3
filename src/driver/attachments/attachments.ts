import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isCode, messageOf, TproxyError } from '../../errors.ts';
import { replaceFile } from '../../replace-file.ts';
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
    load: async () => load(directory, use === 'keep'),

    async put(attachment) {
      const file = fileOf(attachment);
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        const text = attachmentText(attachment, new Date());
        replaceFile(file, (fresh) => writeFileSync(fresh, text, { mode: 0o600 }), `${file}${TEMPORARY}`);
      } catch (error) {
        throw new TproxyError(`${file}: can't be written: ${messageOf(error)}`, {
          remedy: 'check the file system',
          cause: error,
        });
      }
    },

    async remove(attachment) {
      rmSync(fileOf(attachment), { force: true });
      removeIfEmpty(directory);
    },
  };
}

function load(directory: string, tidies: boolean): LoadedAttachments {
  const attachments: Attachment[] = [];
  const damaged: string[] = [];
  for (const name of namesIn(directory)) {
    const file = join(directory, name);
    // Half a record of a process that was killed; the lock says that nobody is writing it now.
    if (tidies && name.endsWith(TEMPORARY)) rmSync(file, { force: true });
    if (!name.endsWith(SUFFIX)) continue;
    try {
      attachments.push(parseAttachment(readFileSync(file, 'utf8'), file));
    } catch (error) {
      damaged.push(tidies ? setAside(file, error) : `${messageOf(error)}: it is passed over`);
    }
  }
  return { attachments, damaged };
}

function setAside(file: string, error: unknown): string {
  const aside = `${file}.damaged`;
  const message = `${messageOf(error)}: set aside as ${aside}; delete it when you have seen it`;
  try {
    renameSync(file, aside);
    return message;
  } catch (reason) {
    return `${messageOf(error)}: can't be set aside either: ${messageOf(reason)}`;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (isCode(error, 'ENOENT')) return [];
    throw error;
  }
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!isCode(error, 'ENOENT') && !isCode(error, 'ENOTEMPTY')) throw error;
  }
}
