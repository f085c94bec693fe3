import { isMap, LineCounter, parseDocument, type YAMLParseError } from 'yaml';
import { ConfigError, messageOf } from '../../errors.ts';
import type { KeyStyle } from './key-style.ts';
import { type Problem, plainly } from './problem.ts';
import type { Place } from './schema.ts';
import { type Field, type YamlSource, yamlSource } from './yaml-source.ts';

/** Real files have a few kilobytes; this bounds time and memory. */
export const MAX_CONFIG_BYTES = 1024 * 1024;
/** One slip makes a parser stumble many times. */
const MAX_YAML_PROBLEMS = 10;

const REMEDIES: Partial<Record<YAMLParseError['code'], string>> = {
  TAB_AS_INDENT: 'indent with spaces, not with tabs',
  MULTIPLE_DOCS: 'remove every "---" but the first',
  BAD_INDENT: 'align the keys of a mapping and the dashes of a list',
};

/** What kind of file it is. */
export interface FileForm {
  readonly style: KeyStyle;
  /** A top level key, as it is written: `:tproxy:`. */
  readonly example: string;
}

/** The top level of a file: a mapping, without a field when the file is empty. */
export interface Root {
  readonly fields: readonly Field[];
  readonly place: Place;
  readonly source: YamlSource;
}

export interface Unreadable {
  readonly readable: false;
  readonly problems: readonly Problem[];
}

export type ReadFile<T> = { readonly readable: true; readonly value: T } | Unreadable;

/** What `read` makes of the top level of `text`. Never throws on content. */
export function readFile<T>(text: string, form: FileForm, read: (root: Root) => T): ReadFile<T> {
  try {
    const root = readRoot(text, form);
    return 'fields' in root ? { readable: true, value: read(root) } : root;
  } catch (error) {
    // Deep nesting ends in a RangeError, here or in the YAML library; a flood of aliases in a ConfigError.
    if (!(error instanceof RangeError || error instanceof ConfigError)) throw error;
    const why = error instanceof RangeError ? 'lists or mappings nested too deep' : messageOf(error);
    return unreadable(`the file has ${why}`, 'write it out plainly');
  }
}

function readRoot(text: string, { style, example }: FileForm): Root | Unreadable {
  if (Buffer.byteLength(text) > MAX_CONFIG_BYTES) {
    return unreadable(
      'the file has more than 1 MiB, which is the limit',
      'check that this is the right file, or write less into it',
    );
  }
  const lineCounter = new LineCounter();
  // Duplicate keys of other drivers are not ours to judge; our own are looked at later.
  const document = parseDocument(text, { lineCounter, uniqueKeys: false, prettyErrors: false });
  if (document.errors.length > 0) {
    return { readable: false, problems: yamlProblems(document.errors, lineCounter) };
  }
  const source = yamlSource(document, lineCounter, style, text.includes('&'));
  const root = source.resolve(document.contents);
  if (!isMap(root) && source.plain(root) !== null) {
    return unreadable(
      'the file holds no mapping of keys to values',
      `begin lines with keys, such as "${example}"`,
    );
  }
  const place = { at: { line: 1, column: 1 }, key: '', name: 'the file', owner: '', inside: '', style };
  return { fields: isMap(root) ? source.fields(root) : [], place, source };
}

/** The answer for a file that can't be read as a whole. */
function unreadable(message: string, remedy: string): Unreadable {
  return { readable: false, problems: [{ severity: 'error', line: 1, column: 1, key: '', message, remedy }] };
}

function yamlProblems(errors: readonly YAMLParseError[], lines: LineCounter): readonly Problem[] {
  return errors.slice(0, MAX_YAML_PROBLEMS).map((error) => {
    const { line, col } = lines.linePos(error.pos[0]);
    return {
      severity: 'error',
      line: Math.max(line, 1),
      column: Math.max(col, 1),
      key: '',
      message: `broken YAML: ${plainly(error.message)}`,
      remedy: REMEDIES[error.code] ?? 'correct the YAML here or just above',
    };
  });
}
