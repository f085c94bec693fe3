import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Finished } from '../support/program.ts';
import type { Sandbox } from '../support/sandbox.ts';

/** What becomes of a call of nft; a number: seconds that it takes. */
export type Mood = 'works' | 'missing' | 'fails' | 'hangs' | number | { readonly says: string };

const BIN = '/run/test/bin';

/**
 * A PATH of its own for the daemons and the commands, in which nft does as it is told. They inherit it from whoever started
 * them. The nft of the test itself stays the real one.
 */
export class FakeNft {
  private readonly box: Sandbox;

  private constructor(box: Sandbox) {
    this.box = box;
  }

  static async install(box: Sandbox): Promise<FakeNft> {
    mkdirSync(box.path(BIN), { recursive: true });
    await box.sh(`
      IFS=:
      for directory in $PATH; do
        for file in "$directory"/*; do [ -x "$file" ] && ln -s "$file" ${BIN}/ 2>/dev/null || true; done
      done
      mv ${BIN}/nft ${BIN}/real-nft
    `);
    const fake = new FakeNft(box);
    fake.be('works');
    return fake;
  }

  be(mood: Mood): void {
    const file = this.box.path(`${BIN}/nft`);
    rmSync(file, { force: true });
    if (mood === 'missing') return;
    writeFileSync(file, `#!/bin/bash\n${script(mood)}\n`, { mode: 0o755 });
  }

  /** Runs `tproxy` with that PATH. */
  tproxy(...args: readonly string[]): Promise<Finished> {
    return this.box.run(['env', `PATH=${BIN}`, '/var/tmp/one/vnm/tproxy', ...args]);
  }
}

function script(mood: Exclude<Mood, 'missing'>): string {
  if (mood === 'works') return 'exec real-nft "$@"';
  if (mood === 'fails') return 'echo "Error: Could not process rule: Device or resource busy" >&2; exit 1';
  if (mood === 'hangs') return 'exec sleep 1000';
  if (typeof mood === 'number') return `sleep ${mood}; exec real-nft "$@"`;
  return `printf '%s' '${mood.says}'`;
}
