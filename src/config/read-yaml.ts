import { isMap, LineCounter, parseDocument, type YAMLMap, type YAMLParseError } from 'yaml';
import { type Problem, plainly } from './problem.ts';
import { type YamlSource, yamlSource } from './yaml-source.ts';

export type ReadYaml =
  | { readonly readable: true; readonly source: YamlSource; readonly root: YAMLMap | undefined }
  | { readonly readable: false; readonly problems: readonly Problem[] };

/** Real files have a few kilobytes; this bounds time and memory. */
export const MAX_CONFIG_BYTES = 1024 * 1024;
/** One slip makes a parser stumble many times. */
const MAX_YAML_PROBLEMS = 10;

const REMEDIES: Partial<Record<YAMLParseError['code'], string>> = {
  TAB_AS_INDENT: 'indent with spaces, not with tabs',
  MULTIPLE_DOCS: 'remove every "---" but the first',
  BAD_INDENT: 'align the keys of a mapping and the dashes of a list',
};

/** The top level mapping of the file; `root` is undefined when the file is empty. Never throws on content. */
export function readYaml(text: string): ReadYaml {
  if (Buffer.byteLength(text) > MAX_CONFIG_BYTES) {
    return unreadable(
      'the file has more than 1 MiB, which is the limit',
      'check that this is the right file, or write fewer services',
    );
  }
  const lineCounter = new LineCounter();
  // Duplicate keys of other drivers are not ours to judge; our own are looked at later.
  const document = parseDocument(text, { lineCounter, uniqueKeys: false, prettyErrors: false });
  if (document.errors.length > 0) {
    return { readable: false, problems: yamlProblems(document.errors, lineCounter) };
  }
  const source = yamlSource(document, lineCounter);
  const root = source.resolve(document.contents);
  if (isMap(root)) return { readable: true, source, root };
  if (source.plain(root) === null) return { readable: true, source, root: undefined };
  return unreadable(
    'the file holds no mapping of keys to values',
    'begin lines with keys, such as ":tproxy:"',
  );
}

/** The answer for a file that can't be read as a whole. */
export function unreadable(message: string, remedy: string): ReadYaml & { readonly readable: false } {
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
