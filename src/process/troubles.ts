import { mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_DIRECTORY } from './paths.ts';
import { ensureRunDirectory } from './run-directory.ts';

/** A NIC whose hook failed although its VM was not kept from starting: its guest may lack services. */
export interface Trouble {
  readonly vmId: string;
  readonly nicId: string;
  readonly bridge: string;
  readonly reason: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export const TROUBLES_DIRECTORY = `${RUN_DIRECTORY}/troubles`;
const SUFFIX = '.json';

/**
 * What went wrong and has not come right since, one file for each NIC. For `doctor` and metrics; no decision depends on it, so
 * a disk that is full costs the note and nothing else.
 */
export class TroubleBook {
  private readonly directory: string;

  constructor(directory = TROUBLES_DIRECTORY) {
    this.directory = directory;
  }

  note(trouble: Trouble): void {
    quietly(() => {
      if (this.directory === TROUBLES_DIRECTORY) ensureRunDirectory();
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      const file = join(this.directory, fileOf(trouble));
      writeFileSync(`${file}.new`, `${JSON.stringify(trouble)}\n`, { mode: 0o600 });
      renameSync(`${file}.new`, file);
    });
  }

  /** All is well with this NIC now, or it has gone. */
  clear(nic: Pick<Trouble, 'vmId' | 'nicId'>): void {
    quietly(() => rmSync(join(this.directory, fileOf(nic)), { force: true }));
    quietly(() => rmdirSync(this.directory));
  }

  /** All is well with every NIC on this bridge. */
  clearBridge(bridge: string): void {
    for (const trouble of this.all()) if (trouble.bridge === bridge) this.clear(trouble);
  }

  /** In the order of their file names. Empty where nobody can tell. */
  all(): readonly Trouble[] {
    const names = quietly(() => readdirSync(this.directory).sort()) ?? [];
    return names
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => quietly(() => troubleOf(JSON.parse(readFileSync(join(this.directory, name), 'utf8')))))
      .filter((trouble) => trouble !== undefined);
  }
}

function fileOf({ vmId, nicId }: Pick<Trouble, 'vmId' | 'nicId'>): string {
  return `vm-${encodeURIComponent(vmId)}-${encodeURIComponent(nicId)}${SUFFIX}`;
}

function troubleOf(value: unknown): Trouble | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { vmId, nicId, bridge, reason, at } = value as Record<string, unknown>;
  const isWhole = typeof vmId === 'string' && typeof nicId === 'string' && typeof bridge === 'string';
  if (!isWhole || typeof reason !== 'string' || typeof at !== 'number') return undefined;
  return { vmId, nicId, bridge, reason, at };
}

function quietly<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch {
    return undefined;
  }
}
