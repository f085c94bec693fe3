import { CommandError, MissingToolError, messageOf } from '../../errors.ts';
import type { Run } from '../../system/run.ts';
import { type Finding, failed, ok } from '../check.ts';

/** Programs that this one starts, how they tell their version, and the package that has them. */
export const TOOLS = {
  ip: { args: ['-V'], pack: 'iproute2' },
  bridge: { args: ['-V'], pack: 'iproute2' },
  nft: { args: ['--version'], pack: 'nftables' },
  nsenter: { args: ['--version'], pack: 'util-linux' },
  setpriv: { args: ['--version'], pack: 'util-linux' },
  bash: { args: ['--version'], pack: 'bash' },
} as const;
export type Tool = keyof typeof TOOLS;

const NODE_MAJOR = 20;

export async function examineTool(tool: Tool, run: Run): Promise<Finding> {
  const { args, pack } = TOOLS[tool];
  try {
    const { stdout, stderr } = await run(tool, args);
    return ok(versionIn(stdout + stderr));
  } catch (error) {
    if (error instanceof MissingToolError) return failed('not found', `install the package ${pack}`);
    if (error instanceof CommandError && error.status === undefined) {
      return failed(messageOf(error), `see what it waits for: ps -C ${tool}, top`);
    }
    if (error instanceof CommandError) return failed(messageOf(error), `install the package ${pack} again`);
    throw error;
  }
}

/** `1.0.6` of `nftables v1.0.6 (Lester Gooch #5)`; the first line where there is no such thing. */
export function versionIn(text: string): string {
  const [line = ''] = text.split('\n');
  return /\d+(?:\.\d+)+/.exec(line)?.[0] ?? line.trim();
}

/** `version` as `process.version` has it: `v20.11.1`. */
export function judgeNode(version: string, path: string): Finding {
  const major = Number(/^v(\d+)/.exec(version)?.[1] ?? 0);
  if (major >= NODE_MAJOR) return ok(version.slice(1));
  return failed(`${path} is ${version}`, `install Node ${NODE_MAJOR} or newer`);
}
