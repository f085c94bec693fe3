import type { Command } from 'commander';
import { ExitCode } from '../../errors.ts';
import { VERSION } from '../../version.ts';
import { bashCompletion } from '../describe/bash-completion.ts';
import { manualPage } from '../describe/manual.ts';
import { shapeOf } from '../describe/shape.ts';
import { zshCompletion } from '../describe/zsh-completion.ts';
import type { Io } from '../io.ts';

/** `tproxy completion SHELL`: the script that completes this very command line. */
export function completion(program: Command, shell: 'bash' | 'zsh', io: Io): ExitCode {
  const make = { bash: bashCompletion, zsh: zshCompletion }[shell];
  io.out(make(shapeOf(program)).trimEnd());
  return ExitCode.ok;
}

/** `tproxy manual`: the manual page, for `man -l -`. */
export function manual(program: Command, io: Io): ExitCode {
  io.out(manualPage(shapeOf(program), VERSION.split(' ')[0] ?? VERSION).trimEnd());
  return ExitCode.ok;
}
