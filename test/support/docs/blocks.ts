/** A command of a page, with what the page shows of its output. */
export interface Command {
  readonly script: string;
  /** Undefined: nothing is shown, and anything may come. */
  readonly shown?: readonly string[];
}

/** A fenced block of a page that has command lines in it. */
export interface Block {
  /** Line of the page, from 1. */
  readonly line: number;
  readonly where: 'host' | 'guest';
  readonly commands: readonly Command[];
  /** Why it can't be run. */
  readonly notRun?: string;
}

export interface Page {
  /** What is there before the first command: `empty`, or `running`. */
  readonly scene: string;
  readonly blocks: readonly Block[];
  /** Texts of the other fenced blocks. */
  readonly others: readonly string[];
}

const SHELL = ['sh', 'bash', 'shell', 'console'];

/**
 * The command lines of a page in the order of the text. `sh` blocks are scripts; in `console` blocks lines with `# ` or `$ ` in
 * front are commands and the lines below what they print. Comments above a block say more:
 *
 *     <!-- scene: running -->       what is there before the page begins
 *     <!-- in the guest -->         where the next block runs
 *     <!-- not run: reason -->      the next block does not
 */
export function readPage(text: string): Page {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  const others: string[] = [];
  let scene = 'running';
  let remark = '';
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const comment = /^\s*<!-- (.*) -->$/.exec(line)?.[1];
    const fence = /^\s*```(\w*)/.exec(line)?.[1];
    if (comment?.startsWith('scene: ') === true) scene = comment.slice('scene: '.length);
    else if (comment !== undefined) remark = comment;
    else if (fence !== undefined) {
      const end = lines.findIndex((one, index) => index > at && /^\s*```\s*$/.test(one));
      const body = lines.slice(at + 1, end);
      if (SHELL.includes(fence)) blocks.push(blockOf(fence, at + 1, body, remark));
      else others.push(body.join('\n'));
      remark = '';
      at = end;
    } else if (line.trim() !== '') remark = '';
  }
  return { scene, blocks, others };
}

function blockOf(kind: string, line: number, body: readonly string[], remark: string): Block {
  const notRun = /^not run: (.*)$/.exec(remark)?.[1];
  return {
    line,
    where: remark === 'in the guest' ? 'guest' : 'host',
    commands: kind === 'console' ? session(body) : [{ script: body.join('\n') }],
    ...(notRun === undefined ? {} : { notRun }),
  };
}

function session(body: readonly string[]): Command[] {
  const commands: { script: string; shown: string[] }[] = [];
  for (const line of body) {
    // `# ` at the start of a line is the prompt of root; a command's own output in these pages never begins so.
    const script = /^[#$] (?!stock$|tproxy: )(.+)$/.exec(line)?.[1];
    if (script !== undefined) commands.push({ script, shown: [] });
    else commands.at(-1)?.shown.push(line);
  }
  return commands;
}

/** Why the output is not what is shown, or undefined. */
export function mismatch(shown: readonly string[], printed: string): string | undefined {
  const pattern = shown
    .map((line) => (line.trim() === '…' ? '(?:[^\\n]*\\n)*' : `${lineOf(line)}\\n`))
    .join('');
  const text = printed === '' || printed.endsWith('\n') ? printed : `${printed}\n`;
  if (new RegExp(`^${pattern}$`).test(text.replaceAll(/[ \t]+$/gm, ''))) return undefined;
  return `shown:\n${shown.join('\n')}\nprinted:\n${printed}`;
}

/** `…` stands for anything in a line, a long number for any number, spaces for spaces. */
function lineOf(line: string): string {
  return line
    .trimEnd()
    .split('…')
    .map((part) =>
      part
        .replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
        .replaceAll(/\b\d{5,}\b/g, '\\d+')
        .replaceAll(/[ \t]+/g, '[ \\t]+'),
    )
    .join('.*');
}
