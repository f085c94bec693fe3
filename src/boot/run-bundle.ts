import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Script } from 'node:vm';
import { codeFile, readCodeCache, writeCodeCache } from './code-cache.ts';

const ROOT = 0;
const WRAPPER = '(function (exports, require, module, __filename, __dirname) { ';
/** A verb takes different ways at different times: its code is kept anew after each of its first runs. */
const LEARNING_RUNS = 3;

export interface BundleRun {
  /** Path of the bundle, CommonJS in ASCII. */
  readonly file: string;
  readonly require: NodeJS.Require;
  /** Where compiled code is kept. */
  readonly directory: string;
  /** What is done; undefined when nothing on the host may be changed, the kept code included. */
  readonly verb: string | undefined;
}

/** Runs a bundle as `require` would, with compiled code of earlier runs where there is any. Root alone keeps code and trusts it. */
export function runBundle({ file, require, directory, verb }: BundleRun): void {
  const source = readFileSync(file);
  const isRoot = process.geteuid?.() === ROOT;
  const kept = codeFile(directory, file);
  const cache = isRoot ? readCodeCache(kept, source, ROOT) : undefined;
  const script = new Script(`${WRAPPER}${source.toString('latin1')}\n})`, {
    filename: file,
    ...(cache === undefined ? {} : { cachedData: cache.code }),
  });
  const usable = cache !== undefined && script.cachedDataRejected !== true;
  const runs = usable ? cache.runs : {};
  const earlier = verb === undefined ? LEARNING_RUNS : (runs[verb] ?? 0);
  if (isRoot && verb !== undefined && earlier < LEARNING_RUNS) {
    process.once('exit', (code) => {
      if (code !== 0) return;
      const learned = { ...runs, [verb]: earlier + 1 };
      writeCodeCache(kept, source, ROOT, { runs: learned, code: script.createCachedData() });
    });
  }
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, file, dirname(file));
}
