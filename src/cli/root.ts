import { PermissionError } from '../errors.ts';

/** Throws for anybody but root. */
export function demandRoot(command: string): void {
  if (process.geteuid?.() === 0) return;
  throw new PermissionError(`tproxy ${command}: needs root`, { remedy: 'run it with sudo' });
}
